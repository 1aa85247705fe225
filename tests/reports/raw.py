"""Rows written as they lie in the tables, past every service and trigger: the past that reports must count right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count

from django.db import connection, models

from consent.models import Address, Attempt, Seller
from leads import milestones
from leads.models import Appointment, Lead, Snapshot
from nurture.models import Enrollment, Message, Step, Wording
from routing.models import Assignment, Handoff, RoutingRule

NUMBERS = count(1)


def without_triggers() -> None:
    """Until the end of the transaction: no trigger asks how a row came about. Checks of single rows still hold."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")


def with_triggers() -> None:
    """From here on triggers fire again: what is worked out of the rows is written as ever."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = origin")


def put(rows: Iterable[models.Model]) -> list[models.Model]:
    rows = list(rows)
    return type(rows[0]).objects.bulk_create(rows) if rows else []


def leads(number: int, *, at: datetime, **fields: object) -> list[Lead]:
    given = {"lead_type": "patient", "source_id": "web_consult", "service_id": "ortho", "stage": "working", **fields}
    rows = put(Lead(created_at=at, **given) for _ in range(number))
    milestones.refresh([row.pk for row in rows])
    return rows


def appointment(lead: Lead, *, at: datetime) -> Appointment:
    return Appointment(
        lead=lead, service_id="ortho", clinic_id="aus", status="booked", created_at=at, changed_at=at, date=at.date()
    )  # fmt: skip


def address(kind: str = "email") -> Address:
    n = next(NUMBERS)
    value = f"raw{n}@example.org" if kind == "email" else f"+1512{n:07d}"
    return Address.objects.create(kind=kind, value=value, keyed_hash=f"{n:064d}")


def attempts(where: Address, number: int, *, at: datetime, **fields: object) -> list[Attempt]:
    given = {
        "channel": "email", "purpose": "marketing", "state": "sent", "kind": "allow", "code": "OK", 
        "sentence": "May be.", "rules_version": "1", "seller": Seller.objects.first(), **fields,
    }  # fmt: skip
    return put(Attempt(address=where, at=at, **given) for _ in range(number))


def handoffs(
    rows: Iterable[Lead], rule: RoutingRule, facts: Mapping[str, object], *, at: datetime, returned_to: str = "",
    returned: int = 0,
) -> None:  # fmt: skip
    """These leads were given to the rule's team with these facts; so many came back and went to another team."""
    rows = list(rows)
    put(Snapshot(lead=row, at=at, cycle=1, facts=dict(facts), inputs={}, decision="forward",
                 next_step=facts["next_step"]) for row in rows)  # fmt: skip
    put(
        Handoff(
            lead=row, to_team=rule.team, rule=rule, packet={}, offered_at=at, issued_at=at,
            **({"state": "returned", "returned_at": at, "returned_by_id": 1, "return_reason": "wrong_team"}
               if n < returned else {"state": "closed", "closed_at": at}),
        )
        for n, row in enumerate(rows)
    )  # fmt: skip
    put(
        Assignment(lead=row, to_team_id=returned_to, because="reassigned", by_id=1, note="Theirs.",
                   at=at + timedelta(hours=1))
        for row in rows[:returned]
    )  # fmt: skip


def received(step: Step, rows: Iterable[Lead], *, entered: datetime, after: timedelta, answered: int) -> None:
    """These leads entered a sequence and got this step so long after; so many of them replied two hours later."""
    rows, mail = list(rows), address()
    sent = entered + after
    entries = put(
        Enrollment(
            lead=row, sequence=step.sequence, cycle=1, started_at=entered, ended_at=sent + timedelta(hours=2),
            **({"state": "exited", "exit_code": "replied"} if n < answered else {"state": "finished"}),
        )
        for n, row in enumerate(rows)
    )  # fmt: skip
    reserved = attempts(mail, len(rows), at=sent)
    wording = Wording.objects.filter(template=step.template_id).first()
    put(
        Message(attempt=reserved[n], enrollment=entry, step=step, wording=wording, state="delivered", body="Hello",
                reserved_at=sent, sent_at=sent)
        for n, entry in enumerate(entries)
    )  # fmt: skip
    with connection.cursor() as cursor:  # what nobody else sees yet, the planner takes for empty: minutes instead of ms
        cursor.execute("ANALYZE nurture_message, nurture_enrollment, leads_lead, leads_milestone")
