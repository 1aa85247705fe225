"""Somebody with a trace in every room, what must not be found of them afterwards, and where it is looked for."""

from __future__ import annotations

import re
from datetime import timedelta

import pghistory
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from audit.models import Access
from leads import contact
from leads.models import (
    Appointment,
    Inquiry,
    Lead,
    Stakeholder,
)
from leads.services import calls, corrections, events
from leads.services.calls import CallReport
from leads.vocabulary import InteractionKind
from medcrm import journey, reference
from privacy import erasure
from privacy.models import Erasure
from routing.models import Clock, Handoff
from tests.conftest import send_inquiry
from tests.rows import make

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
    # Fractions of a second and hashes hold the five digits of a ZIP by chance.
    wanted["78745"] = re.compile(r"(?<![0-9a-f.])78745(?![0-9a-f])", re.IGNORECASE)
    found = {
        table: {value for value, pattern in wanted.items() if pattern.search(text)} for table, text in dump().items()
    }
    return {table: values for table, values in found.items() if values}


def forget(lead: Lead, at) -> Erasure:
    person = erasure.person_of([lead.pk])
    request = erasure.request_erasure(person, reason="Request 2026-04", by=None, at=at)
    return erasure.erase(request.pk, by=None, at=at)
