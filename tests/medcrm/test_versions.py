"""Whatever it is a version of: what would do nothing is not put in force [R60]."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User

from leads.models import BandRule, Checklist, NextStepRule, NextStepSet, ScoringCategory, ScoringModel, ScoringRule
from leads.services import versions
from medcrm.lib.errors import RuleError
from routing import versions as route_versions
from routing.models import RouteSet, RoutingRule
from tests.rows import make


@pytest.mark.parametrize("kind", [ScoringModel, NextStepSet, Checklist, RouteSet])
def test_a_draft_without_an_active_rule_is_not_published(organisation: None, now: datetime, admin_user: User, kind):
    draft = make(kind, version=9)
    if kind is ScoringModel:
        make(ScoringCategory, model=draft)
        make(BandRule, model=draft)
        make(ScoringRule, model=draft, is_active=False)
    elif kind is not Checklist:
        make(RoutingRule if kind is RouteSet else NextStepRule, rule_set=draft, is_active=False)
    with pytest.raises(RuleError) as refused:
        if kind is RouteSet:
            route_versions.publish(draft.pk, by=admin_user, at=now)
        else:
            versions.publish(kind, draft.pk, by=admin_user, at=now)
    draft.refresh_from_db()
    assert (refused.value.code, draft.status) == ("NO_RULES", "draft")
