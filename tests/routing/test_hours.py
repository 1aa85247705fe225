"""Working hours are typed as people write them; what is wrong is said with its day and stays as it was typed."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from routing.admin.hours import WEEKDAYS, HoursField, line_of, read_line
from routing.calendar import parse_week
from routing.models import Agent, Team

DAY = [["08:00", "12:00"], ["13:00", "17:00"]]


@pytest.mark.parametrize(
    ("line", "windows"),
    [
        ("08:00–12:00, 13:00–17:00", DAY),
        ("13-17; 8-12", DAY),
        ("8 AM to noon, 6 p.m.-Midnight", [["08:00", "12:00"], ["18:00", "24:00"]]),
        ("8am - 12pm and 1 p.m. until 5 p.m.", DAY),
        ("12am-12pm", [["00:00", "12:00"]]),
        ("22:00-24:00", [["22:00", "24:00"]]),
        ("8:30-9", [["08:30", "09:00"]]),
        ("  ", []),
        ("8-5", None),
        ("9-9", None),
        ("25-26", None),
        ("8:60-9", None),
        ("0pm-3pm", None),
        ("24:01-25", None),
        ("8-12, 11-17", None),
        ("8", None),
        ("8-12-17", None),
        ("closed", None),
    ],
)
def test_a_line_is_read_or_refused(line: str, windows: list | None) -> None:
    if windows is None:
        with pytest.raises(ValueError, match="[“T]"):
            read_line(line)
    else:
        assert read_line(line) == windows
        assert read_line(line_of(windows)) == windows
        parse_week({"mon": windows})


def test_every_wrong_day_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        HoursField().clean(["8-17", "17-8", "", "", "noon", "", ""])
    assert [message.split(":")[0] for message in refused.value.messages] == ["Tuesday", "Friday"]


def test_a_team_needs_hours_and_an_agent_may_have_none_of_their_own() -> None:
    with pytest.raises(ValidationError):
        HoursField().clean([""] * 7)
    assert HoursField(required=False).clean([""] * 7) is None


@pytest.fixture
def boss(organisation: object) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.org"))
    return client


def sent(page: object, **lines: str) -> dict[str, object]:
    """What a browser sends from this page, with some lines typed over."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields if name != "hours"}
    week = form["hours"].field.widget.decompress(form.initial.get("hours"))
    typed = {f"hours_{day}": lines.get(day, line) for day, line in zip(WEEKDAYS, week, strict=True)}
    inlines = [inline.formset.management_form for inline in page.context["inline_admin_formsets"]]
    managed = {f"{rows.prefix}-{name}": value for rows in inlines for name, value in rows.initial.items()}
    plain = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in values.items()}
    return {name: value for name, value in plain.items() if value not in (None, False)} | typed | managed


def test_hours_are_saved_as_typed_and_come_back_where_they_are_wrong(boss: Client) -> None:
    team = Team.objects.get(pk="scheduling")
    url = reverse("admin:routing_team_change", args=[team.pk])
    page = boss.get(url)
    assert 'aria-label="Saturday"' in page.content.decode()
    wrong = boss.post(url, sent(page, sat="9-1"))
    assert wrong.status_code == 200
    assert 'value="9-1"' in wrong.content.decode() and "Saturday: " in wrong.content.decode()
    assert boss.post(url, sent(page, sat="9am-1pm")).status_code == 302
    team.refresh_from_db()
    assert team.hours["sat"] == [["09:00", "13:00"]]


def test_an_agent_goes_back_to_the_hours_of_the_team(boss: Client) -> None:
    agent = Agent.objects.filter(team="scheduling").first()
    url = reverse("admin:routing_agent_change", args=[agent.pk])
    for typed, kept in ({"mon": "10-14"}, {"mon": [["10:00", "14:00"]]}), ({"mon": ""}, None):
        assert boss.post(url, sent(boss.get(url), **typed)).status_code == 302
        agent.refresh_from_db()
        assert agent.hours == kept
