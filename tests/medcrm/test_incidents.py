"""An emergency that came up on a call is logged, told to who reviews it, and outreach waits for them [3.5]."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from leads import contact
from leads.models import Incident, Lead
from leads.services import calls, incidents, merging
from leads.services.calls import CallReport
from medcrm import journey, roles
from medcrm.lib.errors import RuleError
from nurture import dispatch
from nurture.models import Enrollment
from routing import router, worklist
from routing.models import Notice
from tests.routing.factories import make_lead, reachable

pytestmark = pytest.mark.usefixtures("organisation")


@pytest.fixture
def supervisor(organisation: None) -> User:
    return User.objects.create_user("supervisor1", is_staff=True)


def test_an_emergency_is_logged_and_told_to_supervisors_and_compliance(submit, now, django_user_model):
    roles.sync()
    told = {
        django_user_model.objects.create_user(name, is_staff=True).pk: group
        for name, group in (("boss", "supervisor"), ("officer", "compliance"), ("other", "caller"))
    }
    for user in django_user_model.objects.filter(pk__in=told):
        user.groups.add(Group.objects.get(name=told[user.pk]))
    lead = submit()
    call = calls.record_call(lead.pk, CallReport("emergency_directed"), at=now)
    assert list(Incident.objects.values_list("lead", "call", "opened_at", "reviewed_at")) == [
        (lead.pk, call.pk, now, None)
    ]
    notices = Notice.objects.filter(kind="incident", user__in=told)
    assert {told[user] for user in notices.values_list("user", flat=True)} == {"supervisor", "compliance"}
    calls.record_call(lead.pk, CallReport("callback_requested", callback_at=now + timedelta(days=1)), at=now)
    assert Incident.objects.count() == 1


def test_outreach_waits_until_the_emergency_is_reviewed(submit, now, supervisor):
    lead = submit(service="pt")  # its referral is asked for by a sequence
    journey.advance([lead.pk], at=now)
    enrollment = Enrollment.objects.active().get(lead=lead)
    ours = contact.reserve_call(lead, at=now)
    calls.record_call(lead.pk, CallReport("emergency_directed"), attempt=ours, at=now)
    due = enrollment.next_due_at + timedelta(hours=1)
    journey.advance([lead.pk], at=now)
    assert dispatch.claim_due(at=due) == []
    with pytest.raises(RuleError) as refusal:
        incidents.review(Incident.objects.get().pk, " ", by=supervisor, at=now)
    assert refusal.value.code == "WORDS_MISSING"
    incident = incidents.review(Incident.objects.get().pk, "Reached her: she is in hospital.", by=supervisor, at=now)
    assert (incident.reviewed_by, incident.reviewed_at) == (supervisor, now)
    assert lead.interactions.filter(kind="note", text="Reached her: she is in hospital.").exists()
    journey.advance([lead.pk], at=now)
    assert dispatch.claim_due(at=due) == [enrollment.pk]
    with pytest.raises(RuleError) as refusal:
        incidents.review(incident.pk, "Again.", by=supervisor, at=now)
    assert refusal.value.code == "REVIEWED_ALREADY"


def test_an_emergency_of_a_lead_that_was_merged_holds_the_one_that_stays(submit, now, supervisor):
    stays = submit(service="pt", phone="512-555-0151")
    other = submit(phone="512-555-0152", email="ana.reed@example.net")
    journey.advance([stays.pk, other.pk], at=now)
    calls.record_call(other.pk, CallReport("emergency_directed"), at=now)
    merging.merge(stays.pk, other.pk, by=supervisor, at=now)
    journey.advance([stays.pk, other.pk], at=now)
    other.refresh_from_db()
    assert other.merged_into_id == stays.pk
    enrollment = Enrollment.objects.active().get(lead=stays)
    due = enrollment.next_due_at + timedelta(hours=1)
    assert dispatch.claim_due(at=due) == []
    incidents.review(Incident.objects.get().pk, "She is in hospital, and well.", by=supervisor, at=now)
    assert set(Lead.objects.due(now)) == {stays, other}
    journey.advance([stays.pk, other.pk], at=now)
    assert dispatch.claim_due(at=due) == [enrollment.pk]


def test_call_next_offers_no_lead_whose_emergency_is_open(now, supervisor):
    lead = reachable(now, step="callback")
    router.route([lead.pk], at=now)
    lead.refresh_from_db()
    caller = lead.owner
    calls.record_call(lead.pk, CallReport("emergency_directed"), at=now)
    later = now + timedelta(minutes=10)
    assert worklist.take_next(caller, at=later).lease is None
    incidents.review(Incident.objects.get().pk, "A false alarm.", by=supervisor, at=now)
    assert worklist.take_next(caller, at=later).lease.lead_id == lead.pk
    merged = make_lead(now, merged_into=lead)
    calls.record_call(merged.pk, CallReport("emergency_directed"), at=now)
    assert worklist.take_next(caller, at=later).lease is None
