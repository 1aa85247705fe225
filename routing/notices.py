"""What must staff be told? Shown in the admin at once, and mailed once, without a word about the person.

A notice is for one user, or for a team when nobody of it has the lead; that one is mailed to the team's own address.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from smtplib import SMTPException

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Q, QuerySet

from routing.models import Notice, Team

log = structlog.get_logger(__name__)

BATCH = 500


def tell(counts: Mapping[int, int], kind: str, *, at: datetime) -> None:
    """User → how many leads it is about. Notices of one kind add up until they are read or mailed."""
    _add_up({("user_id", user): count for user, count in counts.items()}, kind, at)


def tell_teams(counts: Mapping[str, int], kind: str, *, at: datetime) -> None:
    """Team → how many leads that none of its members has."""
    _add_up({("team_id", team): count for team, count in counts.items()}, kind, at)


def tell_supervisors(count: int, kind: str, *, at: datetime) -> None:
    """Tell everybody who may move leads between teams, if there is anything to tell."""
    if count:
        tell(dict.fromkeys(supervisors(), count), kind, at=at)


def supervisors() -> list[int]:
    """Active staff with the right to reassign."""
    return holders("leads.reassign_lead")


def holders(right: str) -> list[int]:
    """Active staff with a right; a superuser only when they were given it."""
    users = get_user_model().objects.with_perm(
        right, include_superusers=False, backend="django.contrib.auth.backends.ModelBackend"
    )
    return list(users.filter(is_staff=True).values_list("pk", flat=True))


def _add_up(counts: Mapping[tuple[str, object], int], kind: str, at: datetime) -> None:
    fresh = []
    for (column, whom), count in counts.items():
        unseen = Notice.objects.filter(**{column: whom}, kind=kind, read_at=None, mailed_at=None)
        if not unseen.update(count=F("count") + count, at=at):
            fresh.append(Notice(**{column: whom}, kind=kind, count=count, at=at))
    Notice.objects.bulk_create(fresh, batch_size=BATCH)


def of(user: AbstractBaseUser) -> QuerySet[Notice]:
    """What this user is told: their own notices and those of their team."""
    return Notice.objects.filter(Q(user=user) | Q(team__agents__user=user))


def mark_read(user: AbstractBaseUser, *, at: datetime, pks: Collection[int] | None = None) -> int:
    """Mark the user's unread notices, or these of them, as read. A team's notice is read once anybody read it."""
    unread = of(user).filter(read_at=None)
    chosen = unread if pks is None else unread.filter(pk__in=pks)
    return Notice.objects.filter(pk__in=list(chosen.values_list("pk", flat=True))).update(read_at=at)


def send_due(*, at: datetime) -> int:
    """Mail each person their new notices in one message; return how many mails. A failed mail is tried again.

    The notices are claimed and marked before the mail is handed over, so nobody is mailed twice: a worker that dies in
    between leaves them marked, and shown in the admin. Do not call it inside a transaction.
    """
    with transaction.atomic():
        rows = list(
            Notice.objects.filter(mailed_at=None)
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("user_id", "team_id", "pk")[:BATCH]
        )
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=at)
    news: dict[tuple[int | None, str | None], list[Notice]] = defaultdict(list)
    for row in rows:
        news[row.user_id, row.team_id].append(row)
    users = get_user_model().objects.filter(pk__in=[user for user, _team in news if user], is_active=True)
    addresses: dict[object, str] = dict(users.exclude(email="").values_list("pk", "email"))
    teams = Team.objects.active().filter(pk__in=[team for _user, team in news if team])
    addresses |= dict(teams.exclude(email="").values_list("pk", "email"))
    known = {(user, team): addresses[user or team] for user, team in news if (user or team) in addresses}
    return sum(_mail(address, news[whom]) for whom, address in known.items())


def _mail(address: str, rows: Collection[Notice]) -> bool:
    """Say whether the mail was taken; else its notices are new again."""
    lines = "\n".join(f"- {row}" for row in rows)
    try:
        send_mail("MedCRM: your work changed", f"{lines}\n\nSign in to see them.", None, [address])
    except (OSError, SMTPException) as error:
        log.warning("notices_not_mailed", notices=[row.pk for row in rows], error=type(error).__name__)
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=None)
        return False
    return True
