"""A forgotten person leaves no trace in a dump outside the stated places; suppression, chain and figures stay true."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from consent import addresses, gate, verify
from consent.models import Address, Attempt, EventValue
from gateway import outbox
from gateway.models import OutboxEvent
from gateway.vocabulary import ScopeCode
from leads import contact
from leads.importing import files, runs
from leads.models import (
    DocumentStatus,
    ImportRow,
    ImportRun,
    Interaction,
    Lead,
    LeadEvent,
    Stakeholder,
)
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm import journey
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from nurture.models import Enrollment
from privacy import checks, erasure, holds, retention
from privacy.erasure import OnHold
from privacy.models import Erasure, Hold, RetentionRule
from routing.models import Clock
from tests.conftest import send_inquiry
from tests.gateway.factories import make_client
from tests.privacy.person import PERSON, SECRETS, STATED, forget, traces

pytestmark = pytest.mark.django_db


def test_nothing_is_left_in_a_dump_but_the_stated_places(told, written, now):
    before = traces()
    assert {"leads_lead", "leads_inquiry", "leads_interaction", "consent_address", "consent_eventvalue"} <= set(before)
    assert {"pghistory_context", "audit_access"} <= set(before)
    assert {"nurture_message", "routing_handoff", "django_admin_log", "leads_stakeholder"} <= set(before)
    assert set().union(*before.values()) == set(SECRETS), "a value that was never stored proves nothing"
    done = forget(told, now + timedelta(days=1))
    assert {table: values for table, values in traces().items() if table not in STATED} == {}
    assert done.state == "done"
    assert sum(done.done.values()) > 15


def test_the_road_walked_again_brings_nothing_back(told, now):
    at = now + timedelta(days=1)
    forget(told, at)
    told.refresh_from_db()
    assert (told.stage, told.advance_due_at) == ("lost", None)
    journey.advance([told.pk], at=at + timedelta(days=1))
    assert set(traces()) <= STATED
    assert not Enrollment.objects.filter(lead=told, state="active").exists()
    assert not Clock.objects.filter(lead=told, met_at=None, ended_at=None).exists()


def test_what_was_refused_is_found_and_forgotten_with_the_file_it_came_in(told, refused, now):
    path = Path(refused.file.path)
    assert path.exists() and files.staged_path(path).exists()
    person = erasure.find_person("512-555-0187")
    assert (erasure.find(person)["leads.importrow"], erasure.find(person)["leads.inquiry"]) == (1, 3)
    done = forget(told, now + timedelta(days=1))
    assert done.done["files of imports"] == 1
    assert {table for table in traces() if table not in STATED} == set()
    assert not path.exists() and not files.staged_path(path).exists()


def test_who_was_only_checked_is_found_in_what_was_shown_and_forgotten_with_the_file(organisation, now):
    rows = "Name,Phone,E-mail\nZebulonia Quixwater,(512) 555.0187,Zebulonia.Quixwater@Example.org\n"
    run = runs.upload("leads", ContentFile(rows.encode()), "people.csv", at=now, options={"source": "web_consult"})
    runs.start(run.pk, is_dry=True, at=now)
    while runs.work_due(at=now):
        pass
    run.refresh_from_db()
    assert (run.phase, len(run.preview), len(run.reading["sample"])) == ("checked", 1, 1)
    person = erasure.find_person("512-555-0187")
    assert erasure.find(person) == {"leads.importrun": 1}
    request = erasure.request_erasure(person, reason="Request 2026-06", by=None, at=now)
    assert erasure.erase(request.pk, by=None, at=now).done["files of imports"] == 1
    assert {table for table in traces() if table not in STATED} == set()


def test_what_was_shown_of_a_file_goes_with_it(refused, now):
    assert refused.reading["sample"] == [], "nobody says any more what the columns are"
    ImportRun.objects.update(file="", reading={**refused.reading, "sample": [["Zebulonia"]]}, preview=[{"row": 2}])
    assert runs.expire_files(at=now + timedelta(days=31)) == 0, "an older version had deleted the file only"
    refused.refresh_from_db()
    assert (refused.reading["sample"], refused.preview) == ([], [])
    assert refused.reading["header"] == ["Name", "Phone", "E-mail", "ZIP", "Question"]


def test_a_first_row_that_was_taken_for_the_names_of_columns_goes_with_the_file(refused, now):
    header = ["Zebulonia Quixwater", "(512) 555-0187"]
    ImportRun.objects.update(reading={**refused.reading, "header": header}, mapping={header[0]: "", header[1]: "phone"})
    assert runs.expire_files(at=now + timedelta(days=31)) == 1
    refused.refresh_from_db()
    assert refused.reading["header"] == ["column 1", "column 2"]
    assert refused.mapping == {"column 1": "", "column 2": "phone"}


def test_somebody_known_only_from_a_refused_row_is_forgotten_and_does_not_come_back(refused, now):
    person = erasure.find_person("zebulonia.quixwater@example.org")
    request = erasure.request_erasure(person, reason="Request 2026-05", by=None, at=now)
    erasure.erase(request.pk, by=None, at=now)
    assert not ImportRow.objects.exclude(cells=[]).exists()
    assert addresses.find(addresses.EMAIL, "zebulonia.quixwater@example.org").value is None
    assert Lead.objects.get().first_name == "Somebody", "the others of the file are not touched"


def test_a_withdrawal_outlives_the_person_and_the_chain_stays_whole(told, now):
    at = now + timedelta(days=1)
    events.record_activity(told.pk, InteractionKind.SMS_REPLY, at=now, text="STOP")
    forget(told, at)
    assert verify.verify().is_whole
    address = addresses.find(addresses.PHONE, "+15125550187")
    assert (address.pk, address.value) == (told.phone_id, None)
    told.refresh_from_db()
    assert not gate.decide(contact.request_for(told, "sms"), at=at).allowed


def test_who_was_forgotten_and_comes_again_is_heard_and_their_stop_still_counts(told, submit, now):
    events.record_activity(told.pk, InteractionKind.SMS_REPLY, at=now, text="STOP")
    at = now + timedelta(days=1)
    forget(told, at)
    assert gate.decide(contact.request_for(told, "email"), at=at).code == "ERASED_SUBJECT"
    again = send_inquiry(phone="512-555-0187", email="told@example.org", consent=[], at=at + timedelta(days=1))
    assert (again.phone_id, again.phone.value) == (told.phone_id, "+15125550187")
    later = at + timedelta(days=1)
    assert gate.decide(contact.request_for(again, "email"), at=later).allowed
    assert gate.decide(contact.request_for(again, "sms"), at=later).code == "REVOKED"
    assert verify.verify().is_whole


def test_a_bought_list_brings_nobody_back_who_was_forgotten(told, submit, now):
    forget(told, now + timedelta(days=1))
    send_inquiry("purchased", phone="512-555-0187", at=now + timedelta(days=2))
    assert Address.objects.get(pk=told.phone_id).value is None


def test_figures_by_stage_source_and_score_stay_true(told, now):
    def figures() -> list[object]:
        counted = Lead.objects.values("source", "service", "score_band", "lead_type", "created_at").order_by("pk")
        kinds = Interaction.objects.values_list("kind", "disposition", "direction").order_by("pk")
        return [list(counted), list(kinds)[:3], DocumentStatus.objects.count(), Attempt.objects.count()]

    before = figures()
    forget(told, now + timedelta(days=1))
    assert figures() == before


def test_an_address_that_somebody_else_uses_too_stays_theirs(told, submit, now):
    sister = submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org"}))
    forget(told, now + timedelta(days=1))
    told.refresh_from_db()
    sister.refresh_from_db()
    assert told.phone is None
    assert (sister.phone.value, sister.first_name) == ("+15125550187", "Hyacinth")
    assert Address.objects.get(pk=told.email_id).value is None


def test_what_was_done_for_one_of_two_on_a_shared_number_is_forgotten_and_what_stays_is_named(told, submit, now):
    sister = submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org", "zip": "78701"}))
    contact.reserve_call(sister, at=now)
    about = Attempt.objects.filter(address=told.phone_id)
    assert set(about.values_list("basis__request__place__zip", flat=True)) == {"78745", "78701"}
    request = erasure.request_erasure(erasure.person_of([told.pk]), reason="Request 1", by=None, at=now)
    assert request.found["consent.attempt"] == about.filter(basis__request__reference=str(told.public_id)).count() > 0
    erasure.erase(request.pk, by=None, at=now)
    assert set(about.values_list("basis__request__place__zip", flat=True)) == {None, "78701"}
    assert EventValue.objects.filter(event__address=told.phone_id, body__contains="who=zebulonia").exists()
    assert "consent_eventvalue" in erasure.KEPT
    assert verify.verify().is_whole, "the sister's proof stays"


@pytest.fixture
def moved(told, submit, now) -> Lead:
    """The person, who came again with another number, then with another mailbox: the first are history now."""
    for new in ({"phone": "+15125550190"}, {"phone": "+15125550190", "email": "zebulonia@wobblefish.example"}):
        assert submit(at=now, **(PERSON | new)).pk == told.pk
    told.refresh_from_db()
    assert (told.phone.value, told.email.value) == ("+15125550190", "zebulonia@wobblefish.example")
    return told


def test_earlier_numbers_and_mailboxes_are_forgotten_too(moved, now):
    done = forget(moved, now + timedelta(days=1))
    assert (len(done.addresses), done.done["consent.address"]) == (4, 4)
    assert {table: values for table, values in traces().items() if table not in STATED} == {}
    assert not Address.objects.filter(value__in=["+15125550190", "zebulonia@wobblefish.example"]).exists()


@pytest.mark.parametrize("whom", ["512-555-0187", "zebulonia.quixwater@example.org"])
def test_a_person_is_found_by_an_earlier_address_and_everything_of_theirs_with_it(moved, whom, now):
    request = erasure.request_erasure(erasure.find_person(whom), reason="Request 1", by=None, at=now)
    assert (request.leads, len(request.addresses)) == ([moved.public_id], 4)
    erasure.erase(request.pk, by=None, at=now)
    assert set(traces()) <= STATED


def test_an_earlier_number_that_is_somebody_elses_now_stays_theirs(moved, submit, now):
    heir = submit(at=now, last_name="Heir", phone=PERSON["phone"], email="heir@example.org")
    with pytest.raises(erasure.SeveralPersons):
        erasure.find_person("512-555-0187")
    person = erasure.find_person("512-555-0187", [str(moved.public_id)])
    assert (list(person.lead_ids), list(person.shared_ids)) == ([moved.pk], [heir.phone_id])
    forget(moved, now + timedelta(days=1))
    assert Address.objects.get(pk=heir.phone_id).value == "+15125550187"
    assert list(erasure.find_person("512-555-0187").lead_ids) == [heir.pk], "nothing ties the number to the other"


def test_a_hold_covers_an_earlier_number_and_who_comes_with_it_later(moved, submit, now):
    erasure.place_holds(erasure.person_of([moved.pk]), reason="Matter 2026-118", by=None, at=now)
    later = submit(at=now, last_name="Late", phone=PERSON["phone"], email="late@example.org")
    assert set(holds.held().lead_ids) == {moved.pk, later.pk}
    with pytest.raises(OnHold):
        forget(later, now)


def test_who_had_an_address_is_found_by_index(moved):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for rows, indexes in (
        (LeadEvent.objects.filter(Q(phone__in=[1]) | Q(email__in=[1])), ["phone_id", "email_id"]),
        (LeadEvent.objects.filter(pgh_obj__in=[moved.pk]), ["pgh_obj_id"]),
    ):
        plan = rows.explain()
        assert all(re.search(rf"Index Scan (on|using) leads_leadevent_{name}", plan) for name in indexes), plan


def test_merged_leads_are_the_same_person(told, submit, now):
    twin = submit(at=now, last_name="Twin", phone="+15125550144", email="twin@example.org")
    Lead.objects.filter(pk=twin.pk).update(merged_into=told)
    person = erasure.person_of([told.pk])
    assert set(person.lead_ids) == {told.pk, twin.pk}
    assert set(erasure.person_of([twin.pk]).lead_ids) == {told.pk, twin.pk}


@pytest.mark.parametrize("whom", ["512-555-0187", "Zebulonia.Quixwater@example.org"])
def test_a_person_is_found_by_address_and_never_by_a_name_alone(told, whom):
    assert list(erasure.find_person(whom).lead_ids) == [told.pk]
    for nobody in ("Quixwater", "512-555-0000", str(uuid4())):
        with pytest.raises(RuleError):
            erasure.find_person(nobody)


def test_a_litigation_hold_keeps_everything_until_it_is_lifted(told, now):
    before = traces()
    erasure.place_holds(erasure.person_of([told.pk]), reason="Matter 2026-117", by=None, at=now)
    with pytest.raises(OnHold):
        forget(told, now)
    assert traces() == before
    erasure.lift_hold(Hold.objects.get().pk, by=None, at=now)
    assert forget(told, now + timedelta(days=1)).state == "done"


def test_a_hold_covers_who_is_known_by_address_only_and_every_lead_that_comes_later(organisation, submit, now):
    addresses.lock_many(addresses.named([("phone", "+15125550144")]))
    [hold] = holds.place_holds(erasure.find_person("512-555-0144"), reason="Matter 1", by=None, at=now)
    assert (hold.lead, len(hold.addresses), str(hold)) == (None, 1, "Matter 1 (an address without a lead)")
    request = erasure.request_erasure(erasure.find_person("512-555-0144"), reason="Request 1", by=None, at=now)
    with pytest.raises(OnHold):
        erasure.erase(request.pk, by=None, at=now)
    later = submit(at=now, last_name="Late", phone="+15125550144", email="late@example.org")
    with pytest.raises(OnHold):
        forget(later, now)
    assert list(holds.held().lead_ids) == [later.pk]
    holds.lift_hold(hold.pk, by=None, at=now)
    assert forget(later, now).state == "done"


def test_a_hold_on_somebody_known_from_a_refused_row_keeps_row_and_file(refused, now):
    at = now + timedelta(days=31)
    holds.place_holds(erasure.find_person("512-555-0187"), reason="Matter 2", by=None, at=now)
    assert runs.expire_files(at=at, kept=holds.held_runs()) == 0
    RetentionRule.objects.update_or_create(pk="rejected_rows", defaults={"days": 0})
    assert retention.apply(at=at).results["rejected_rows"] == {"due": 1, "on_hold": 1, "done": 0}
    other = Lead.objects.get(first_name="Somebody")
    assert forget(other, at).done.get("files of imports") is None, "the file holds the one on hold too"
    holds.lift_hold(Hold.objects.get().pk, by=None, at=now)
    assert runs.expire_files(at=at, kept=holds.held_runs()) == 1


def test_what_other_systems_were_told_about_a_lead_on_hold_is_not_forgotten(organisation, submit, settings, now):
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    system = make_client("ehr", "Scheduling system", scopes=ScopeCode.values)
    outbox.subscribe(system.pk, "http://127.0.0.1:9/hooks", ["lead.created"], at=now)
    held = submit(at=now, last_name="Held", phone="+15125550144", email="held@example.org")
    free = submit(at=now, last_name="Free", phone="+15125550145", email="free@example.org")
    OutboxEvent.objects.update(spread_at=now)
    holds.place_holds(erasure.person_of([held.pk]), reason="Matter 3", by=None, at=now)
    later = timezone.now() + outbox.KEPT + timedelta(days=1)
    outbox.forget(at=later, kept_leads=holds.held().lead_ids)
    assert OutboxEvent.objects.filter(lead=held).exists()
    assert not OutboxEvent.objects.filter(lead=free).exists()


def test_the_page_of_an_address_leads_to_the_request_and_erases_nothing_by_itself(told, client):
    from tests.medcrm.test_roles import person

    client.force_login(person("compliance"))
    page = client.get(f"/admin/consent/address/{told.phone_id}/change/").content.decode()
    assert f"/admin/privacy/erasure/add/?address={told.phone_id}" in page
    assert client.post(f"/admin/consent/address/{told.phone_id}/erase/", {"reason": "x"}).status_code != 200
    assert Address.objects.get(pk=told.phone_id).value
    asked = client.get(f"/admin/privacy/erasure/add/?address={told.phone_id}").content.decode()
    assert 'value="+15125550187"' in asked
    client.force_login(person("supervisor"))
    page = client.get(f"/admin/consent/address/{told.phone_id}/change/").content.decode()
    assert "/admin/privacy/erasure/add/" not in page


@pytest.mark.parametrize("page", ["erasure", "hold"])
def test_nobody_named_is_said_once(client, page):
    from tests.medcrm.test_roles import person

    client.force_login(person("compliance"))
    shown = client.post(f"/admin/privacy/{page}/add/", {"whom": "", "reason": "Matter 3"})
    assert [error.code for error in shown.context_data["adminform"].form.errors.as_data()["whom"]] == ["required"]


def test_an_address_of_several_persons_asks_which_one_is_meant(told, submit, client, now):
    from tests.medcrm.test_roles import person

    son = submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org"}))
    with pytest.raises(erasure.SeveralPersons):
        erasure.find_person("512-555-0187")
    assert list(erasure.find_person("512-555-0187", [str(son.public_id)]).lead_ids) == [son.pk]
    client.force_login(person("compliance"))
    asked = {"whom": "512-555-0187", "reason": "Request 1"}
    page = client.post("/admin/privacy/erasure/add/", asked).content.decode()
    assert "Several persons are known by this" in page
    assert all(f"{lead.name} · " in page and str(lead.public_id) in page for lead in (told, son))
    assert not Erasure.objects.exists()
    client.post("/admin/privacy/erasure/add/", asked | {"chosen": [str(uuid4())]})
    assert not Erasure.objects.exists(), "nobody else's lead can be ticked"
    client.post("/admin/privacy/erasure/add/", asked | {"chosen": [str(son.public_id)]})
    request = Erasure.objects.get()
    client.post(f"/admin/privacy/erasure/{request.pk}/erase/", {})
    told.refresh_from_db()
    son.refresh_from_db()
    assert (son.first_name, son.phone_id) == ("", None)
    assert (told.first_name, told.phone.value) == ("Zebulonia", "+15125550187")


def test_somebody_on_anothers_decision_path_is_forgotten_by_the_own_address(told, now):
    phone = addresses.lock_many(addresses.named([("phone", "+15125550133")]))[("phone", "+15125550133")].pk
    Stakeholder.objects.create(lead=told, name="Odette Plimsoll", role="caregiver", phone_id=phone)
    request = erasure.request_erasure(erasure.find_person("512-555-0133"), reason="Request 3", by=None, at=now)
    erasure.erase(request.pk, by=None, at=now)
    row = Stakeholder.objects.get(role="caregiver", name="—")
    assert (row.phone, row.lead_id) == (None, told.pk)
    assert Stakeholder.objects.filter(name="Hugo Gloopstein").exists()
    told.refresh_from_db()
    assert told.first_name == "Zebulonia"


def test_several_leads_of_one_name_or_merged_are_one_person(told, submit, now):
    again = submit(at=now, **(PERSON | {"last_name": "Married"}))
    Lead.objects.filter(pk=again.pk).update(merged_into=told)
    assert set(erasure.find_person("512-555-0187").lead_ids) == {told.pk, again.pk}
    assert Lead.objects.exclude(pk=told.pk).update(merged_into=None, last_name="QUIXWATER") == 1
    assert set(erasure.find_person("512-555-0187").lead_ids) == {told.pk, again.pk}


def test_the_command_names_who_is_meant_and_asks_for_the_lead(told, submit, capsys, now):
    son = submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org"}))
    with pytest.raises(CommandError, match=str(son.public_id)):
        call_command("erase_person", "512-555-0187", "--erase", "--reason", "Request 9")
    call_command("erase_person", "512-555-0187", "--lead", str(son.public_id), "--erase", "--reason", "Request 9")
    assert json.loads(capsys.readouterr().out)["leads"] == [str(son.public_id)]
    assert Lead.objects.get(pk=told.pk).first_name == "Zebulonia"


def test_a_request_is_erased_once_and_its_certificate_is_frozen(told, now):
    done = forget(told, now + timedelta(days=1))
    body = erasure.certificate(done)
    assert body["leads"] == [str(told.public_id)]
    text = json.dumps(body).lower()
    assert not [value for value in SECRETS if value in text]
    with pytest.raises(RuleError):
        erasure.erase(done.pk, by=None, at=now)
    with pytest.raises(Exception, match="certificate_is_frozen"):
        Erasure.objects.update(reason="other")


def test_the_commands_show_first_and_erase_only_when_told(told, capsys):
    call_command("erase_person", "512-555-0187")
    assert json.loads(capsys.readouterr().out)["found"]["leads.inquiry"] == 2
    assert Lead.objects.get(pk=told.pk).last_name == "Quixwater"
    with pytest.raises(CommandError):
        call_command("erase_person", "512-555-0187", "--erase")
    call_command("erase_person", "512-555-0187", "--erase", "--reason", "Request 9")
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert set(traces()) <= STATED


def test_every_text_of_every_table_is_declared_personal_or_harmless(monkeypatch):
    assert checks.declared() == []
    monkeypatch.delitem(personal.HARMLESS, "sessions.session")
    assert [found.id for found in run_checks(tags=["models"])] == ["privacy.E001"]
    assert "sessions.session.session_data" in checks.declared()[0].msg


def test_every_declared_table_and_field_exists():
    from django.apps import apps

    for name, holding in personal.HOLDINGS.items():
        fields = {field.name for field in apps.get_model(name)._meta.fields}
        assert {*holding.emptied, *holding.kept.split()} <= fields, name
    assert all(apps.get_model(name) for name in personal.HARMLESS)
    assert not set(personal.HARMLESS) & set(personal.HOLDINGS)


def test_the_page_of_a_certificate_counts_files_too(told, refused, client, now):
    from tests.medcrm.test_roles import person

    done = forget(told, now + timedelta(days=1))
    client.force_login(person("compliance"))
    page = client.get(f"/admin/privacy/erasure/{done.pk}/change/").content.decode()
    assert "<b>Files of imports</b>: 1" in page


def test_compliance_asks_looks_erases_and_takes_the_certificate(told, client):
    from tests.medcrm.test_roles import person

    client.force_login(person("compliance"))
    wrong = client.post("/admin/privacy/erasure/add/", {"whom": "Quixwater", "reason": "Request 1"})
    assert "Nobody is known by this" in wrong.content.decode()
    client.post("/admin/privacy/erasure/add/", {"whom": "512-555-0187", "reason": "Request 1"})
    request = Erasure.objects.get()
    page = client.get(f"/admin/privacy/erasure/{request.pk}/change/").content.decode()
    assert "<b>Inquiries</b>: 2" in page
    assert "Quixwater" not in page
    client.post(f"/admin/privacy/erasure/{request.pk}/erase/", {})
    request.refresh_from_db()
    assert (request.state, request.settled_by is not None) == ("done", True)
    for kind, begins in (("pdf", b"%PDF"), ("json", b"{")):
        assert client.get(f"/admin/privacy/erasure/{request.pk}/certificate.{kind}").content.startswith(begins)
    client.force_login(person("supervisor"))
    assert client.get(f"/admin/privacy/erasure/{request.pk}/certificate.json").status_code == 403


def test_a_hold_is_placed_and_lifted_by_compliance(told, client):
    from tests.medcrm.test_roles import person

    client.force_login(person("compliance"))
    client.post("/admin/privacy/hold/add/", {"whom": "512-555-0187", "reason": "Matter 7"})
    hold = Hold.objects.get()
    assert (hold.lead_id, hold.lifted_at) == (told.pk, None)
    client.post(f"/admin/privacy/hold/{hold.pk}/lift/", {})
    hold.refresh_from_db()
    assert hold.lifted_at <= timezone.now()
