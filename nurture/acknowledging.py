"""Who has just asked us, and is told at once that it arrived [2.18]? One message per inquiry, by the best way open.

Planned by the road, once it is known who owes the lead an answer and by when; sent by the worker like any step: own
reasons, the gate, a reservation, a message. No human act: no clock is met by it and no try counted (B18).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from leads import criteria
from leads.models import Inquiry, Interaction, Lead
from leads.timing import NOTHING_PROMISED, Promise
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib import bell
from nurture import notices, obstacles
from nurture.models import Acknowledgement, Enrollment, Message
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.rendering import Occasion
from nurture.vocabulary import ACKNOWLEDGED_BY_DEFAULT, AGAIN_AFTER_HOURS, NEVER_ACKNOWLEDGED, SequenceCode, SkipCode

FRESH = timedelta(hours=1)  # “at once”: whoever asked longer ago hears from a person
AUTOMATION = "nurture.acknowledging"
CODE = SequenceCode.ACKNOWLEDGEMENT
Promised = Callable[[Sequence[int]], Mapping[int, Promise]]


def plan(lead_ids: Sequence[int], *, promised: Promised, at: datetime) -> list[int]:
    """Note which of these leads have just asked and are to be told; return them. The caller holds their locks.

    `promised` says what they may be told of the answer. A second walk at the same moment writes nothing.
    """
    inquiries = _not_told(_fresh(lead_ids, at), at)
    sequence = notices.sequences([CODE]).get(CODE) if inquiries else None
    if sequence is None:
        return []
    inquiries = _meant(inquiries, sequence, at)
    promises = promised([inquiry.lead_id for inquiry in inquiries])
    rows = Enrollment.objects.bulk_create(notices.enter(inquiry.lead, sequence, at=at) for inquiry in inquiries)
    Acknowledgement.objects.bulk_create(
        _acknowledgement(inquiry, row, promises.get(inquiry.lead_id, NOTHING_PROMISED), at)
        for inquiry, row in zip(inquiries, rows, strict=True)
    )
    if rows:
        bell.ring(notices.TASK)
    return [row.lead_id for row in rows]


def _fresh(lead_ids: Sequence[int], at: datetime) -> list[Inquiry]:
    """What these leads have just asked themselves, by sources that acknowledge; the oldest first."""
    chosen = Q(source__acknowledged__is_active=True)
    usual = Q(source__acknowledged=None, source__kind__in=ACKNOWLEDGED_BY_DEFAULT)
    rows = Inquiry.objects.filter(
        chosen | usual,
        lead__in=list(lead_ids),
        status=Inquiry.Status.ACCEPTED,
        import_run=None,
        received_at__gt=at - FRESH,
        acknowledgement=None,
    )
    rows = rows.exclude(source__kind__in=NEVER_ACKNOWLEDGED).select_related("lead")
    rows = rows.annotate(again_after=Coalesce("source__acknowledged__again_after_hours", AGAIN_AFTER_HOURS))
    return list(rows.order_by("received_at", "pk"))


def _not_told(inquiries: Sequence[Inquiry], at: datetime) -> list[Inquiry]:
    """Without those whose lead, or another at its number or mailbox, heard so a short while before; one for each."""
    if not inquiries:
        return []
    held = {pk for inquiry in inquiries for pk in notices.addresses(inquiry.lead)}
    since = {inquiry.pk: inquiry.received_at - timedelta(hours=inquiry.again_after) for inquiry in inquiries}
    told: dict[int, datetime] = {}
    reached = Q(enrollment__lead__phone__in=held) | Q(enrollment__lead__email__in=held)
    earlier = Acknowledgement.objects.filter(reached, enrollment__started_at__gt=min(since.values())).order_by("pk")
    columns = ("enrollment__started_at", "enrollment__lead__phone", "enrollment__lead__email")
    for told_at, *ways in earlier.values_list(*columns):
        told |= dict.fromkeys(filter(None, ways), told_at)
    found = []
    for inquiry in inquiries:
        mine = notices.addresses(inquiry.lead)
        if all(pk not in told or told[pk] <= since[inquiry.pk] for pk in mine):
            found.append(inquiry)
            told |= dict.fromkeys(mine, at)
    return found


def _meant(inquiries: list[Inquiry], sequence: NurtureSequence, at: datetime) -> list[Inquiry]:
    """Those of leads whom the sequence means; usually all of them."""
    if not sequence.criteria:
        return inquiries
    leads = Lead.objects.filter(pk__in=[inquiry.lead_id for inquiry in inquiries])
    holding = criteria.holding(leads, [sequence.criteria], at=at)
    return [inquiry for inquiry in inquiries if holding[inquiry.lead_id] == [True]]


def _acknowledgement(inquiry: Inquiry, row: Enrollment, promise: Promise, at: datetime) -> Acknowledgement:
    told = {"answer_by": promise.answer_by, "opens_at": promise.opens_at}
    return Acknowledgement(inquiry=inquiry, enrollment=row, due_at=at, **told)


def send_due(*, clock: Callable[[], datetime], batch: int) -> Iterator[Counter[str]]:
    """Take what is due, batch by batch; count after each how the messages ended."""
    return notices.send_due(Taking, claim_due, clock=clock, batch=batch)


@transaction.atomic
def claim_due(*, at: datetime, limit: int) -> list[int]:
    """Mark up to `limit` due acknowledgements as ours."""
    return notices.claim(notices.due(Acknowledgement, "enrollment__lead", at=at), at=at, limit=limit)


class Taking(notices.Taking):
    """Acknowledgements being decided. A person who was quicker has said it all."""

    model = Acknowledgement
    automation = AUTOMATION
    mine: Mapping[int, Acknowledgement]

    def needless(self, rows: Sequence[Enrollment]) -> Mapping[Enrollment, Obstacle]:
        return dict.fromkeys(_spoken_with(rows), obstacles.own(SkipCode.ANSWERED))

    def occasion(self, row: Enrollment) -> Occasion:
        own = self.mine[row.pk]
        return Occasion(Promise(own.answer_by, own.opens_at).still_to_come(self.at))

    def entry(self, message: Message) -> str:
        return f"Acknowledgement of their request, by {message.step.template.get_medium_display().lower()}."

    def facts(self, message: Message) -> dict[str, object]:
        return {"acknowledged": message.step.template.medium}


def _spoken_with(rows: Sequence[Enrollment]) -> list[Enrollment]:
    """Those with whom a person of ours spoke, or tried to, or to whom one wrote, since they asked."""
    calls = Q(kind__in=[InteractionKind.CALL, InteractionKind.VOICEMAIL, InteractionKind.INBOUND_CALL])
    wrote = Q(kind=InteractionKind.NOTE, direction=Direction.OUTBOUND, attempt__isnull=False)
    acts = Interaction.objects.filter(calls | wrote, lead__in=[row.lead_id for row in rows], inquiry=None).order_by()
    last = dict(acts.values_list("lead").annotate(last=Max("at")))
    return [row for row in rows if row.lead_id in last and last[row.lead_id] > row.started_at]
