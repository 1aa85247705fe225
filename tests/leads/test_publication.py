"""A version comes into force: previewed over every lead, carried to them in batches, undone by going back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import effects, previews, scoring
from leads.admin.effects import shown
from leads.effects import Effect
from leads.models import Lead, NextStepSet, Preview, Publication, ScoreChange, ScoringModel
from leads.services import rollout, versions
from medcrm.lib import sessions
from medcrm.lib.errors import RuleError
from medcrm.lib.versions import start_draft

WANTS = [
    {"request": "appointment", "timing": "two_weeks"},
    {"request": "price", "timing": "month"},
    {"request": "info", "timing": "not_sure"},
    {"request": "question", "timing": "quarter", "zip": "", "payer": ""},
    {"request": "callback", "timing": "", "service": "derm"},
]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def leads(submit: Callable[..., Lead], now: datetime) -> list[int]:
    """Five scored leads at rest, in two teams."""
    ids = [
        submit(phone=f"+1512555010{n}", email=f"p{n}@example.org", last_name=f"Person {n}", **wish).pk
        for n, wish in enumerate(WANTS)
    ]
    scoring.score_leads(ids, at=now)
    Lead.objects.filter(pk__in=ids).update(advance_due_at=None, stage="working", team="intake")
    Lead.objects.filter(pk=ids[0]).update(team="scheduling")
    return ids


@pytest.fixture
def draft(leads: list[int]) -> ScoringModel:
    return start_draft(ScoringModel, ScoringModel.objects.get(lead_type="patient").pk, note="Try it.")


def more_for_a_price(model: ScoringModel) -> None:
    model.rules.filter(name="Asks for a price or for availability").update(points=25)


def other_thresholds(model: ScoringModel) -> None:
    ScoringModel.objects.filter(pk=model.pk).update(high_from=85, medium_from=60)


def another_condition(model: ScoringModel) -> None:
    rule = model.rules.get(name="Wants information only")
    rule.criteria, rule.points = [[{"fact": "payer", "op": "unknown"}], [{"fact": "age", "op": "gt", "value": 40}]], -9
    rule.save()


def another_cap_and_decay(model: ScoringModel) -> None:
    model.categories.filter(code="request_intent").update(cap=5)
    model.categories.filter(code="completeness").update(half_life_days=3)


def no_readiness(model: ScoringModel) -> None:
    model.bands.filter(target="readiness", band="high").update(band="low")


def category_gone(model: ScoringModel) -> None:
    model.categories.get(code="timing").delete()


CHANGES = [
    more_for_a_price,
    other_thresholds,
    another_condition,
    another_cap_and_decay,
    no_readiness,
    category_gone,
]
STATE = ("score_band", "fit", "readiness", "score")


def state() -> dict[int, tuple]:
    return {pk: tuple(values) for pk, *values in Lead.objects.values_list("pk", *STATE)}


def carry(at: datetime) -> None:
    while rollout.roll_out_batch(at=at):
        pass


@pytest.mark.parametrize("change", CHANGES)
def test_a_preview_says_what_publishing_then_does_and_is_kept_with_it(change, leads, draft, root, now) -> None:
    change(draft)
    before = state()
    with CaptureQueriesContext(connection) as captured:
        said = effects.effect_of(ScoringModel.objects.get(pk=draft.pk), at=now)
    assert {query["sql"].split()[0] for query in captured} <= {"SELECT", "SAVEPOINT", "RELEASE"}
    assert state() == before
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    carry(now)
    after = state()
    for number, name in enumerate(("score_band", "fit", "readiness")):
        table: dict[str, dict[str, int]] = {}
        for pk in leads:
            row = table.setdefault(before[pk][number], {})
            row[after[pk][number]] = row.get(after[pk][number], 0) + 1
        assert said.tables[name] == table
    assert said.changed == sum(before[pk][3] != after[pk][3] for pk in leads)
    publication = Publication.objects.get()
    assert Effect.from_json(publication.effect) == said
    assert (publication.total, publication.done) == (5, 5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES)
def test_several_sessions_preview_what_one_does(change, leads, draft, now, monkeypatch) -> None:
    change(draft)
    draft = ScoringModel.objects.get(pk=draft.pk)
    alone = effects.effect_of(draft, at=now)
    monkeypatch.setattr(sessions, "FEW", 0)
    assert len(sessions.spans_of(Lead.objects.all())) == sessions.SESSIONS > 1
    monkeypatch.setattr(sessions, "MOST", 1)
    told: list[tuple[int, int]] = []
    together = effects.effect_of(draft, at=now, tell=lambda *part: told.append(part))
    parts = len(sessions.spans_of(Lead.objects.all()))
    assert told == [(done, parts) for done in range(1, parts + 1)] and parts > sessions.SESSIONS
    assert {**together.as_json(), "moves": None} == {**alone.as_json(), "moves": None}
    assert sorted(map(str, together.moves)) == sorted(map(str, alone.moves))
    assert alone.total == 5


def test_each_team_sees_its_load_and_the_crossing_leads_are_named(leads, draft, now) -> None:
    other_thresholds(draft)
    said = effects.effect_of(ScoringModel.objects.get(pk=draft.pk), at=now)
    crossed = {lead for move in said.moves for lead in move.leads}
    bands = {pk: values[0] for pk, values in state().items()}
    assert crossed == {pk for pk in leads if bands[pk] != "low" and pk != leads[0]}
    assert said.before["scheduling"] == said.after["scheduling"] == {"high": 1}
    assert sum(said.before["intake"].values()) == sum(said.after["intake"].values()) == 4


def test_a_lead_that_no_model_scored_yet_is_previewed_in_full(submit, leads, draft, now) -> None:
    submit(phone="+15125550199", email="new@example.org", last_name="New")
    said = effects.effect_of(draft, at=now)
    assert said.tables["score_band"][""] == {"high": 1}
    assert sum(count for row in said.tables["score_band"].values() for count in row.values()) == 6


def test_only_leads_whose_bands_moved_walk_the_road_again(leads, draft, root, now) -> None:
    before = state()
    more_for_a_price(draft)
    draft.rules.filter(name="Asks a direct question").update(points=16)
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    carry(now)
    moved = {pk for pk, values in state().items() if values[:3] != before[pk][:3]}
    assert set(Lead.objects.filter(advance_due_at__isnull=False).values_list("pk", flat=True)) == moved
    assert set(Lead.objects.values_list("score_model", flat=True)) == {draft.pk}
    publication = Publication.objects.get()
    assert (publication.changed, publication.woken) == (5, len(moved))


def test_a_killed_batch_leaves_nothing_and_the_next_goes_on_where_the_last_one_ended(
    leads, draft, root, now, monkeypatch
) -> None:
    monkeypatch.setattr(rollout, "BATCH", 2)
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    assert rollout.roll_out_batch(at=now) == 2
    changes = ScoreChange.objects.count()
    write = scoring.write_scores

    def killed(*args: object, **kwargs: object) -> None:
        write(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "write_scores", killed)
    with pytest.raises(KeyboardInterrupt):
        rollout.roll_out_batch(at=now)
    publication = Publication.objects.get()
    assert (publication.position, publication.done) == (leads[1], 2)
    assert Lead.objects.filter(score_model=draft.pk).count() == 2
    monkeypatch.setattr(scoring, "write_scores", write)
    assert [rollout.roll_out_batch(at=now) for _ in range(3)] == [2, 1, 0]
    publication.refresh_from_db()
    assert (publication.done, publication.changed, publication.finished_at) == (5, 5, now)
    assert ScoreChange.objects.count() == changes


def test_a_newer_version_cuts_the_older_one_short_and_reaches_every_lead(leads, draft, root, now, monkeypatch) -> None:
    monkeypatch.setattr(rollout, "BATCH", 2)
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    rollout.roll_out_batch(at=now)
    again = versions.go_back(ScoringModel, draft.pk, by=root, at=now + timedelta(minutes=1))
    carry(now + timedelta(minutes=2))
    assert set(Lead.objects.values_list("score_model", flat=True)) == {again.pk}
    assert list(Publication.objects.order_by("pk").values_list("is_cut_short", "is_return", "done")) == [
        (True, False, 2),
        (False, True, 5),
    ]


def test_going_back_restores_version_scores_and_rules(leads, draft, root, now) -> None:
    before, first = state(), ScoringModel.objects.get(lead_type="patient", status="published")
    another_condition(draft)
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    carry(now)
    assert state() != before
    versions.go_back(ScoringModel, draft.pk, by=root, at=now)
    carry(now)
    assert state() == before
    statuses = dict(ScoringModel.objects.filter(lead_type="patient").values_list("pk", "status"))
    assert statuses == {first.pk: "published", draft.pk: "retired"}


def test_without_a_previous_version_nobody_can_go_back(leads, root, now) -> None:
    only = ScoringModel.objects.get(lead_type="patient")
    with pytest.raises(RuleError) as refused:
        versions.go_back(ScoringModel, only.pk, by=root, at=now)
    assert refused.value.code == "NO_PREVIOUS"


def test_new_next_steps_wake_only_who_would_be_decided_otherwise(leads, root, now) -> None:
    from medcrm import journey

    journey.advance(leads, at=now)
    draft = start_draft(NextStepSet, NextStepSet.objects.get().pk)
    draft.rules.filter(name="Asks for a price").update(next_step="callback")
    said = effects.effect_of(draft, at=now)
    assert (said.total, said.changed) == (5, 1)
    assert said.tables["next_step"]["forward:quote"] == {"forward:callback": 1}
    versions.publish(NextStepSet, draft.pk, by=root, at=now)
    carry(now)
    assert list(Lead.objects.filter(advance_due_at__isnull=False).values_list("pk", flat=True)) == [leads[1]]


@pytest.fixture
def sign_in(client) -> Callable[[str], None]:
    def enter(role: str) -> None:
        user = User.objects.create(username=role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)

    return enter


@pytest.mark.parametrize(("role", "names"), [("supervisor", True), ("marketing", False)])
def test_the_preview_page_names_leads_only_to_who_may_see_them(role, names, client, sign_in, draft, now) -> None:
    other_thresholds(draft)
    sign_in(role)
    address = f"/admin/leads/scoringmodel/{draft.pk}/preview/"
    shell = client.get(address).content.decode()
    assert f'hx-post="{address}"' in shell and not Preview.objects.exists(), "the page is there at once, and asks"
    asked = client.post(address)["Location"]
    assert 'hx-trigger="every' in client.get(asked).content.decode()
    assert previews.look_ahead(clock=lambda: now) == 1
    page = client.get(asked).content.decode()
    assert 'hx-trigger="every' not in page
    assert ("Person 1" in page) == names
    assert "Medium → Low" in page


def test_many_values_are_read_one_a_line_with_what_comes_and_leaves(root) -> None:
    steps = ["forward:appointment", "forward:callback", "hold:none", "hold:nurture", "stop:none"]
    table = {step: {step: 10} for step in steps}
    table["hold:none"] = {"hold:none": 4, "forward:callback": 6}
    before = {"intake": {"hold:none": 10, "stop:none": 1}}
    after = {"intake": {"hold:none": 4, "forward:callback": 6, "stop:none": 1}, "": {step: 0 for step in steps}}
    said = shown(Effect(50, 6, {"next_step": table}, [], before, after), root)
    (totals,) = said.totals
    moved = {(row.now, row.then, row.come, row.leave) for row in totals.rows[:2]}
    assert (said.grids, totals.changed, moved) == ([], 6, {(10, 16, 6, 0), (10, 4, 0, 6)})
    assert [(shift.now, shift.then) for shift in said.shifts] == [(0, 6), (10, 4)]
    few = {"high": {"high": 3}, "low": {"high": 2}}
    assert shown(Effect(5, 2, {"score_band": few}), root).grids[0].changed == 2


def test_the_page_of_a_publication_tells_what_it_was_to_change(draft, root, client, now) -> None:
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    client.force_login(root)
    publication = Publication.objects.get()
    page = client.get(f"/admin/leads/publication/{publication.pk}/change/")
    assert page.context["shown"].effect == Effect.from_json(publication.effect)
    assert "What the preview said when it was published" in page.content.decode()


def test_the_preview_page_is_refused_to_a_caller(client, sign_in, draft) -> None:
    sign_in("caller")
    assert client.get(f"/admin/leads/scoringmodel/{draft.pk}/preview/").status_code == 403


def test_publishing_and_going_back_are_actions_and_the_progress_shows(client, sign_in, draft, monkeypatch) -> None:
    monkeypatch.setattr(rollout, "BATCH", 2)
    sign_in("marketing")
    page = f"/admin/leads/scoringmodel/{draft.pk}"
    client.get(f"{page}/go-back/")
    client.get(f"{page}/publish/")
    assert not Publication.objects.exists()
    client.post(f"{page}/publish/", {})
    rollout.roll_out_batch(at=Publication.objects.get().at)
    progress = "2 of 5 leads (40 %)"
    assert progress in client.get(f"{page}/change/").content.decode()
    assert progress in client.get("/admin/leads/publication/").content.decode()
    publication = Publication.objects.get()
    assert "Score band" in client.get(f"/admin/leads/publication/{publication.pk}/change/").content.decode()
    client.post(f"{page}/go-back/", {})
    draft.refresh_from_db()
    assert draft.status == "retired"


def test_the_lead_page_shows_points_rules_version_and_how_the_score_moved(
    client, sign_in, leads, draft, root, now
) -> None:
    more_for_a_price(draft)
    versions.publish(ScoringModel, draft.pk, by=root, at=now)
    carry(now)
    sign_in("supervisor")
    page = client.get(f"/admin/leads/lead/{leads[1]}/change/").content.decode()
    old, new = ScoreChange.objects.filter(lead=leads[1]).order_by("pk").values_list("new_score", flat=True)
    assert new == old + 7
    for words in ("Asks for a price or for availability: +25", f"{old} → {new}", "by scoring v2", "request is "):
        assert words in page
