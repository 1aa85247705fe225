"""What a call result answers by itself is entered beside its flags, and may be answered of any lead."""

from __future__ import annotations

import pytest
from django.test import Client

from leads.models import Disposition

pytestmark = pytest.mark.usefixtures("catalogue")
PAGE = "/admin/leads/disposition/price/change/"
ROW = {"name": "Price", "group": "negative", "position": "3", "is_active": "on"}


@pytest.mark.parametrize(
    ("question", "answer", "kept"),
    [("existing_patient", "NO", "no"), ("age", "44", "44"), ("agreement", "yes", "yes"), ("", "", "")],
)
def test_a_result_answers_what_is_entered(admin_client: Client, question: str, answer: str, kept: str) -> None:
    typed = {**ROW, "answers_question": question, "answers_with": answer}
    assert admin_client.post(PAGE, typed).status_code == 302
    assert Disposition.objects.values_list("answers_question", "answers_with").get(pk="price") == (question, kept)


@pytest.mark.parametrize(
    ("question", "answer", "field"),
    [
        ("favourite_colour", "red", "answers_question"),
        ("existing_patient", "perhaps", "answers_with"),
        ("agreement", "someday", "answers_with"),
        ("payer", "no_such_payer", "answers_with"),
        ("payer", "", "answers_with"),
        ("", "yes", "answers_question"),
    ],
)
def test_an_answer_that_nobody_could_give_is_refused(
    admin_client: Client, question: str, answer: str, field: str
) -> None:
    refused = admin_client.post(PAGE, {**ROW, "answers_question": question, "answers_with": answer})
    assert refused.context_data["adminform"].form.errors.keys() == {field}
    assert Disposition.objects.get(pk="price").answers_question == ""
