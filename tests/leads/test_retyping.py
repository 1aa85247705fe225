"""A lead of another kind than it came in as: its type is corrected, and the road begins anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from leads.models import Answer, Appointment, Clinic, Interaction, Lead, LeadEvent, MissingItem
from leads.services import calls, checklist, corrections, merging, retyping
from leads.services.calls import CallReport
from medcrm import journey
from medcrm.lib.errors import RuleError

WHY = "Asks for the whole clinic."


@pytest.fixture
def staff(organisation) -> User:
    return User.objects.get(username="qualification1")


@pytest.fixture
def patient(organisation, submit, now) -> Lead:
    lead = submit(age=45, for_whom="self", is_existing_patient=False)
    journey.advance([lead.pk], at=now)
    return Lead.objects.get(pk=lead.pk)


def walk(lead: Lead, at) -> Lead:
    journey.advance([lead.pk], at=at)
    return Lead.objects.get(pk=lead.pk)


def test_it_loses_the_facts_of_its_old_kind_and_is_routed_to_the_team_of_its_new_one(patient, staff, now) -> None:
    before = (patient.team, patient.cycle)
    checklist.answer_question(patient.pk, "age_eligible", 46, by=staff, at=now)
    lead = retyping.correct_type(patient.pk, "b2b", reason=WHY, by=staff, at=now)
    assert (lead.lead_type, lead.cycle, lead.stage) == ("b2b", before[1] + 1, "working")
    assert (lead.age, lead.for_whom, lead.is_existing_patient, lead.payer, lead.service) == (None, "", None, None, None)
    assert lead.other_services == ["ortho"], "its story still speaks of it"
    assert (lead.phone, lead.last_name, lead.zip) == (patient.phone, patient.last_name, patient.zip)
    assert Answer.objects.get(lead=lead, code="age_eligible", is_current=True).stale_since == now
    assert lead.qualifications.filter(closed_at=None).get().cycle == lead.cycle
    facts = {"organisation": "Reed Clinic", "request": "quote", "rollout": "next quarter", "approver": "Dr Gray"}
    corrections.correct_facts(lead.pk, facts, by=staff, at=now)
    routed = walk(lead, now + timedelta(minutes=1))
    assert routed.team not in ("", before[0])
    assert routed.next_step == "discovery"
    assert Lead.objects.get(pk=lead.pk).next_action_due_at is not None
    assert not lead.clocks.filter(met_at=None, ended_at=None, team=before[0]).exists()


def test_what_it_was_and_who_said_otherwise_stays_on_record(patient, staff, now) -> None:
    retyping.correct_type(patient.pk, "partner", reason=WHY, by=staff, at=now)
    entry = Interaction.objects.get(lead=patient, facts__has_key="corrected")
    assert (entry.by, entry.text, entry.facts["from"], entry.facts["to"]) == (staff, WHY, "Patient", "Partner")
    assert sorted(entry.facts["emptied"]) == ["age", "for_whom", "is_existing_patient", "payer", "service"]
    kept = LeadEvent.objects.filter(pgh_obj=patient.pk, lead_type="patient").order_by("-pgh_id").first()
    assert (kept.age, kept.service_id) == (45, "ortho")


def test_what_was_missing_of_its_old_kind_is_asked_for_no_more(patient, staff, now) -> None:
    asked = CallReport("missing_information", missing=["payer", "contact_channel"], follow_up_on=now.date())
    calls.record_call(patient.pk, asked, at=now, by=staff)
    retyping.correct_type(patient.pk, "b2b", reason=WHY, by=staff, at=now)
    walk(patient, now + timedelta(minutes=1))
    asked = MissingItem.objects.filter(lead=patient, settled_at=None, origin="call")
    assert [item.kind_id for item in asked] == ["contact_channel"]


def test_a_stopped_lead_of_another_kind_is_looked_at_anew(patient, staff, now) -> None:
    calls.record_call(patient.pk, CallReport("not_eligible"), at=now, by=staff)
    lead = retyping.correct_type(patient.pk, "partner", reason=WHY, by=staff, at=now)
    assert (lead.stage, lead.stop_reason) == ("working", None)


def test_a_lead_of_this_kind_a_merged_one_and_one_with_a_visit_are_refused(patient, submit, staff, now) -> None:
    def code(pk: int, lead_type: str) -> str:
        with pytest.raises(RuleError) as refused:
            retyping.correct_type(pk, lead_type, reason=WHY, by=staff, at=now)
        return refused.value.code

    assert code(patient.pk, "patient") == "SAME_TYPE"
    clinic = Clinic.objects.first()
    visit = Appointment.objects.create(
        lead=patient, service_id="ortho", clinic=clinic, date=now.date(), created_at=now, changed_at=now
    )
    assert code(patient.pk, "b2b") == "VISIT_BOOKED"
    visit.delete()
    other = submit(last_name="Reid", phone="512-555-0143", email="other@example.org")
    merging.merge(patient.pk, other.pk, by=staff, at=now)
    assert {code(patient.pk, "b2b"), code(other.pk, "b2b")} == {"MERGED"}
    assert Lead.objects.get(pk=patient.pk).lead_type == "patient"


def test_after_it_two_leads_of_one_kind_can_be_merged(patient, submit, staff, now) -> None:
    other = submit("facility", lead_type="b2b", last_name="Reed", service="", payer="", timing="next_quarter")
    with pytest.raises(RuleError) as refused:
        merging.merge(patient.pk, other.pk, by=staff, at=now)
    assert refused.value.code == "DIFFERENT_TYPES"
    retyping.correct_type(patient.pk, "b2b", reason=WHY, by=staff, at=now)
    assert merging.merge(patient.pk, other.pk, by=staff, at=now).pk in (patient.pk, other.pk)


def test_whoever_corrects_facts_corrects_the_type_with_a_reason(patient, staff, client) -> None:
    staff.groups.add(Group.objects.get(name="caller"))
    client.force_login(staff)
    Lead.objects.filter(pk=patient.pk).update(team=staff.agent.team_id, owner=None)
    path = f"/admin/leads/lead/{patient.pk}/correct-type/"
    assert 'value="patient"' not in client.get(path).content.decode()
    assert set(client.post(path, {"lead_type": "b2b"}).context["form"].errors) == {"reason"}
    client.post(path, {"lead_type": "b2b", "reason": WHY})
    assert Lead.objects.get(pk=patient.pk).lead_type == "b2b"
