"""The past decided again: the rules in force say what they said, a draft says where it differs, nobody looks ahead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.urls import reverse

from leads import contact
from leads.measures import Period
from leads.models import BackTest, Lead, NextStepSet, ScoringModel, Snapshot
from leads.services import calls, events
from leads.services.calls import CallReport
from medcrm import journey
from medcrm.lib.models import VersionStatus
from medcrm.lib.versions import start_draft
from medcrm.reports import backtest, outlook, weekly
from privacy import erasure
from routing import assignment
from routing import versions as route_versions
from routing.models import Assignment, Clock, RouteSet

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


@pytest.mark.parametrize("role", ["administrator", "supervisor"])
def test_a_version_lists_the_tries_made_of_it(decided: list[Lead], now: datetime, client: Client, role: str) -> None:
    """Whoever may try rules is led to the result; others see what came of it."""
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    model = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.PUBLISHED)
    drafts = {
        "scoring_model": start_draft(ScoringModel, model.pk),
        "next_step_set": start_draft(NextStepSet, NextStepSet.objects.get(status="published").pk),
        "route_set": start_draft(RouteSet, RouteSet.objects.get(status="published").pk),
    }
    for field, draft in drafts.items():
        run(now, **{field: draft.pk})
        url = reverse(f"admin:{draft._meta.label_lower.replace('.', '_')}_change", args=[draft.pk])
        test = BackTest.objects.order_by("pk").last()
        page = client.get(url).content.decode()
        assert f"{len(decided)} decisions tried, 0 would be others" in page
        assert (reverse("reports:what_if_result", args=[test.pk]) in page) == user.has_perm("leads.try_backtest")
        others = BackTest.objects.exclude(pk=test.pk).values_list("pk", flat=True)
        assert not any(f"what-if/{pk}/" in page for pk in others), "only its own"


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


def test_a_draft_of_next_steps_says_who_would_move_and_how_they_fared(
    decided: list[Lead], now: datetime, client: Client, admin_user
) -> None:
    published = NextStepSet.objects.get(status=VersionStatus.PUBLISHED)
    draft = start_draft(NextStepSet, published.pk)
    rule = draft.rules.get(name="Wants to come later")
    rule.decision, rule.next_step, rule.hold_reason = "forward", "callback", None
    rule.save()
    result = run(now, next_step_set=draft.pk)
    assert result["moves"] == {"hold:none>forward:callback": {"n": 1, "converted": 0, "leads": [decided[1].pk]}}
    assert (result["cases"] - result["same"], result["reproduced"]) == (1, result["cases"])
    assert sum(result["teams_then"].values()) == sum(result["teams_now"].values()) + 1
    assert Lead.objects.get(pk=decided[1].pk).decision == "hold", "changes nothing"
    client.force_login(admin_user)
    page = client.get(f"/admin/reports/what-if/{BackTest.objects.get().pk}/")
    link = next(
        row.cells[2].link for s in page.context["sections"] if str(s.title) == "What would move" for row in s.rows
    )
    assert f"?{link}" in page.content.decode()
    shown = client.get(f"/admin/leads/lead/?{link}").context["cl"].result_list
    assert [lead.pk for lead in shown] == [decided[1].pk]


def test_a_draft_of_scoring_moves_bands_by_frozen_facts(decided: list[Lead], now: datetime) -> None:
    model = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.PUBLISHED)
    draft = start_draft(ScoringModel, model.pk)
    draft.rules.update(points=0)
    result = run(now, scoring_model=draft.pk)
    patients = sum(lead.lead_type == "patient" for lead in decided)
    assert sum(n for key, n in result["bands"].items() if key.endswith(">low")) >= patients


def test_every_lead_goes_to_the_team_that_routing_gave_it(decided: list[Lead], now: datetime, admin_user) -> None:
    """Reviews and documents to collect are work too; what a person moved stays moved; a booked lead needs nobody."""
    assignment.reassign([decided[2].pk], team="intake", reason="They know him.", by=admin_user, at=now)
    later = now + timedelta(hours=1)
    Lead.objects.filter(pk=decided[2].pk).update(question="Is there parking?")
    visit = {"service": "ortho", "clinic": "rrk", "on": (now + timedelta(days=2)).date()}
    events.record_appointment(decided[0].pk, status="booked", at=now + timedelta(minutes=5), **visit)
    journey.advance([lead.pk for lead in decided], at=later)
    rows = list(Snapshot.objects.order_by("pk"))
    verdicts = dict(zip([row.pk for row in rows], backtest.decide(rows, backtest.rules_of()), strict=True))
    for row in rows:
        lead = Lead.objects.get(pk=row.lead_id)
        is_last = row.pk == max(other.pk for other in rows if other.lead_id == row.lead_id)
        owes = Clock.objects.open().filter(lead=lead).exists() if is_last else None
        given = Assignment.objects.filter(lead=lead, at__lte=row.at).order_by("-pk").first()
        if owes is not False and verdicts[row.pk].team:
            assert verdicts[row.pk].team == given.to_team_id
        if is_last:
            assert bool(verdicts[row.pk].team) == bool(owes) or lead.pk == decided[0].pk
    assert len({verdict.team for verdict in verdicts.values()}) >= 3


def test_a_planted_look_ahead_is_caught(decided: list[Lead], now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the facts read from the living leads, the decisions of the past would not come out again."""
    assert run(now)["reproduced"] == len(decided)
    for lead in decided:
        events.record_preference(lead.pk, {"timing": "later", "request": "info"}, at=now + timedelta(days=30))
    assert run(now)["reproduced"] == len(decided)
    rows_of = backtest.decide

    def peeking(rows: list[Snapshot], rules: backtest.Rules) -> list[backtest.Verdict]:
        living = Lead.objects.in_bulk([row.lead_id for row in rows])
        for row in rows:
            row.facts |= {"timing": living[row.lead_id].timing_id, "request": living[row.lead_id].request}
        return rows_of(rows, rules)

    monkeypatch.setattr(backtest, "decide", peeking)
    assert run(now)["reproduced"] < len(decided)


