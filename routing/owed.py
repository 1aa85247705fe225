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
# Paid by their own result, not by a call with the lead: a visit that is booked or waited for, what became of
# it, what the payer says, a decision that is made [2.18].
PAID_BY_RESULT = frozenset({Owed.BOOKING, Owed.VISIT, Owed.CHASE, Owed.REVIEW, Owed.DECISION})


@dataclass(frozen=True)
class Act:
    """The last thing a person did with a lead in this cycle, and what it promised."""

    id: int
    at: datetime
    by_id: int | None = None
    reached: bool = False  # the right party
    callback_at: datetime | None = None
    is_meeting: bool = False  # what was agreed for then
    follow_up_on: date | None = None
    retry_after_minutes: int | None = None
    unanswered: int = 0  # tries since the lead was last reached or a supervisor said to go on, this one included
    resumed_at: datetime | None = None  # when a supervisor said to go on trying
    decided_at: datetime | None = None  # when a person last decided the cycle
    asks: bool = False  # for something that is missing
    is_written: bool = False  # a text or a mail in their own words, not a call
    met_barrier: bool = False  # no language was shared

    @property
    def counts_from(self) -> datetime:
        """When what follows from it begins."""
        return max(self.at, self.resumed_at or self.at)


def step_owed(
    decision: str, next_step: str, stage: str, *, is_booked: bool, is_over: bool = False, is_promised: bool = False
) -> Owed | None:
    """What the road's decision makes a team owe: of a visit that is booked, its result once its day is over. Where it
    owes nothing, a promise is owed all the same [R37]."""
    owed = None if stage in (Stage.CONVERTED, Stage.LOST, Stage.STOPPED) else _by_decision(decision, next_step)
    if owed == Owed.BOOKING and is_booked:
        owed = Owed.VISIT if is_over else None
    return owed or (Owed.FOLLOW_UP if is_promised else None)


def _by_decision(decision: str, next_step: str) -> Owed | None:
    if decision == Decision.REVIEW:
        return Owed.REVIEW
    if decision == Decision.HOLD:
        return Owed.DOCUMENTS if next_step == NextStep.DOCUMENTS else None
    return OWED_BY_STEP.get(next_step) if decision == Decision.FORWARD else None


def is_promised(act: Act | None, stage: str, booked_at: datetime | None) -> bool:
    """Whether a time agreed with the lead still binds somebody: until a visit is booked, or a person stops the lead."""
    if act is None or not binds(act):
        return False
    is_void = stage == Stage.STOPPED and act.decided_at is not None and act.decided_at > act.at
    return not is_void and (booked_at is None or booked_at <= act.at)


def gives_way(act: Act, on: date) -> bool:
    """Whether a text or a mail of that day takes the act's place: not while a call is agreed or planned."""
    is_call_due = act.callback_at is not None or act.retry_after_minutes is not None
    return not is_call_due and (act.follow_up_on is None or act.follow_up_on <= on)


def pays(act: Act, owed: str, started_at: datetime, cause: int | None = None, *, is_mail_only: bool = False) -> bool:
    """Whether this act pays a debt that began at `started_at`; no act pays the debt it led to.

    What needs the person on the line is paid in writing only where nobody may call them.
    """
    if act.at < started_at or act.id == cause or owed in PAID_BY_RESULT:
        return False
    return act.reached or owed not in NEEDS_CONTACT or (act.is_written and is_mail_only)


def open_debts(step: Owed, paid: Collection[str], act: Act | None, *, is_exhausted: bool = False) -> tuple[Owed, ...]:
    """The step's own debt until it is paid, and a follow-up from the first human act on.

    While a lead is with a team there is always something owed, so nothing is left lying; when all tries are used up
    it is a supervisor's decision. A promise to a lead that is with nobody is all that is owed to it.
    """
    if step == Owed.FOLLOW_UP:
        return (step,)
    if is_exhausted:
        return (Owed.DECISION,)
    debts = () if step in paid else (step,)
    return (*debts, Owed.FOLLOW_UP) if act is not None and (step in paid or promises(act)) else debts


def promises(act: Act) -> bool:
    """Whether a time is agreed, or planned by the cadence."""
    return binds(act) or act.retry_after_minutes is not None


def binds(act: Act) -> bool:
    """Whether a time was agreed with the lead."""
    return act.callback_at is not None or act.follow_up_on is not None
