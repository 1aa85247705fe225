"""The past decided again: the rules in force say what they said, a draft says where it differs, nobody looks ahead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client

from leads.measures import Period
from leads.models import BackTest, Lead, NextStepSet, ScoringModel, Snapshot
from leads.services import events, versions
from medcrm import journey
from medcrm.lib.models import VersionStatus
from medcrm.reports import backtest, weekly
from privacy import erasure

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(organisation: None, submit: Callable[..., Lead], now: datetime) -> list[Lead]:
    """Leads that the rules sent on, held, nurtured and stopped, for patients and organisations."""
    leads = [
        submit(),
        submit(phone="+15125550102", email="b@example.org", last_name="B", timing="later"),
        submit(phone="+15125550103", email="c@example.org", last_name="C", request="info", timing="not_sure"),
        submit(phone="+15125550104", email="d@example.org", last_name="D", payer="medicaid"),
        submit(phone="+15125550105", email="e@example.org", last_name="E", service="pt", preferred_clinic=""),
        submit("facility", phone="+15125550106", email="f@example.org", last_name="F", lead_type="b2b", payer="",
               service="screening", organisation="Mill", request="quote", timing="next_quarter", preferred_clinic=""),
    ]  # fmt: skip
    journey.advance([lead.pk for lead in leads], at=now)
    return leads


def run(now: datetime, **drafts: int) -> dict:
    day = now.date()
    row = backtest.ask(Period(day, day + timedelta(days=2)), by=None, at=now, **drafts)
    backtest.run_waiting(at=now)
    row.refresh_from_db()
    assert row.finished_at == now and row.done == row.total
    return row.result


def test_the_rules_in_force_reproduce_every_decision(decided: list[Lead], now: datetime) -> None:
    result = run(now)
    assert result["cases"] == len(decided) == result["reproduced"] == result["same"]
    assert len(result["was"]) >= 4 and result["moves"] == {}
    rows = list(Snapshot.objects.order_by("pk"))
    verdicts = backtest.decide(rows, backtest.rules_of())
    assert [(v.score, v.band, v.hold_reason, v.stop_reason) for v in verdicts] == [
        (row.score, row.score_band, row.hold_reason, row.stop_reason) for row in rows
    ]


def test_who_was_forgotten_is_left_out_of_every_back_test(decided: list[Lead], now: datetime) -> None:
    request = erasure.request_erasure(erasure.person_of([decided[0].pk]), reason="Asked by letter.", by=None, at=now)
    erasure.erase(request.pk, by=None, at=now)
    assert run(now)["cases"] == len(decided) - 1


def test_what_was_learned_later_changes_no_back_test(decided: list[Lead], now: datetime) -> None:
    """The planted look-ahead: a lead's answers turn round after the decision, and the past stays what it was."""
    rows = list(Snapshot.objects.order_by("pk"))
    before = backtest.decide(rows, backtest.rules_of())
    for lead in decided:
        later = now + timedelta(days=30)
        events.record_preference(lead.pk, {"timing": "later", "request": "info"}, at=later)
    Lead.objects.update(service=None, zip="", latitude=None, longitude=None)
    assert backtest.decide(rows, backtest.rules_of()) == before
    living = Lead.objects.get(pk=decided[0].pk)
    frozen = next(row for row in rows if row.lead_id == living.pk)
    assert (living.timing_id, frozen.facts["timing"]) == ("later", "two_weeks")


def test_a_draft_of_next_steps_says_who_would_move_and_how_they_fared(decided: list[Lead], now: datetime) -> None:
    published = NextStepSet.objects.get(status=VersionStatus.PUBLISHED)
    draft = versions.start_draft(NextStepSet, published.pk)
    rule = draft.rules.get(name="Wants to come later")
    rule.decision, rule.next_step, rule.hold_reason = "forward", "callback", None
    rule.save()
    result = run(now, next_step_set=draft.pk)
    assert result["moves"] == {"hold:none>forward:callback": {"n": 1, "converted": 0, "leads": [decided[1].pk]}}
    assert (result["cases"] - result["same"], result["reproduced"]) == (1, result["cases"])
    assert sum(result["teams_then"].values()) == sum(result["teams_now"].values()) + 1
    assert Lead.objects.get(pk=decided[1].pk).decision == "hold", "nothing is changed"


def test_a_draft_of_scoring_moves_bands_by_frozen_facts(decided: list[Lead], now: datetime) -> None:
    model = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.PUBLISHED)
    draft = versions.start_draft(ScoringModel, model.pk)
    draft.rules.update(points=0)
    result = run(now, scoring_model=draft.pk)
    patients = sum(lead.lead_type == "patient" for lead in decided)
    assert sum(n for key, n in result["bands"].items() if key.endswith(">low")) >= patients


def test_a_killed_try_goes_on_where_it_was(decided: list[Lead], now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "BATCH", 2)
    day = now.date()
    row = backtest.ask(Period(day, day), by=None, at=now)
    assert backtest._run_batch(at=now)
    row.refresh_from_db()
    assert (row.done, row.result["cases"], row.finished_at) == (2, 2, None)
    backtest.run_waiting(at=now)
    row.refresh_from_db()
    assert row.result["cases"] == len(decided) == row.result["same"]


def test_the_page_asks_shows_and_refuses(decided: list[Lead], now: datetime, client: Client) -> None:
    user = User.objects.create_user("marketing", is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    client.force_login(user)
    day = now.date().isoformat()
    assert client.get("/admin/reports/what-if/").status_code == 200
    wrong = client.post("/admin/reports/what-if/", {"first": day, "last": "2020-01-01"})
    assert wrong.status_code == 200 and set(wrong.context["form"].errors) == {"last"}
    answer = client.post("/admin/reports/what-if/", {"first": day, "last": day})
    assert answer.status_code == 302 and BackTest.objects.get().asked_by == user
    backtest.run_waiting(at=now)
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200 and b"behind=" not in page.content and b"id__in" not in page.content
    user.groups.set([Group.objects.get(name="caller")])
    client.force_login(User.objects.get(pk=user.pk))
    assert client.get("/admin/reports/what-if/").status_code == 403


def test_the_week_is_mailed_to_readers_with_an_address(decided: list[Lead], now: datetime) -> None:
    for name, email, role in (("s", "s@example.org", "supervisor"), ("m", "", "marketing"), ("c", "c@x.org", "caller")):
        user = User.objects.create_user(name, email, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    User.objects.exclude(username__in="smc").update(email="")
    assert weekly.send(at=now + timedelta(days=3)) == 1
    assert mail.outbox[0].to == ["s@example.org"] and f"{len(decided):,} (0)" in mail.outbox[0].body
