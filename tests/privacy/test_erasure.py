"""A forgotten person leaves no trace in a dump outside the stated places; suppression, chain and figures stay true."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pghistory
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from audit.models import Access
from consent import addresses, gate, verify
from consent.models import Address, Attempt, EventValue
from gateway import keys, outbox
from gateway.models import OutboxEvent
from gateway.vocabulary import ScopeCode
from leads import contact
from leads.importing import files, runs
from leads.models import (
    Appointment,
    DocumentStatus,
    ImportRow,
    ImportRun,
    Inquiry,
    Interaction,
    Lead,
    LeadEvent,
    Stakeholder,
)
from leads.services import calls, corrections, events
from leads.services.calls import CallReport
from leads.vocabulary import InteractionKind
from medcrm import journey, reference
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from medcrm.workspace.models import Draft
from nurture.models import Enrollment, Message
from privacy import erasure, holds, retention
from privacy.erasure import OnHold
from privacy.models import Erasure, Hold, RetentionRule
from privacy.tasks import forget_sessions
from routing.models import Clock, Handoff
from tests import kept
from tests.conftest import send_inquiry
from tests.rows import make

pytestmark = pytest.mark.django_db

PERSON = {
    "first_name": "Zebulonia",
    "last_name": "Quixwater",
    "phone": "+15125550187",
    "email": "zebulonia.quixwater@example.org",
    "zip": "78745",
    "age": 83,
    "question": "Would Thornbury braces hurt?",
    "preferred_time": "after the flamingo parade",
    "npi": "1467729038",
    "referring_provider": "Dr. Snorkelby",
    "page_url": "https://forms.example.org/crumpet?who=zebulonia",
    "campaign": "spring-quokka",
}
SECRETS = [
    "zebulonia",
    "quixwater",
    "5550187",
    "555-0187",
    "78745",
    "1467729038",
    "snorkelby",
    "crumpet",
    "quokka",
    "thornbury",
    "flamingo",
    "marmalade",
    "gloopstein",
    "203.0.113.77",
    "peculiaragent",
    "PA-XYZZY",
    "wobblefish",
]
# Do-not-call lists of others hold numbers as they were published; everything else must be clean.
STATED = {"consent_listentry"}


@pytest.fixture
def told(db, now) -> Lead:
    """A person with a trace in every room: inquiries, calls, notes, packets, messages, documents, the admin's log."""
    kept.rows_of(("told", now), lambda: tell(now))
    return Lead.objects.get(last_name=PERSON["last_name"])


def tell(now) -> None:
    reference.load(at=now)
    lead = send_inquiry(at=now, **PERSON)
    journey.advance([lead.pk], at=now)
    other = send_inquiry(
        "guide", at=now, **(PERSON | {"timing": "not_sure", "request": "info", "last_name": "Quixwater"})
    )
    assert other.pk == lead.pk
    Inquiry.objects.filter(lead=lead).update(
        remote_addr="203.0.113.77", user_agent="PeculiarAgent/1.0", errors={"phone": ["“512-555-0187” is odd."]}
    )
    journey.advance([lead.pk], at=now)
    attempt = contact.reserve_call(lead, at=now)
    report = CallReport(
        disposition="callback_requested",
        callback_at=now + timedelta(days=1),
        note="Spoke with Zebulonia about marmalade.",
        facts={"told": "Quixwater will bring marmalade"},
    )
    calls.record_call(lead.pk, report, at=now, attempt=attempt)
    user = User.objects.filter(is_superuser=False).first()
    with pghistory.context(action="correct", why="Zebulonia rang about marmalade"):
        facts = {"preferred_time": "after the flamingo parade, or marmalade", "organisation": "Thornbury"}
        corrections.correct_facts(lead.pk, facts, by=user, at=now)
    with connection.cursor() as cursor:  # as the end of that request's transaction does
        cursor.execute("SELECT set_config('pghistory.context_id', '', true)")
    for query in ("q=zebulonia+quixwater", "q=%28512%29+555-0187", "q=zebulonia.quixwater%40example.org"):
        make(Access, query=query, subjects=[], address=None)  # nobody was found, or nobody in scope
    events.record_activity(lead.pk, InteractionKind.SMS_REPLY, at=now, text="It is Zebulonia, call 512-555-0187")
    events.record_document(lead.pk, "referral_letter", at=now)
    events.record_authorization(lead.pk, "ortho", "approved", at=now, reference="PA-XYZZY")
    events.record_appointment(
        lead.pk, service="ortho", clinic="aus", on=(now + timedelta(days=9)).date(), status="booked", at=now
    )
    Appointment.objects.update(note="Moved for Gloopstein")
    Stakeholder.objects.create(lead=lead, name="Hugo Gloopstein", role="caregiver")
    journey.advance([lead.pk], at=now)
    assert Handoff.objects.filter(lead=lead).exclude(packet={}).exists()
    Handoff.objects.filter(state="offered").update(state="accepted", accepted_at=now, accepted_by=user)
    Clock.objects.update(why="promised Zebulonia a wobblefish")
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(Lead),
        object_id=str(lead.pk),
        object_repr="Zebulonia Quixwater",
        action_flag=CHANGE,
    )


