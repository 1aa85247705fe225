"""The person of these tests, a message they got, and an import that names them."""

from __future__ import annotations

import json

import pytest
from django.core.files.base import ContentFile

from consent.models import Attempt
from leads.importing import runs
from leads.models import ImportRun, Inquiry, Lead
from nurture.models import Enrollment, Message
from tests import kept
from tests.privacy.person import PERSON, tell
from tests.rows import make


@pytest.fixture
def told(db, now) -> Lead:
    """A person with a trace in every room: inquiries, calls, notes, packets, messages, documents, the admin's log."""
    kept.rows_of(("told", now), lambda: tell(now))
    return Lead.objects.get(last_name=PERSON["last_name"])


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
