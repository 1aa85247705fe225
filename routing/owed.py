"""What does somebody owe this lead now, and which human act pays it?

Pure: a lead's decision and the last human act go in, the debts come out. Only a person pays; nothing a program sends
counts [2.18].
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from leads.lifecycle import Stage
from leads.vocabulary import Decision, NextStep
from routing.vocabulary import OWED_BY_STEP, Owed

# A call that did not reach the right person does not answer a price question or book a discovery.
NEEDS_CONTACT = frozenset({Owed.QUOTE, Owed.DISCOVERY})
# Paid by their own result, not by a call: an appointment that stands, a decision that is made.
PAID_BY_RESULT = frozenset({Owed.BOOKING, Owed.REVIEW, Owed.DECISION})


@dataclass(frozen=True)
class Act:
    """The last thing a person did with a lead in this cycle, and what it promised."""

    id: int
    at: datetime
    by_id: int | None = None
    reached: bool = False  # the right party
    is_success: bool = False
    callback_at: datetime | None = None
    follow_up_on: date | None = None
    retry_after_minutes: int | None = None
    unanswered: int = 0  # tries since the lead was last reached or a supervisor said to go on, this one included
    resumed_at: datetime | None = None  # when a supervisor said to go on trying

    @property
    def counts_from(self) -> datetime:
        """When what follows from it begins."""
        return max(self.at, self.resumed_at or self.at)


def step_owed(decision: str, next_step: str, stage: str, *, is_booked: bool) -> Owed | None:
    """What the road's decision makes a team owe; None when no person has anything to do."""
    if stage in (Stage.CONVERTED, Stage.LOST, Stage.STOPPED):
        return None
    if decision == Decision.REVIEW:
        return Owed.REVIEW
    if decision == Decision.HOLD:
        return Owed.DOCUMENTS if next_step == NextStep.DOCUMENTS else None
    if decision != Decision.FORWARD or (is_booked and next_step == NextStep.APPOINTMENT):
        return None
    return OWED_BY_STEP.get(next_step)


def pays(act: Act, owed: str, started_at: datetime, cause: int | None = None) -> bool:
    """Whether this act pays a debt that began at `started_at`; no act pays the debt it made itself."""
    if act.at < started_at or act.id == cause or owed in PAID_BY_RESULT:
        return False
    return act.reached or owed not in NEEDS_CONTACT


def open_debts(step: Owed, paid: Collection[str], act: Act | None, *, is_exhausted: bool = False) -> tuple[Owed, ...]:
    """The step's own debt until it is paid, and a follow-up from the first human act on.

    While a lead is with a team there is always something owed, so nothing is left lying; when all tries are used up
    it is a supervisor's decision.
    """
    if is_exhausted:
        return (Owed.DECISION,)
    debts = () if step in paid else (step,)
    return (*debts, Owed.FOLLOW_UP) if act is not None and (step in paid or promises(act)) else debts


def promises(act: Act) -> bool:
    return act.callback_at is not None or act.follow_up_on is not None or act.retry_after_minutes is not None
