"""Which addresses belong to one person, and what are our sources called? Answers to the consent room."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils.translation import gettext as _

from leads.models import ImportRun, Lead, Source
from leads.vocabulary import InteractionKind

LIMIT = 200  # a name that common is narrowed by its first name


def address_ids(name: str) -> list[int]:
    """Phone and e-mail addresses of leads by last name, or by first and last name; any case, from the beginning."""
    words = name.split()
    if not words:
        return []
    leads = Lead.objects.filter(last_name__istartswith=words[-1])
    if len(words) > 1:
        leads = leads.filter(first_name__istartswith=words[0])
    rows = leads.order_by().values_list("phone", "email")[:LIMIT]
    return sorted({address for row in rows for address in row if address})


def companion_ids(address_id: int) -> list[int]:
    """Every address of the leads that have this one, and of those merged with them. Two queries."""
    holders = Lead.objects.filter(Q(phone=address_id) | Q(email=address_id)).values_list("pk", "merged_into")
    roots = {merged_into or pk for pk, merged_into in holders}
    rows = Lead.objects.filter(Q(pk__in=roots) | Q(merged_into__in=roots)).order_by().values_list("phone", "email")
    return sorted({address for row in rows for address in row if address})


def source_names(codes: Iterable[str]) -> dict[str, str]:
    """What staff call the source of a consent event: a form, an import, a reply, a system, the preference page."""
    codes = set(codes)
    runs = {int(code[7:]): code for code in codes if code.startswith("import:") and code[7:].isdigit()}
    files = ImportRun.objects.filter(pk__in=runs).values_list("pk", "file_name") if runs else ()
    systems = {code for code in codes if code.startswith("api:")}
    users = get_user_model().objects.filter(username__in=systems) if systems else ()
    return {
        "preference_page": _("Preference page"),
        **{str(code): str(label) for code, label in InteractionKind.choices},
        **dict(Source.objects.filter(pk__in=codes).values_list("pk", "name")),
        **{user.get_username(): user.get_full_name() for user in users},
        **{runs[pk]: _("Import of %(file)s") % {"file": name} for pk, name in files},
    }