@pytest.fixture
def written(told, now) -> Message:
    """A message that went out to the person, with the words in it."""
    enrollment = make(Enrollment, lead=told)
    attempt = make(Attempt, address=told.email, channel="email", basis={"request": {"place": {"zip": "78745"}}})
    return make(
        Message,
        enrollment=enrollment,
        attempt=attempt,
        subject="Dear Zebulonia",
        body="Quixwater!",
        error="",
        state="reserved",
    )


def dump() -> dict[str, str]:
    """Every row of every table as text, as pg_dump would write it."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
                found[table] = b"".join(bytes(block) for block in copy).decode()
    return found


def traces() -> dict[str, set[str]]:
    """Table → personal values found in it, whatever the case."""
    wanted = {value: re.compile(re.escape(value), re.IGNORECASE) for value in SECRETS}
    found = {
        table: {value for value, pattern in wanted.items() if pattern.search(text)} for table, text in dump().items()
    }
    return {table: values for table, values in found.items() if values}


def forget(lead: Lead, at) -> Erasure:
    person = erasure.person_of([lead.pk])
    request = erasure.request_erasure(person, reason="Request 2026-04", by=None, at=at)
    return erasure.erase(request.pk, by=None, at=at)


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


@pytest.fixture
def refused(organisation, now) -> ImportRun:
    """An import with a row that is taken in and one of the same person that is refused, and an inquiry that was too."""
    rows = "Name,Phone,E-mail,ZIP,Question\n"
    rows += "Zebulonia Quixwater,(512) 555.0187,Zebulonia.Quixwater@Example.org,not a zip,Thornbury\n"
    rows += "Somebody Else,512 555 0144,else@example.org,78701,Nothing\n"
    run = runs.upload("leads", ContentFile(rows.encode()), "people.csv", at=now, options={"source": "web_consult"})
    runs.start(run.pk, is_dry=False, at=now)
    while runs.work_due(at=now):
        pass
    make(Inquiry, source_id="web_consult", status="refused", raw_body=json.dumps({"Tel": "+1 512 555-0187"}))
    run.refresh_from_db()
    return run


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


def test_the_file_of_an_import_goes_a_month_after_it_ended(refused, now):
    unused = runs.upload("leads", ContentFile(b"Name,Phone\nA B,5125550144\n"), "unused.csv", at=now)
    assert runs.expire_files(at=now + timedelta(days=29)) == 0
    assert runs.expire_files(at=now + timedelta(days=31)) == 2
    with pytest.raises(RuleError, match="Upload it again"):
        runs.start(unused.pk, is_dry=True, at=now + timedelta(days=31))
    refused.refresh_from_db()
    assert (refused.file.name, refused.phase, refused.counts["created"]) == ("", "imported", 1)


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
    system = keys.make_client("ehr", "Scheduling system", scopes=ScopeCode.values)
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


def is_text(field: models.Field) -> bool:
    """Whether a field could name somebody: free text, JSON, addresses; not choices, keys or files of ours."""
    if isinstance(field, models.ForeignKey):
        return field.related_model is Address
    base = field.base_field if isinstance(field, ArrayField) else field
    kinds = models.CharField | models.TextField | models.JSONField | models.GenericIPAddressField | models.BinaryField
    return isinstance(base, kinds | models.FileField) and not base.choices and not field.primary_key


def test_every_text_of_every_table_is_declared_personal_or_harmless():
    assert personal.undeclared(is_text) == []


def test_every_declared_table_and_field_exists():
    from django.apps import apps

    for name, holding in personal.HOLDINGS.items():
        fields = {field.name for field in apps.get_model(name)._meta.fields}
        assert {*holding.emptied, *holding.kept.split()} <= fields, name
    assert all(apps.get_model(name) for name in personal.HARMLESS)
    assert not set(personal.HARMLESS) & set(personal.HOLDINGS)


def test_retention_counts_first_then_forgets_what_is_older_and_not_on_hold(told, submit, now):
    retention.load_rules()
    assert retention.apply(at=now).results == {}, "no days: kept for ever"
    RetentionRule.objects.filter(pk="raw_inquiries").update(days=30)
    held = submit(at=now, last_name="Held", phone="+15125550144", email="held@example.org")
    young = submit(at=now + timedelta(days=20), last_name="Young", phone="+15125550145", email="young@example.org")
    erasure.place_holds(erasure.person_of([held.pk]), reason="Matter 1", by=None, at=now)
    at = now + timedelta(days=31)
    dry = retention.apply(at=at, dry=True)
    assert dry.results == {"raw_inquiries": {"due": 3, "on_hold": 1, "done": 0}}
    assert retention.apply(at=at).results == {"raw_inquiries": {"due": 3, "on_hold": 1, "done": 2}}
    kept = Inquiry.objects.exclude(raw_body="").values_list("lead", flat=True)
    assert set(kept) == {held.pk, young.pk}
    RetentionRule.objects.filter(pk="raw_inquiries").update(days=0)
    assert retention.apply(at=at).results["raw_inquiries"] == {"due": 2, "on_hold": 1, "done": 1}


def test_the_parts_of_a_note_go_with_its_words_and_won_leads_have_a_rule_of_their_own(told, now):
    retention.load_rules()
    RetentionRule.objects.filter(pk="timeline_words").update(days=0)
    for stage in ("working", "converted"):
        Lead.objects.filter(pk=told.pk).update(stage=stage)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words"]["due"] == 0
    RetentionRule.objects.filter(pk="timeline_words_won").update(days=0)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words_won"]["done"] >= 2
    call = Interaction.objects.get(lead=told, kind="call")
    assert (call.text, "told" in call.facts) == ("", False)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words_won"]["due"] == 0


@pytest.fixture
def closed(written, submit, now) -> dict[str, Lead]:
    """Leads that ended: the person, their sister on the same number, one on hold, one who is expected; one goes on."""
    Lead.objects.filter(pk=written.enrollment.lead_id).update(stage="lost", advance_due_at=None)
    others = {
        "sister": submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org"})),
        "held": submit(at=now, last_name="Held", phone="+15125550144", email="held@example.org"),
        "expected": submit(at=now, last_name="Expected", phone="+15125550145", email="expected@example.org"),
        "open": submit(at=now, last_name="Open", phone="+15125550146", email="open@example.org"),
    }
    for name in ("held", "expected"):
        Lead.objects.filter(pk=others[name].pk).update(stage="lost")
    erasure.place_holds(erasure.person_of([others["held"].pk]), reason="Matter 1", by=None, at=now)
    Appointment.objects.update(date=timezone.now().date() - timedelta(days=1))
    day = (timezone.now() + timedelta(days=9)).date()
    make(Appointment, lead=others["expected"], service_id="ortho", clinic_id="aus", date=day, status="booked")
    return others


def test_leads_that_ended_are_forgotten_whole_after_their_days(closed, told, now):
    retention.load_rules()
    RetentionRule.objects.filter(pk="closed_leads").update(days=365)
    assert retention.apply(at=now + timedelta(days=360)).results["closed_leads"]["due"] == 0
    at = now + timedelta(days=380)
    assert retention.apply(at=at, dry=True).results == {"closed_leads": {"due": 2, "on_hold": 1, "done": 0}}
    assert retention.apply(at=at).results == {"closed_leads": {"due": 2, "on_hold": 1, "done": 1}}
    told.refresh_from_db()
    assert (told.first_name, told.phone_id, told.stage) == ("", None, "lost")
    assert Address.objects.get(pk=told.email_id).value is None
    left = {value for table, values in traces().items() if table not in STATED for value in values}
    # As the sister wrote, and as somebody searched for the number that is hers too.
    hers = {"quixwater", "5550187", "555-0187", "zebulonia", "78745", "thornbury", "flamingo"}
    assert left <= hers | {"1467729038", "snorkelby", "crumpet", "quokka"}
    stays = Lead.objects.filter(pk__in=[lead.pk for lead in closed.values()])
    assert set(stays.values_list("last_name", flat=True)) == {"Quixwater", "Held", "Expected", "Open"}
    assert retention.apply(at=at).results["closed_leads"] == {"due": 1, "on_hold": 1, "done": 0}, "none twice"
    assert verify.verify().is_whole


def test_drafts_and_ended_sessions_go(told, client, now):
    from tests.medcrm.test_roles import person

    user = person("caller")
    make(Draft, lead=told, user=user, fields={"note": "marmalade"}, began_at=now, saved_at=now, attempt=None)
    retention.load_rules()
    RetentionRule.objects.filter(pk="drafts").update(days=7)
    at = now + timedelta(days=8)
    assert retention.apply(at=at).results == {"drafts": {"due": 1, "on_hold": 0, "done": 1}}
    assert not Draft.objects.exists()
    client.force_login(user)
    Session.objects.create(session_key="ended", session_data="", expire_date=timezone.now() - timedelta(minutes=1))
    forget_sessions()
    assert [session.session_key for session in Session.objects.all()] == [client.session.session_key]


def test_the_access_log_is_kept_as_long_as_the_law_wants_it_and_for_whoever_is_on_hold(told, now):
    retention.load_rules()
    rule = RetentionRule.objects.get(pk="access_log")
    rule.days = 30
    with pytest.raises(ValidationError) as refused:
        rule.clean()
    assert refused.value.error_dict["days"][0].code == "KEPT_TOO_SHORT"
    rule.save()
    make(Access, at=now, subjects=[f"leads.lead:{told.pk}"], query="", address=None)
    erasure.place_holds(erasure.person_of([told.pk]), reason="Matter 4", by=None, at=now)
    assert retention.apply(at=now + timedelta(days=2000)).results["access_log"]["due"] == 0
    free = make(Access, at=now, subjects=["leads.lead:0"], query="", address=None)
    result = retention.apply(at=now + timedelta(days=2200)).results["access_log"]
    assert result["due"] == result["on_hold"] + result["done"]
    assert result["on_hold"] >= 1 <= result["done"]
    assert not Access.objects.filter(pk=free.pk).exists()
    assert Access.objects.filter(subjects=[f"leads.lead:{told.pk}"]).exists()


def test_the_page_of_a_certificate_counts_files_too(told, refused, client, now):
    from tests.medcrm.test_roles import person

    done = forget(told, now + timedelta(days=1))
    client.force_login(person("compliance"))
    page = client.get(f"/admin/privacy/erasure/{done.pk}/change/").content.decode()
    assert "<b>Files of imports</b>: 1" in page


@pytest.mark.parametrize("code", sorted(personal.RETAINED))
def test_every_kind_of_data_can_be_applied(code, organisation, now):
    RetentionRule.objects.filter(pk=code).update(days=0)
    assert code in retention.apply(at=now).results


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
