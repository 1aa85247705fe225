"""May we make this contact now? `decide` advises, `reserve` is the law: it decides and writes in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from consent.models import Attempt
from consent.request import ContactRequest, Decision
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class NotContactable(RuleError):
    """The gate refused; `decision` says why and, for a hold, when it would not."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.code, decision.sentence)
        self.decision = decision


def decide(request: ContactRequest, *, at: datetime) -> Decision:
    """Say whether this contact may be made at `at`, and why. Reads only."""
    return decide_many([request], at=at)[0]


def decide_many(requests: Sequence[ContactRequest], *, at: datetime) -> list[Decision]:
    """Decide any number of requests with a constant number of queries, in their order. Reads only."""
    raise NotImplementedError


def reserve(
    request: ContactRequest, *, at: datetime, by: AbstractBaseUser | None = None, automation: str = ""
) -> Attempt:
    """Decide under a lock on the address and write the attempt with its decision, allowed or not.

    Raise NotContactable after a refusal was written. Contact only once this transaction has committed.
    """
    raise NotImplementedError


def hand_over(attempt_id: int, *, at: datetime) -> Attempt:
    """Check the person's wishes once more and mark the attempt as being handed to the provider. Locks the address.

    Raise NotContactable, with the attempt cancelled, if the person withdrew since it was reserved.
    """
    raise NotImplementedError


def settle(
    attempt_id: int, state: str, *, now: datetime, outcome: str = "", provider_id: str = "", error: str = ""
) -> Attempt:
    """Write how the contact ended: sent, unknown, failed or cancelled. Raise InvalidTransition if it had ended."""
    raise NotImplementedError
