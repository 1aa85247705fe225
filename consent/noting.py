"""How does staff write down what no message tells? What was looked up, said or signed, and what was a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.translation import gettext as _

from consent import ledger, zones
from consent.fold import VOIDABLE
from consent.models import Address, ConsentEvent
from consent.vocabulary import AddressKind, CheckResult, EventKind, GrantChannel, Level, LineType, Purpose
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

ANSWERS = (CheckResult.NO, CheckResult.YES, CheckResult.NO_DATA)
LINES = (LineType.MOBILE, LineType.LANDLINE, LineType.VOIP, LineType.TOLL_FREE, LineType.UNKNOWN)
SAID = (
    EventKind.LOCATION,
    EventKind.EBR_TERMINATED,
    EventKind.REASSIGNED,
    EventKind.HIPAA_AUTHORIZATION,
    EventKind.HIPAA_REVOKED,
    EventKind.UNENCRYPTED_ACCEPTED,
)
"""What a person said or signed, or what was learned of their number, that the gate looks at [5, T14, T22, H10-H20]."""
OF_A_NUMBER = (EventKind.LOCATION, EventKind.EBR_TERMINATED, EventKind.REASSIGNED)


def check_entry(address_id: int, result: str, *, checked_at: datetime, **fields: object) -> ledger.Entry:
    """The answer of the Reassigned Numbers Database as the ledger takes it [T22]."""
    return ledger.Entry(
        address_id, EventKind.NUMBER_CHECK.value, occurred_at=checked_at, facts={"result": str(result)}, **fields
    )


def spoken_permission(address_id: int, channels: Sequence[str], *, words: str, **fields: object) -> ledger.Entry:
    """A yes by word of mouth as the ledger takes it: information, never advertising, and it undoes no opt-out.

    Nothing was shown and nothing signed, so it is express, not written, consent [T01, T03, H01], and an opt-out ends
    with a new form, a START or a signature only [V10]. The channels are all of a mailbox or all of a number.
    """
    level = Level.EMAIL_OPTIN if GrantChannel.EMAIL in channels else Level.PEC
    return ledger.Entry(
        address_id,
        EventKind.GRANT.value,
        channels=list(channels),
        purposes=[Purpose.INFORMATIONAL.value],
        level=level.value,
        text=words,
        facts={"spoken": True},
        **fields,
    )


def note_number_check(
    address_id: int, result: str, *, checked_at: datetime, by: AbstractBaseUser | None, at: datetime, note: str = ""
) -> ConsentEvent:
    """Write what the Reassigned Numbers Database answered. Raise RuleError for what is no number or no answer."""
    _demand_phone(address_id)
    if result not in ANSWERS:
        raise RuleError("INVALID_ANSWER", _("Choose what the database answered: yes, no or no data."), field="result")
    entry = check_entry(address_id, result, checked_at=checked_at, text=note, by=by, source="compliance")
    return ledger.record_many([entry], at=at)[0]


def line_entry(address_id: int, line_type: str, *, checked_at: datetime, **fields: object) -> ledger.Entry:
    """What kind of line a number is as the ledger takes it; a landline loosens the lists for businesses [T20, NJ]."""
    return ledger.Entry(
        address_id, EventKind.LINE_TYPE.value, occurred_at=checked_at, facts={"line_type": str(line_type)}, **fields
    )


def note_line_type(
    address_id: int, line_type: str, *, reason: str, by: AbstractBaseUser | None, at: datetime
) -> ConsentEvent:
    """Write what kind of line a number is, and how that is known. Raise RuleError for what is no number or lacks that.

    A number may be carried from a landline to a mobile, so what was found out last counts.
    """
    _demand_phone(address_id)
    if line_type not in LINES:
        raise RuleError("INVALID_LINE", _("Choose the kind of line."), field="line_type")
    if not reason.strip():
        said = _("Write how you know, e.g. “carrier lookup 117” or “their practice's switchboard answers”.")
        raise RuleError("REASON_NEEDED", said, field="reason")
    entry = line_entry(address_id, line_type, checked_at=at, text=reason, by=by, source="compliance")
    return ledger.record_many([entry], at=at)[0]


def note_said(
    address_id: int,
    kind: str,
    *,
    said: str,
    occurred_at: datetime,
    by: AbstractBaseUser | None,
    at: datetime,
    state: str = "",
    expires_at: datetime | None = None,
    states_payment: bool = False,
) -> ConsentEvent:
    """Write what a person said or signed, with their words or where the paper is. Raise RuleError for what lacks."""
    if kind not in SAID:
        raise RuleError("INVALID_EVENT", _("Choose what the person said or signed."), field="kind")
    if not said.strip():
        raise RuleError("WORDS_NEEDED", _("Write how they said it, or where the signed paper is."), field="said")
    if kind in OF_A_NUMBER:
        _demand_phone(address_id)
    facts: dict[str, object] = {}
    if kind == EventKind.LOCATION:
        if state.upper() not in zones.STATES.values():
            raise RuleError("STATE_NEEDED", _("Say in which state they are, in two letters, e.g. AZ."), field="state")
        facts["state"] = state.upper()
    if kind == EventKind.HIPAA_AUTHORIZATION:
        facts["states_remuneration"] = states_payment
    ends = expires_at if kind == EventKind.HIPAA_AUTHORIZATION else None
    return ledger.record(
        address_id,
        kind,
        occurred_at=occurred_at,
        at=at,
        facts=facts,
        expires_at=ends,
        text=said,
        by=by,
        source="compliance",
    )


def correct(event_id: UUID, *, reason: str, by: AbstractBaseUser | None, at: datetime) -> ConsentEvent:
    """Void an entry made by mistake, e.g. “wrong number” of the wrong lead; it stays readable, with the reason.

    Raise RuleError for what a person asked of us: that only a fresh act of theirs lifts.
    """
    event = ConsentEvent.objects.filter(pk=event_id).first()
    if event is None or event.kind not in VOIDABLE:
        said = "What a person asked of us is not corrected away. They may write to us, or fill in a form anew."
        raise RuleError("NOT_CORRECTABLE", said)
    if not reason.strip():
        raise RuleError("REASON_NEEDED", _("Write what was wrong, e.g. “recorded on the wrong lead”."), field="reason")
    if ConsentEvent.objects.filter(address=event.address_id, kind=EventKind.CORRECTION, about=event.pk).exists():
        raise RuleError("CORRECTED_ALREADY", _("This entry was corrected before."))
    return ledger.record(
        event.address_id, EventKind.CORRECTION, occurred_at=at, at=at, about=event.pk, text=reason, by=by,
        source="compliance",
    )  # fmt: skip


def _demand_phone(address_id: int) -> None:
    if not Address.objects.filter(pk=address_id, kind=AddressKind.PHONE).exists():
        raise RuleError("NO_NUMBER", _("This is about a phone number. Open the number of the person."))
