"""What does everybody who reads reports get by mail once a week? The week's funnel beside the week before."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from leads.measures import FUNNEL, MEASURES, Period
from medcrm.reports.ask import Ask

log = structlog.get_logger(__name__)


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
    """Plain text: one line per measure, this week and the week before."""
    now, before = ask.whole(FUNNEL), ask.whole(FUNNEL, ask.period.before)
    days = {"first": date_format(ask.period.first), "last": date_format(ask.period.last)}
    lines = [_("Leads captured from %(first)s to %(last)s") % days, ""]
    for name in FUNNEL:
        lines.append(f"{MEASURES[name][0]}: {now[f'n_{name}']:,} ({before[f'n_{name}']:,})")
    lines += ["", _("In brackets: the week before."), f"{settings.PUBLIC_URL}{reverse('reports:home')}"]
    return "\n".join(str(line) for line in lines)
