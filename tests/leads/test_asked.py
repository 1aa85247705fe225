"""The questions of a source's form are kept in the order of their places, and what is wrong is said and stays typed."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from leads.admin.asked import QuestionsField, Typed, typed_of
from leads.models import Source

ASKED = ["first_name", {"field": "phone", "required": True}, {"field": "request", "value": "info"}]


def sent(lines: list[Typed]) -> dict[str, str]:
    return {
        f"questions_{line.field}_{part}": getattr(line, part) for line in lines for part in ("how", "place", "value")
    }


def read(lines: list[Typed]) -> list[object]:
    field = QuestionsField(required=False)
    return field.clean(field.widget.value_from_datadict(sent(lines), {}, "questions"))


def test_what_is_stored_comes_back_unchanged() -> None:
    assert read(typed_of(ASKED)) == ASKED
    assert not QuestionsField(required=False).has_changed(ASKED, typed_of(ASKED))
    assert read(typed_of([])) == []


def test_the_places_give_the_order() -> None:
    between = [Typed("zip", "may", "15"), Typed("email", "must", "")]
    assert read([*typed_of(ASKED), *between]) == [
        "first_name", "zip", {"field": "phone", "required": True}, {"field": "request", "value": "info"},
        {"field": "email", "required": True},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        Typed("zip", "may", "first"),
        Typed("lead_type", "known", "10", ""),
        Typed("lead_type", "known", "10", "robot"),
        Typed("age", "known", "10", "many"),
        Typed("zip", "must", "10", "78704"),
    ],
)
def test_a_line_that_no_form_can_be_made_of_is_refused_with_its_name(line: Typed) -> None:
    with pytest.raises(ValidationError) as refused:
        read([line])
    assert [message.startswith(f"{line.label}:") for message in refused.value.messages] == [True]


@pytest.mark.django_db
def test_the_page_of_a_source_asks_for_them_in_a_table(catalogue: None) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.org"))
    source = Source.objects.get(pk="guide")
    url = reverse("admin:leads_source_change", args=[source.pk])
    page = client.get(url)
    values = {name: page.context["adminform"].form[name].value() for name in page.context["adminform"].form.fields}
    rows = page.context["inline_admin_formsets"][0].formset.management_form
    managed = {f"{rows.prefix}-{name}": value for name, value in rows.initial.items()}
    plain = {name: value for name, value in values.items() if value not in (None, False)}
    plain = {**plain, **managed}
    del plain["questions"]
    typed = sent([*(line for line in typed_of(source.questions) if line.field != "age"), Typed("age", "must", "soon")])
    wrong = client.post(url, {**plain, **typed})
    assert wrong.status_code == 200 and 'value="soon"' in wrong.content.decode()
    assert client.post(url, {**plain, **typed, "questions_age_place": "35"}).status_code == 302
    source.refresh_from_db()
    asked = [row if isinstance(row, str) else row["field"] for row in source.questions]
    assert asked.index("age") == 3
