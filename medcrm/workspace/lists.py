"""Which lists of leads does a person come back to? Named by themselves, seen by nobody else."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from medcrm.lib.errors import RuleError
from medcrm.workspace.models import SavedView

MOST = 20
OF_THE_MOMENT = ("p", "e", "all", "q")  # the page; and words of a search, which may name a person


def of(user: AbstractBaseUser) -> QuerySet[SavedView]:
    return SavedView.objects.filter(user=user)


def save_list(user: AbstractBaseUser, name: str, query: str) -> SavedView:
    """Keep the filters of the list under a name; the same name again replaces it. Raise RuleError without a name."""
    name, query = " ".join(name.split())[:60], clean(query)
    if not name:
        raise RuleError("NO_NAME", _("Give the list a name, e.g. “Overdue orthopedics”."), field="name")
    if of(user).exclude(name=name).count() >= MOST:
        raise RuleError(
            "TOO_MANY", _("You have %(n)d lists. Delete one you no longer use.") % {"n": MOST}, field="name"
        )
    view, _made = SavedView.objects.update_or_create(user=user, name=name, defaults={"query": query})
    return view


def drop(view: SavedView) -> None:
    view.delete()


def clean(query: str) -> str:
    return urlencode([(key, value) for key, value in parse_qsl(query.lstrip("?")) if key not in OF_THE_MOMENT])[:1000]