def test_speed_and_conversion_are_foretold_from_leads_decided_alike(
    decided: list[Lead], now: datetime, admin_user, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "LEAST_CASES", 1)
    for minutes, lead in ((30, decided[0]), (90, decided[4])):
        at = now + timedelta(minutes=minutes)
        attempt = contact.reserve_call(Lead.objects.get(pk=lead.pk), at=at)
        calls.record_call(lead.pk, CallReport("no_answer"), attempt=attempt, at=at)
    result = run(now)
    real = outlook.happened(result["groups"])
    assert (real.everybody.n, real.owed.tried, real.owed.within(0.5), real.owed.within(0.9)) == (6, 2, 1800, 5400)
    assert outlook.foretold(result["foretold"], result["groups"]) == real, "the rules in force foretell what was"

    published = RouteSet.objects.get(status=VersionStatus.PUBLISHED)
    draft = start_draft(RouteSet, published.pk)
    draft.rules.update(team="intake")
    tried = run(now, route_set=draft.pk)
    assert set(tried["teams_then"]) == {"intake"} and sum(tried["teams_then"].values()) == real.owed.n
    then = outlook.foretold(tried["foretold"], tried["groups"])
    assert then.thin == sum(n for key, n in tried["foretold"].items() if key.startswith("intake|")) > 0
    assert then.owed.within(0.5) is None, "nobody went there then, so nothing is foretold"


def test_the_real_effect_stands_beside_the_forecast_once_the_draft_is_published(
    decided: list[Lead], submit: Callable[..., Lead], now: datetime, admin_user, client: Client
) -> None:
    published = RouteSet.objects.get(status=VersionStatus.PUBLISHED)
    draft = start_draft(RouteSet, published.pk)
    draft.rules.update(team="intake")
    run(now, route_set=draft.pk)
    assert backtest.follow_published(at=now) == 0, "not in force yet"
    in_force = now + timedelta(days=3)
    route_versions.publish(draft.pk, by=admin_user, at=in_force)
    fresh = submit(phone="+15125550109", email="h@example.org", last_name="H", at=in_force + timedelta(hours=1))
    journey.advance([fresh.pk], at=in_force + timedelta(hours=1))
    assert backtest.follow_published(at=in_force + timedelta(hours=2)) == 1
    assert backtest.follow_published(at=in_force + timedelta(hours=3)) == 0, "once a day"
    test = BackTest.objects.get()
    assert sum(test.result["since"]["real"].values()) == 1
    assert outlook.loads({key: kept["n"] for key, kept in test.result["since"]["groups"].items()}) == {"intake": 1}
    client.force_login(admin_user)
    titles = [str(s.title) for s in client.get(f"/admin/reports/what-if/{test.pk}/").context["sections"]]
    assert "Load of each team since it was published" in titles and "Speed and conversion" in titles


def test_people_who_were_forgotten_are_not_tried(decided: list[Lead], now: datetime) -> None:
    request = erasure.request_erasure(erasure.person_of([decided[1].pk]), reason="Asked.", by=None, at=now)
    erasure.erase(request.pk, by=None, at=now)
    result = run(now)
    assert result["cases"] == len(decided) - 1 == result["reproduced"]


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
