"""Notes are facts; a correction stands beside what it corrects."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from leads.models import Interaction
from leads.services import calls, notes
from leads.services.calls import CallReport
from medcrm.lib.errors import InvalidFields, RuleError


@pytest.fixture
def author(db) -> User:
    return User.objects.create_user("author")


def test_a_note_keeps_its_parts_in_order_and_drops_blanks(submit, author, now) -> None:
    lead = submit()
    note = notes.add_note(
        lead.pk, {"told": "Bring a photo ID.", "requested": " A visit. ", "next": ""}, by=author, at=now
    )
    note.refresh_from_db()
    assert note.facts == {"requested": "A visit.", "told": "Bring a photo ID."}
    assert (note.kind, note.by, note.at) == ("note", author, now)


@pytest.mark.parametrize(
    ("facts", "field"), [({"opinion": "Rude."}, "opinion"), ({"told": "x" * 501}, "told"), ({"told": 7}, "told")]
)
def test_a_part_that_is_none_is_refused_by_its_name(submit, author, now, facts, field) -> None:
    lead = submit()
    with pytest.raises(InvalidFields) as refused:
        notes.add_note(lead.pk, facts, by=author, at=now)
    assert refused.value.field == field
    with pytest.raises(InvalidFields) as refused:
        calls.record_call(lead.pk, CallReport(disposition="no_answer", facts=facts), by=author, at=now)
    assert refused.value.field == field


def test_an_empty_note_is_refused(submit, author, now) -> None:
    with pytest.raises(RuleError) as refused:
        notes.add_note(submit().pk, {"told": " "}, by=author, at=now)
    assert refused.value.code == "EMPTY_NOTE"


def test_a_correction_stands_beside_the_entry_it_corrects(submit, author, now) -> None:
    lead = submit()
    call = calls.record_call(lead.pk, CallReport(disposition="needs_to_think", note="Dr. Li"), by=author, at=now)
    first = notes.add_addendum(call.pk, "Dr. Lee", by=author, at=now)
    second = notes.add_addendum(first.pk, "Dr. Leigh", by=author, at=now)
    call.refresh_from_db()
    assert call.text == "Dr. Li"
    assert list(Interaction.objects.filter(addendum_to=call).order_by("pk")) == [first, second]
    with pytest.raises(RuleError) as refused:
        notes.add_addendum(call.pk, " ", by=author, at=now)
    assert refused.value.code == "EMPTY_ADDENDUM"
