"""What a version would do is asked on its page and found by a worker; nothing asked is lost, and a failure says why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from leads import previews, scoring
from leads.models import NextStepSet, Preview, ScoringModel
from medcrm import queues


@pytest.fixture
def version(submit, now) -> ScoringModel:
    scoring.score_leads([submit().pk], at=now)
    return ScoringModel.objects.get(lead_type="patient", status="published")


@pytest.fixture
def root(db) -> User:
    return User.objects.create(username="root", is_staff=True, is_superuser=True)


def look(now, after=timedelta()) -> int:
    return previews.look_ahead(clock=lambda: now + after)


def test_who_asks_twice_before_a_worker_began_waits_for_one_answer_and_each_person_for_their_own(version, root, now):
    first = previews.ask(version, by=root, at=now)
    assert previews.ask(version, by=root, at=now) == first
    assert previews.ask(version, by=None, at=now) != first
    assert look(now) == 2 and look(now) == 0
    assert previews.ask(version, by=root, at=now) != first, "what was found is of its moment"
    assert previews.of(version).filter(found__total=1).count() == 2


def test_each_kind_of_version_is_looked_at_by_its_own_rules(version, root, now):
    steps = NextStepSet.objects.get(status="published")
    asked = [previews.ask(each, by=root, at=now) for each in (version, steps)]
    look(now)
    tables = [set(Preview.objects.get(pk=each.pk).found["tables"]) for each in asked]
    assert tables == [{"score_band", "fit", "readiness"}, {"next_step"}]


def test_what_a_worker_died_of_is_begun_anew_but_not_while_it_may_live(version, root, now, monkeypatch):
    asked = previews.ask(version, by=root, at=now)

    def die(*_args: object) -> dict:
        raise SystemExit

    monkeypatch.setitem(previews.LOOKS, asked.kind, die)
    with pytest.raises(SystemExit):
        look(now)
    monkeypatch.undo()
    assert look(now, previews.PATIENCE) == 0
    assert look(now, previews.PATIENCE + timedelta(seconds=1)) == 1
    assert Preview.objects.get().found["total"] == 1


def test_what_cannot_be_worked_out_says_why_and_those_behind_it_are_answered(version, root, now, client):
    gone = Preview.objects.create(kind="leads.scoringmodel", version=0, asked_by=root, asked_at=now)
    asked = previews.ask(version, by=root, at=now)
    assert look(now) == 2
    gone.refresh_from_db()
    assert gone.problem.startswith("DoesNotExist") and Preview.objects.get(pk=asked.pk).found_at == now
    Preview.objects.filter(pk=asked.pk).update(found_at=None, problem="DataError: division by zero")
    client.force_login(root)
    page = client.get(f"/admin/leads/scoringmodel/{version.pk}/preview/?look={asked.pk}").content.decode()
    assert "division by zero" in page and "Run again" in page and 'hx-trigger="every' not in page


def test_a_preview_is_shown_at_its_version_only_and_asked_for_anew_after_a_day(version, root, now, client):
    client.force_login(root)
    other = ScoringModel.objects.exclude(pk=version.pk).first()
    asked = previews.ask(version, by=root, at=now)
    look(now)
    for pk, key in ((other.pk, asked.pk), (version.pk, 10**30), (version.pk, "x")):
        page = client.get(f"/admin/leads/scoringmodel/{pk}/preview/?look={key}").content.decode()
        assert "Checked" not in page and 'hx-trigger="load' in page
    previews.ask(other, by=root, at=now + previews.SHOWN + timedelta(seconds=1))
    assert not previews.of(version).exists()


def test_the_page_tells_how_far_it_came_and_health_who_waits_in_vain(version, root, now, client):
    client.force_login(root)
    asked = previews.ask(version, by=root, at=now)
    page = f"/admin/leads/scoringmodel/{version.pk}/preview/?look={asked.pk}"
    assert "Waiting to start" in client.get(page).content.decode()
    late = [each.queue.name for each in queues.backlogs(at=now + timedelta(minutes=3)) if each.is_late]
    assert "previews" in late
    Preview.objects.update(begun_at=now, done=1, parts=4)
    assert 'value="25"' in client.get(page).content.decode()
