"""What does everybody who reads reports get by mail once a week? Few figures of all reports, and the week before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from leads import summaries
from leads.measures import FUNNEL, MEASURES, Period
from leads.models import Inquiry, Proposal
from medcrm.reports import reviewing
from medcrm.reports.ask import Ask
from medcrm.reports.counting import counts
from medcrm.reports.outreach import ENTRIES, contacts
from medcrm.reports.people import counted
from medcrm.reports.table import span
from medcrm.reports.work import CLOCKS, HANDOFFS

log = structlog.get_logger(__name__)

Figures = Mapping[str, Mapping[str, str]]
"""Page → what is said → how much."""


def send(*, at: datetime) -> int:
    """Mail the last seven whole days to each active reader with an address; return how many mails left."""
    today = timezone.localtime(at).date()
    period = Period(today - timedelta(days=7), today - timedelta(days=1))
    body = _body(Ask(period, {}, at))
    readers = get_user_model().objects.filter(_may_read(), is_active=True).exclude(email="").distinct()
    messages = [
        EmailMessage(_("MedCRM: the week to %(day)s") % {"day": date_format(period.last)}, body, to=[email])
        for email in readers.order_by("pk").values_list("email", flat=True)
    ]
    try:
        return get_connection().send_messages(messages) or 0
    except OSError as error:
        log.warning("weekly_report_not_sent", error=str(error), readers=len(messages))
        return 0


def _may_read() -> Q:
    codename = "report_milestone"
    return Q(groups__permissions__codename=codename) | Q(user_permissions__codename=codename)


def _body(ask: Ask) -> str:
    """Plain text: one line per figure, this week and the week before, then what waits for a decision."""
    now, before = figures(ask), figures(ask.before)
    days = {"first": date_format(ask.period.first), "last": date_format(ask.period.last)}
    lines = [_("Leads captured from %(first)s to %(last)s") % days, _("In brackets: the week before.")]
    for page, said in now.items():
        lines += ["", page, *(f"{label}: {text} ({before[page][label]})" for label, text in said.items())]
    return "\n".join([*lines, "", *_to_decide(), f"{settings.PUBLIC_URL}{reverse('reports:home')}"])


def figures(ask: Ask) -> Figures:
    """The figures of a week that a manager acts upon, page by page."""
    whole = ask.whole((*FUNNEL, summaries.TRIES, *summaries.WAITS))
    ended = ask.leads().aggregate(**counted(("stopped", "held")))
    owed = ask.beside(CLOCKS).aggregate(**counts(ask, CLOCKS))
    offered = ask.beside(HANDOFFS).aggregate(**counts(ask, HANDOFFS))
    entered = ask.beside(ENTRIES).aggregate(**counts(ask, ENTRIES))
    decided = contacts(ask)
    out = ask.leads(also_left_out=True).exclude(left_out="").count()
    received = Inquiry.objects.filter(ask.period.during("received_at"))
    broken = received.aggregate(n=Count("pk"), refused=Count("pk", filter=Q(status=Inquiry.Status.REFUSED)))
    return {
        _("Funnel"): {str(MEASURES[name][0]): f"{whole[f'n_{name}']:,}" for name in FUNNEL},
        _("Speed"): {
            _("First attempt: half within"): _half(whole["n_attempt"]),
            _("First contact: half within"): _half(whole["n_contact"]),
            _("Booking: half within"): _half(whole["n_booking"]),
            _("Goals met in time"): _part(owed["in_time"], owed["all"]),
        },
        _("Effort"): {
            _("Tries per lead"): f"{whole['n_attempts'] / whole['n_captured']:.1f}" if whole["n_captured"] else "–"
        },
        _("Stops and holds"): {str(MEASURES[name][0]): f"{ended[f'n_{name}']:,}" for name in ("stopped", "held")},
        _("Handoffs"): {
            _("Accepted"): _part(offered["accepted"], offered["offered"]),
            _("Returned"): _part(offered["returned"], offered["offered"]),
        },
        _("Sequences"): {
            _("Entered"): f"{entered['entered']:,}",
            _("Replied"): _part(entered["replied"], entered["entered"]),
            _("Booked"): _part(entered["booked"], entered["entered"]),
            _("Opted out"): _part(entered["opted_out"], entered["entered"]),
        },
        _("Permission"): {
            _("Made without permission"): f"{decided['without']:,}",
            _("Not permitted"): _part(decided["refused"], decided["n"]),
        },
        _("Data"): {
            _("Left out of every share"): f"{out:,}",
            _("Inquiries to repair"): _part(broken["refused"], broken["n"]),
        },
    }


def _half(waits: list[int]) -> str:
    return span(summaries.within(waits, 50)).text


def _part(hits: int, of: int) -> str:
    return _("%(hits)s of %(of)s, %(percent).0f %%") % {
        "hits": f"{hits:,}", "of": f"{of:,}", "percent": 100 * hits / of,
    } if of else "–"  # fmt: skip


def _to_decide() -> list[str]:
    """What the review of rules left for a person."""
    waiting, kept = Proposal.objects.filter(state=Proposal.State.OPEN).count(), reviewing.latest()
    lines = [_("Proposals to decide: %(n)d") % {"n": waiting}]
    if kept is not None:
        day = date_format(timezone.localtime(kept.made_at).date())
        lines.append(_("Rules last reviewed on %(day)s") % {"day": day})
    return lines
