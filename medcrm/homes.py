"""What does each kind of work add to the first page? What is next, how the day goes, what is proven, what performs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from consent import inbound
from consent.models import Attempt, Checkpoint, ConsentEvent, Verification
from consent.vocabulary import Channel
from leads.filters import start_of_day
from leads.models import Interaction, Lead, ScoringModel
from leads.vocabulary import InteractionKind
from medcrm import dashboard
from medcrm.dashboard import Bar, Figure
from medcrm.lib import reading
from medcrm.lib.counts import Counting
from medcrm.middleware import BACKGROUND
from medcrm.workspace import my_work
from nurture.models import Enrollment

NEXT_SHOWN = 5
OLD_PROOF = timedelta(hours=26)  # verification runs every day; a little late is no alarm
CALLS = (InteractionKind.CALL, InteractionKind.VOICEMAIL, InteractionKind.INBOUND_CALL)


@dataclass(frozen=True)
class Home:
    """One part of the first page: figures, and either the work that is next or bars."""

    title: object
    figures: Sequence[Figure] = ()
    rows: Sequence[my_work.Row] = ()
    bars: Sequence[Bar] = ()
    empty: object = ""
    more: str = ""
    counted_at: datetime | None = None  # where figures are kept

    @property
    def most(self) -> int:
        return max([1, *(bar.count for bar in self.bars)])


def fill(request: HttpRequest, context: dict[str, object]) -> dict[str, object]:
    """What the index page shows to this person (UNFOLD's DASHBOARD_CALLBACK)."""
    counting = Counting(at=timezone.now(), anew=BACKGROUND in request.headers)
    homes = of(request.user, counting)
    seen = [row.lead.pk for home in homes for row in home.rows]
    if seen:
        reading.note(request, "list", "leads.lead", seen)
    context = dashboard.fill(request, context, counting)
    return {**context, "homes": homes, "is_old": counting.is_old}


def of(user: AbstractBaseUser, counting: Counting) -> list[Home]:
    """The parts for this person, by what they may do. A fixed number of queries."""
    parts = []
    if is_agent(user):
        parts.append(day_of_caller(user, at=counting.at))
    if user.has_perm("consent.view_verification"):
        parts.append(proof(counting))
    if user.has_perm("nurture.change_sequence"):
        parts.append(reach(counting))
    return parts


def is_agent(user: AbstractBaseUser) -> bool:
    try:
        return user.agent is not None
    except (ObjectDoesNotExist, AttributeError):
        return False


def day_of_caller(user: AbstractBaseUser, *, at: datetime) -> Home:
    """What is next, what is late, and how the day goes."""
    page = my_work.read(user, at=at)
    today = start_of_day(at)
    load = my_work.count(user, at=at)
    # The entry of who rang in is no call yet: the record of how the talk ended is.
    ended = Interaction.objects.filter(by=user, at__gte=today, kind__in=CALLS, disposition__isnull=False)
    calls = ended.aggregate(made=Count("pk"), reached=Count("pk", filter=Q(disposition__reaches_right_party=True)))
    work = reverse("workspace:my_work")
    return Home(
        _("Next for you"),
        figures=[
            Figure(_("Overdue"), load.late, work, "bad" if load.late else "good"),
            Figure(_("Still due today"), load.today, work, "warn" if load.today else ""),
            Figure(_("Promised by you"), load.promised, work, "info"),
            Figure(_("Calls today"), calls["made"], work, "info", _("%(n)d reached") % {"n": calls["reached"]}),
        ],
        rows=page.rows[:NEXT_SHOWN],
        empty="" if page.asked else _("You are all caught up. Press “Call next” to get your team's best lead."),
        more=work,
    )


def proof(counting: Counting) -> Home:
    """Is the ledger whole and sealed, and what did the gate refuse today?"""
    at = counting.at
    run = Verification.objects.first()
    seal = Checkpoint.objects.order_by("-pk").first()
    today = start_of_day(at)
    attempts_today = Attempt.objects.filter(at__gte=today)
    kinds = counting.counted(
        f"attempts:{today.isoformat()}",
        lambda: attempts_today.aggregate(
            allowed=Count("pk", filter=Q(kind="allow")), refused=Count("pk", filter=~Q(kind="allow"))
        ),
    )
    to_read = inbound.unread(ConsentEvent.objects.all()).count()
    attempts = f"{reverse('admin:consent_attempt_changelist')}?at_from={today.date()}"
    is_fresh = run is not None and at - run.ran_at < OLD_PROOF
    whole = run is not None and not run.breaks_count
    return Home(
        _("Permission and proof"),
        figures=[
            Figure(
                _("Breaks in the ledger"),
                run.breaks_count if run else 0,
                reverse("admin:consent_verification_changelist"),
                "good" if whole and is_fresh else "bad" if run and not whole else "warn",
                _("checked %(when)s") % {"when": _when(run.ran_at)} if run else _("not checked yet"),
            ),
            Figure(
                _("Events sealed"),
                seal.events_count if seal else 0,
                reverse("admin:consent_checkpoint_changelist"),
                "good" if seal else "warn",
                _("sealed %(when)s") % {"when": _when(seal.taken_at)} if seal else _("not sealed yet"),
            ),
            Figure(_("Contacts allowed today"), kinds.value["allowed"], f"{attempts}&kind__exact=allow", "info"),
            Figure(_("Contacts refused today"), kinds.value["refused"], f"{attempts}&kind__in=deny,hold", "info"),
            Figure(
                _("Replies to read"),
                to_read,
                reverse("admin:consent_consentevent_changelist") + "?review=waiting",
                "warn" if to_read else "good",
                _("may be requests to stop"),
            ),
        ],
        counted_at=kinds.at,
    )


def reach(counting: Counting) -> Home:
    """What came in this week and from where, and what the sequences sent. Counts only: no single lead is shown."""
    week = start_of_day(counting.at) - timedelta(days=6)
    drafts = ScoringModel.objects.filter(status="draft").count()
    kept = counting.counted(f"reach:{week.isoformat()}", lambda: _reached(week))
    captured = kept.value.captured
    page = reverse("admin:leads_source_changelist")
    return Home(
        _("This week"),
        figures=[
            Figure(_("Leads captured"), sum(row[2] for row in captured), page, "info", _("last 7 days")),
            Figure(
                _("In sequences"),
                kept.value.enrolled,
                reverse("admin:nurture_sequence_changelist"),
                "info",
            ),
            Figure(_("Messages sent"), kept.value.sent, reverse("admin:nurture_sequence_changelist"), "info"),
            Figure(
                _("Scoring drafts"), drafts, reverse("admin:leads_scoringmodel_changelist") + "?status__exact=draft"
            ),
        ],
        bars=[Bar(name, n, f"{reverse('admin:leads_source_change', args=[code])}") for code, name, n in captured],
        empty=_("Nothing came in this week. Sources and their forms are under Catalogue."),
        counted_at=kept.at,
    )


@dataclass(frozen=True)
class Reached:
    """What came in by source, with the source's name; who is in a sequence; what went out."""

    captured: Sequence[tuple[str, str, int]]
    enrolled: int
    sent: int


def _reached(week: datetime) -> Reached:
    leads = Lead.objects.filter(created_at__gte=week, is_test=False, merged_into=None).order_by()
    rows = leads.values_list("source", "source__name").annotate(n=Count("pk"))
    sent = Attempt.objects.filter(at__gte=week, channel__in=[Channel.SMS, Channel.EMAIL], state="sent")
    return Reached(sorted(rows, key=lambda row: -row[2]), Enrollment.objects.active().count(), sent.count())


def _when(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "M j, g:i A")
