"""Staff see what was told of a visit and why not, and say how long before people are reminded."""

from __future__ import annotations

from datetime import datetime

import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from consent import ledger
from leads.models import Lead
from nurture.models import VisitNotice, VisitReminder
from tests.notices.told import (
    BEGINS,
    DAY,
    HOUR,
    planned,
    run,
)


def test_the_page_of_a_visit_says_what_was_told_and_why_not_at_the_same_cost(book, at_work, now: datetime) -> None:
    row = book()
    page = reverse("admin:leads_appointment_change", args=[row.pk])
    viewer = at_work("supervisor")
    viewer.get(page)
    with CaptureQueriesContext(connection) as few:
        said = viewer.get(page).content.decode()
    assert "What they were told" in said and "Delivered" in said and "planned" in said
    Lead.objects.update(preferred_channel="sms")
    ledger.record(row.lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP", facts={"channel": "sms"})
    ledger.record(row.lead.email_id, "email_hard_bounce", occurred_at=now, at=now)
    run(BEGINS - 3 * DAY)
    VisitNotice.objects.filter(hours_before=24).update(due_at=None, code="TOO_LATE", why="Its time has passed.")
    with CaptureQueriesContext(connection) as many:
        said = viewer.get(page).content.decode()
    assert "not told" in said and "Its time has passed." in said
    assert escape(VisitNotice.objects.get(hours_before=72).why) in said
    assert len(many) == len(few)


def test_marketing_says_how_long_before_and_what_is_planned_follows(book, at_work, now: datetime) -> None:
    row = book()
    add = reverse("admin:nurture_visitreminder_add")
    with time_machine.travel(now + HOUR, tick=False):
        marketing = at_work("marketing")
        for wrong in ("1", "0", "1441", "24"):
            assert marketing.post(add, {"hours_before": wrong, "is_active": "on"}).status_code == 200
        assert VisitReminder.objects.count() == 2
        assert marketing.post(add, {"hours_before": "48", "is_active": "on"}).status_code == 302
        assert Lead.objects.get(pk=row.lead_id).advance_due_at == now + HOUR
        run(now + HOUR)
        assert set(planned()) == {72, 48, 24}
        gone = VisitReminder.objects.get(hours_before=72)
        delete = reverse("admin:nurture_visitreminder_delete", args=[gone.pk])
        assert marketing.post(delete, {"post": "yes"}).status_code == 302
        run(now + HOUR)
    assert set(planned()) == {48, 24}
    assert at_work("caller").get(add).status_code == 403
