"""What the chaos test runs as processes of its own: the people and their steps, those who revoke, and a provider.

    python -m tests.nurture.chaos prepare STEPS | revoke COUNT STEPS FILE | finish

The provider keeps its own book outside the database: a line for each hand-over, written before anything else can fail.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

from nurture.channels.base import Channel, Parcel, Receipt

PATIENCE_SECONDS = 300
STANDSTILL_SECONDS = 20  # a killed server is back by then
CODE = "chaos"


class Provider(Channel):
    """Takes each mail alone, as a real provider does, and never forgets that it did."""

    name = "chaos"
    signs_headers = True
    group = 1

    def send(self, parcel: Parcel) -> Receipt:
        line = json.dumps({"attempt": int(parcel.key), "to": parcel.to}) + "\n"
        book = os.open(os.environ["CHAOS_BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(book, line.encode())
        finally:
            os.close(book)
        return Receipt(self.name, f"chaos-{parcel.key}")


def prepare(steps: str) -> None:
    """Leads with a mailbox each, all of whose first and only step is due."""
    from django.utils import timezone

    import consent.reference
    import leads.reference
    import nurture.reference
    from consent.models import Address
    from leads.models import Lead, Source
    from nurture.models import Enrollment
    from tests.conftest import ORGANISATION
    from tests.nurture.factories import make_sequence

    now = timezone.now()
    disclosure = consent.reference.load(ORGANISATION, at=now)
    leads.reference.load(ORGANISATION, disclosure, at=now)
    nurture.reference.load_templates(nurture.reference.read("templates")["template"])
    sequence = make_sequence(CODE, "first_visit_welcome")
    addresses = Address.objects.bulk_create(
        Address(kind="email", value=f"p{number}@example.org", keyed_hash=f"{number:064}")
        for number in range(int(steps))
    )
    source = Source.objects.get(pk="guide")
    people = Lead.objects.bulk_create(
        Lead(source=source, lead_type="patient", email=address, created_at=now, stage="nurturing")
        for address in addresses
    )
    step = sequence.steps.get()
    Enrollment.objects.bulk_create(
        Enrollment(lead=lead, sequence=sequence, cycle=1, step=step, next_due_at=now, started_at=now) for lead in people
    )


def revoke(count: str, steps: str, file: str) -> None:
    """Let people unsubscribe one by one while the work goes on; for each, keep what had been handed over before."""
    from django.db import transaction
    from django.utils import timezone

    from consent import ledger
    from consent.models import Address, Attempt

    ids = list(Address.objects.order_by("pk").values_list("pk", flat=True))

    def withdraw(address_id: int) -> list[int]:
        with transaction.atomic():
            now = timezone.now()
            ledger.record(address_id, "email_unsub", occurred_at=now, at=now, source=CODE)
            # Under the address's lock: whatever is handed over from here on comes after the withdrawal.
            left = Attempt.objects.filter(address=address_id).exclude(state__in=["reserved", "refused", "cancelled"])
            return list(left.values_list("pk", flat=True))

    with Path(file).open("a") as book:
        for number, address_id in enumerate(random.Random(len(ids)).sample(ids, int(count))):
            wait_for(number * int(steps) // int(count) // 2)
            before = persist(lambda address_id=address_id: withdraw(address_id))
            book.write(json.dumps({"address": address_id, "before": before}) + "\n")
            book.flush()


def wait_for(lines: int) -> None:
    """Wait until the provider has so many lines in its book, or no more are coming."""
    deadline = monotonic() + STANDSTILL_SECONDS
    book = Path(os.environ["CHAOS_BOOK"])
    while not book.exists() or book.read_bytes().count(b"\n") < lines:
        if monotonic() > deadline:
            return
        sleep(0.05)


def finish() -> None:
    """Look again when claims have run out and forgotten messages are known as such, until nothing is due."""
    from django.utils import timezone

    from medcrm import journey
    from nurture import dispatch

    later = timezone.now() + timedelta(minutes=20)

    def work() -> None:
        journey.advance_due(at=later)
        dispatch.dispatch_due(at=later)

    persist(work)
    persist(work)  # leads whose last step has just gone walk the road once more


def persist(work: Callable[[], object]) -> object:
    """Do it again while the database is away."""
    from django.db import InterfaceError, OperationalError, connection

    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError):
            connection.close()
            if monotonic() > deadline:
                raise


if __name__ == "__main__":
    import django

    django.setup()
    {"prepare": prepare, "revoke": revoke, "finish": finish}[sys.argv[1]](*sys.argv[2:])
