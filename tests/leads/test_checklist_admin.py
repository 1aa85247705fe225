"""How staff edit a checklist: answers one a line, and nothing published that nobody could answer."""

from __future__ import annotations

import pytest

from leads.admin.checklist import QuestionForm
from leads.models import Checklist, Question
from medcrm.lib.versions import start_draft

GOOD = {
    "code": "parking",
    "part": "readiness",
    "position": 10,
    "words": "Do you need parking?",
    "answer_type": "choice",
    "lead_field": "",
    "choices": "yes = Yes, near the door\nno\nlater = Will say later",
    "passes": "yes\nno",
    "fails": "later",
    "expires_after_days": "",
}


@pytest.fixture
def form(catalogue):
    """The form of a question in a draft of the patients' checklist; keywords replace what is typed."""
    in_force = Question.objects.filter(checklist__lead_type="patient", code="payer").get().checklist
    checklist = start_draft(Checklist, in_force.pk)

    def typed(**changes: str) -> QuestionForm:
        return QuestionForm({**GOOD, "checklist": checklist.pk, **changes})

    return typed


def test_answers_are_typed_one_a_line(form) -> None:
    question = form().save()
    question.refresh_from_db()
    assert question.choices == [["yes", "Yes, near the door"], ["no", "no"], ["later", "Will say later"]]
    assert (question.passes, question.fails) == (["yes", "no"], ["later"])
    assert QuestionForm(instance=question)["choices"].value().splitlines() == [
        "yes = Yes, near the door",
        "no = no",
        "later = Will say later",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"passes": "perhaps"}, "passes"),
        ({"fails": "yes\nlater"}, "fails"),
        ({"lead_field": "shoe_size"}, "lead_field"),
        ({"answer_type": "number", "choices": "", "passes": "many", "fails": ""}, "passes"),
        ({"lead_field": "payer", "choices": "", "passes": "barter", "fails": ""}, "passes"),
        ({"words": ""}, "words"),
    ],
)
def test_what_nobody_could_answer_is_refused(form, changes, field) -> None:
    typed = form(**changes)
    assert not typed.is_valid()
    assert field in typed.errors


def test_documents_and_people_are_facts_to_choose(form) -> None:
    typed = form(lead_field="document.records", choices="", passes="received", fails="missing")
    assert typed.is_valid(), typed.errors
