"""What happened to a lead: raw inquiries, the timeline, appointments and score changes."""

from __future__ import annotations

from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from leads.models.catalog import Clinic, Disposition, Offering, ServiceLine, Source
from leads.models.lead import Lead
from leads.models.rules import ScoringModel
from leads.querysets import LIVE_VISIT, AppointmentQuerySet
from leads.vocabulary import AppointmentState, Band, Direction, InteractionKind
from medcrm.lib.models import given, over_time
from medcrm.lib.moments import said, said_day


class Inquiry(models.Model):
    """One raw submission, kept before anything else is done with it: nothing is lost and all can be replayed."""

    class Status(models.TextChoices):
        RECEIVED = "received", _("Received")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused, to be repaired")
        DISCARDED = "discarded", _("Discarded by a person")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="inquiries", db_index=False)
    idempotency_key = models.CharField(max_length=200, blank=True)
    raw_body = models.TextField(help_text=_("Exactly as received."))
    body_sha256 = models.CharField(max_length=64)
    repaired = models.JSONField(
        null=True, blank=True, help_text=_("The fields after repair by a person; the raw body stays.")
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    errors = models.JSONField(default=dict, blank=True, help_text=_("Field → what is wrong with it."))
    lead = models.ForeignKey(Lead, null=True, blank=True, on_delete=models.CASCADE, related_name="inquiries")
    service = models.ForeignKey(
        ServiceLine,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        editable=False,
        help_text=_("Named by a submission that was refused. Who reads it is trained for it."),
    )
    is_repeat = models.BooleanField(default=False, help_text=_("Attached to a lead that was already known."))
    import_run = models.ForeignKey(
        "leads.ImportRun", null=True, blank=True, on_delete=models.PROTECT, related_name="inquiries", db_index=False
    )
    disclosure = models.ForeignKey(
        "consent.Disclosure",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text=_("The text shown beside the consent boxes when it came in."),
    )
    campaign = models.CharField(
        max_length=120,
        blank=True,
        default="",
        db_default="",
        help_text=_("As the form or its address (utm_campaign) says."),
    )
    page_url = models.CharField(
        _("page"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text=_("Where the form stood, without what its address says of the visitor."),
    )
    remote_addr = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("inquiries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_inquiry_per_idempotency_key",
                fields=["source", "idempotency_key"],
                condition=~Q(idempotency_key=""),
            ),
            models.CheckConstraint(
                name="accepted_inquiry_has_lead", condition=~Q(status="accepted") | Q(lead__isnull=False)
            ),
        ]
        indexes = [
            # read by the admin's filter
            models.Index(name="inquiry_source", fields=["source"]),
            # read by leads.importing.releasing
            models.Index(name="inquiry_of_import", fields=["import_run", "id"], condition=Q(import_run__isnull=False)),
            # read by the repair queue
            models.Index(name="inquiry_refused", fields=["-received_at"], condition=Q(status="refused")),
            # read by leads.services.intake.settle_stranded
            models.Index(name="inquiry_received", fields=["received_at"], condition=Q(status="received")),
            over_time("inquiry", "received_at"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="raw_is_kept",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.AnyChange(
                    "raw_body", "body_sha256", "source", "idempotency_key", "received_at", "disclosure"
                ),
                func="RAISE EXCEPTION 'The raw body of an inquiry is never changed; repair it in its own field.';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} · {said(self.received_at)}"


class Interaction(models.Model):
    """One entry of the timeline. Corrections are addenda; an entry is never rewritten [R48]."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="interactions", db_index=False)
    kind = models.CharField(max_length=20, choices=InteractionKind.choices)
    direction = models.CharField(max_length=10, choices=Direction.choices)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    inquiry = models.ForeignKey(
        Inquiry, null=True, blank=True, on_delete=models.PROTECT, related_name="interactions", db_index=False
    )
    disposition = models.ForeignKey(
        Disposition, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    attempt = models.OneToOneField(
        "consent.Attempt",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("The reservation an outbound call was made under."),
    )
    service = models.ForeignKey(
        ServiceLine, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    count = models.PositiveIntegerField(default=1, help_text=_("How often, for visits and opens."))
    text = models.TextField(blank=True)
    facts = models.JSONField(
        default=dict, blank=True, help_text=_("Requested, confirmed, told, next: as structured facts.")
    )
    addendum_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="addenda", db_index=False
    )

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            # read by the timeline; with what the facts of scoring count, so that they need not read the entries
            models.Index(name="interaction_timeline", fields=["lead", "-at"], include=["kind", "count"]),
            *(given("interaction", key) for key in ("by", "inquiry", "disposition", "addendum_to")),
            over_time("interaction", "at"),
        ]
        constraints = [
            models.CheckConstraint(
                name="outbound_call_was_reserved",
                condition=~Q(kind__in=["call", "voicemail"], direction="outbound") | Q(attempt__isnull=False),
            ),
            models.CheckConstraint(name="interaction_kind_known", condition=Q(kind__in=InteractionKind.values)),
        ]
        triggers = [
            pgtrigger.Protect(name="timeline_is_append_only", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {said(self.at)}"


class Incident(models.Model):
    """An emergency that came up on a call. Outreach to the lead waits until somebody who may has reviewed it."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="incidents")
    call = models.OneToOneField(Interaction, on_delete=models.CASCADE, related_name="+")
    opened_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by nurture.dispatch.claim_due and routing.worklist
            models.Index(name="incident_open", fields=["lead"], condition=Q(reviewed_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                name="incident_reviewed_by_a_person",
                condition=Q(reviewed_at__isnull=True) | Q(reviewed_by__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.lead} · {said(self.opened_at)}"


class Appointment(models.Model):
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="appointments")
    service = models.ForeignKey(ServiceLine, on_delete=models.PROTECT, related_name="+")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="appointments")
    offering = models.ForeignKey(Offering, null=True, blank=True, on_delete=models.PROTECT, related_name="appointments")
    date = models.DateField(help_text=_("On the clinic's calendar."))
    starts_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=AppointmentState.choices, default=AppointmentState.BOOKED)
    cycle = models.PositiveSmallIntegerField(default=1)
    holds_slot = models.BooleanField(
        default=False, help_text=_("It took one of the day's open slots, which a cancellation gives back.")
    )
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by", help_text=_("Moved from.")
    )
    calendar_uid = models.UUIDField(
        default=uuid4, editable=False, help_text=_("Stays when a visit is moved, so that calendars move their entry.")
    )
    revision = models.PositiveSmallIntegerField(default=0, editable=False, help_text=_("Of the calendar entry."))
    note = models.CharField(max_length=300, blank=True, help_text=_("Why it was moved or called off."))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["-date"]
        constraints = [
            models.UniqueConstraint(
                name="one_live_appointment_per_day",
                fields=["lead", "service", "date"],
                condition=Q(status__in=["booked", "confirmed"]),
            )
        ]
        indexes = [
            # read by routing.sweep and the team board: visits whose day is over, and nobody said how they went
            models.Index(name="appointment_unsettled", fields=["date"], condition=Q(status__in=LIVE_VISIT)),
        ]

    def __str__(self) -> str:
        return f"{self.service} · {self.clinic} · {said_day(self.date)}"

    @property
    def is_live(self) -> bool:
        return self.status in LIVE_VISIT


class Decay(models.Model):
    """When the points for what a lead did halve next, unless it does something before; without a row it has none."""

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, related_name="decay")
    due_at = models.DateTimeField(db_index=True)  # read by leads.decay.wake

    def __str__(self) -> str:
        return f"{self.lead_id}: {self.due_at}"


class ScoreChange(models.Model):
    """Each time a lead's score moved: from, to, and which rules of which version made it."""

    # A million rows come at once, so neither key has an index of its own (the one below begins with the lead), and
    # the database does not look each of them up again: a fifth of a publication. They are written only by the statement
    # that updates the lead itself, a version that scored is never deleted, and a lead only by Django, with its history.
    lead = models.ForeignKey(
        Lead, on_delete=models.CASCADE, related_name="score_changes", db_index=False, db_constraint=False
    )
    model = models.ForeignKey(
        ScoringModel, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    old_score = models.SmallIntegerField(null=True)
    new_score = models.SmallIntegerField()
    old_band = models.CharField(max_length=6, choices=Band.choices, blank=True)
    new_band = models.CharField(max_length=6, choices=Band.choices)
    hits = ArrayField(models.IntegerField(), default=list)
    parts = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(name="score_change_lead", fields=["lead", "-at"])]
        triggers = [pgtrigger.Protect(name="score_changes_are_append_only", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.old_score} → {self.new_score}"
