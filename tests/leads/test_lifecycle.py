"""Every pair of stages, in Python and in the database."""

from itertools import product

import pytest
from django.db import DatabaseError, transaction

from leads import lifecycle
from leads.lifecycle import TRANSITIONS, Stage
from leads.models import Lead
from medcrm.lib.errors import InvalidTransition

ALLOWED = [(old, new) for old, new in product(Stage, Stage) if old == new or new in TRANSITIONS[old]]
FORBIDDEN = [pair for pair in product(Stage, Stage) if pair not in ALLOWED]


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_an_allowed_move_passes(old: Stage, new: Stage) -> None:
    lifecycle.check(old, new)


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_a_forbidden_move_is_refused(old: Stage, new: Stage) -> None:
    with pytest.raises(InvalidTransition):
        lifecycle.check(old, new)


def test_the_database_guards_the_same_table(submit) -> None:
    lead = submit()
    settled = {"decision": "stop", "stop_reason": "spam"}
    refused = []
    for old, new in product(Stage, Stage):
        if old == new:
            continue
        with transaction.atomic():
            _put(lead, old, settled)
            try:
                with transaction.atomic():
                    Lead.objects.filter(pk=lead.pk).update(stage=new)
            except DatabaseError:
                refused.append((old, new))
            transaction.set_rollback(True)
    assert sorted(refused) == sorted(FORBIDDEN)


def _put(lead: Lead, stage: Stage, settled: dict[str, str]) -> None:
    """Place a lead in a stage past the trigger, which guards moves only."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Lead.objects.filter(pk=lead.pk).update(stage=stage, **settled)
        cursor.execute("SET LOCAL session_replication_role = origin")
