"""What the database would refuse is said beside the field, in words and not by the name of a constraint."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models

from consent.models import CallingRule, Emergency
from leads.models import (
    Checklist,
    Disposition,
    EmergencyPhrase,
    NextStepRule,
    NextStepSet,
    ScoringModel,
    ServiceLine,
    Source,
    TimingWindow,
)
from nurture.models import AcknowledgedSource, FrequencyCap, Sequence, Step
from routing.models import Agent, Goal, RouteSet, RoutingRule, Team
from tests.rows import NOW

pytestmark = pytest.mark.django_db
WRONG = [
    (CallingRule(weekday_start=time(9), weekday_end=time(8)), {"weekday_end"}),
    (CallingRule(sunday_start=time(9), overlay_saturday_end=time(9)), {"sunday_end", "overlay_saturday_end"}),
    (CallingRule(cap_count=3), {"cap_hours"}),
    (CallingRule(cap_hours=24), {"cap_count"}),
    (Emergency(starts_at=NOW, ends_at=NOW), {"ends_at"}),
    (TimingWindow(kind="within"), {"days"}),
    (TimingWindow(kind="within", days=0), {"days"}),
    (ServiceLine(min_age=18, max_age=17), {"max_age"}),
    (ScoringModel(high_from=101, medium_from=30), {"high_from"}),
    (ScoringModel(high_from=30, medium_from=30), {"medium_from"}),
    (NextStepRule(decision="forward", hold_reason_id="capacity"), {"hold_reason"}),
    (NextStepRule(decision="forward", stop_reason_id="declined"), {"stop_reason"}),
    (NextStepRule(decision="stop"), {"stop_reason"}),
    (Disposition(answers_question="payer"), {"answers_with"}),
    (Disposition(answers_with="yes"), {"answers_question"}),
    (EmergencyPhrase(words="Ay!*"), {"words"}),
    (Step(window_start=time(9)), {"window_end"}),
    (Step(delay=timedelta(-1), cutoff=timedelta(0)), {"delay", "cutoff"}),
    (FrequencyCap(days=0), {"days"}),
    (AcknowledgedSource(source=Source(code="bought", kind="purchased_list")), {"is_active"}),
    (Team(is_fallback=True, is_active=False), {"is_active"}),
    (Agent(away_until=NOW), {"away_from"}),
    (Agent(away_from=NOW, away_until=NOW), {"away_until"}),
    (Agent(pk=1, stand_in_id=1), {"stand_in"}),
    (RoutingRule(goal_minutes=5, goal_business_days=1), {"goal_business_days"}),
    (RoutingRule(goal_business_days=251), {"goal_business_days"}),
    (RoutingRule(goal_minutes=120_001), {"goal_minutes"}),
    (Goal(), {"minutes"}),
    (Goal(minutes=5, business_days=1, warn_percent=0), {"business_days", "warn_percent"}),
    (Goal(business_days=2000), {"business_days"}),
    (Goal(minutes=120_001), {"minutes"}),
]  # fmt: skip
RIGHT = [
    CallingRule(weekday_start=time(8), weekday_end=time(9), cap_count=3, cap_hours=24),
    TimingWindow(kind="open"),
    ServiceLine(min_age=18),
    ScoringModel(),
    NextStepRule(decision="hold", hold_reason_id="capacity"),
    Disposition(),
    Disposition(answers_question="payer", answers_with="ppo"),
    EmergencyPhrase(words="Help!"),
    Step(),
    AcknowledgedSource(source=Source(code="bought", kind="purchased_list"), is_active=False),
    Team(is_fallback=True),
    Agent(away_from=NOW),
    NextStepRule(decision="stop", stop_reason_id="declined"),
    Goal(minutes=0),
    Goal(business_days=250),
]


@pytest.mark.parametrize(("row", "fields"), WRONG)
def test_a_wrong_row_is_refused_beside_its_fields(row: models.Model, fields: set[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        row.clean()
    assert set(refused.value.error_dict) == fields


@pytest.mark.parametrize("row", RIGHT)
def test_a_right_row_is_not_refused(row: models.Model) -> None:
    row.clean()


def test_every_field_that_is_refused_stands_on_its_page(rf) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    pages = {model: page for model, page in admin.site._registry.items()}
    for page in list(admin.site._registry.values()):
        pages |= {inline.model: inline(page.model, admin.site) for inline in page.inlines if inline.model not in pages}
    for row, fields in WRONG:
        assert fields <= set(flatten_fieldsets(pages[type(row)].get_fieldsets(request))), type(row)


NEW = [
    (RouteSet, {}, {"rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0}),
    (NextStepSet, {}, {
        "rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0,
        "patient_step": "callback", "partner_step": "partnership", "b2b_step": "discovery",
    }),
    (ScoringModel, {"lead_type": "patient"}, {
        "high_from": 60, "medium_from": 30,
        **{f"{name}-{n}_FORMS": 0 for name in ("categories", "rules", "bands") for n in ("TOTAL", "INITIAL")},
    }),
    (Checklist, {"lead_type": "patient"}, {"questions-TOTAL_FORMS": 0, "questions-INITIAL_FORMS": 0}),
    (Sequence, {"code": "first_visit", "name": "First visit"}, {
        "position": 1, "pause_after_reply_days": 14, "criteria": "[]",
        "steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("model", "same", "typed"), NEW, ids=lambda v: getattr(v, "__name__", ""))
def test_a_new_set_beside_others_is_their_next_version_and_no_second_draft(admin_client, model, same, typed) -> None:
    model.objects.create(**same, version=4, status="published")
    page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"
    made = admin_client.post(page, {**same, **typed, "note": "From scratch"})
    assert made.status_code == 302, made.context_data["errors"]
    assert list(model.objects.filter(**same).order_by("version").values_list("version", flat=True)) == [4, 5]
    again = admin_client.post(page, {**same, **typed, "note": "Once more"})
    assert again.context_data["adminform"].form.non_field_errors().as_data()[0].code == "DRAFT_IS_OPEN"
