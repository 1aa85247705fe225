"""The lead: who it is, what it asks for, and where it stands on the road."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from leads import lifecycle
from leads.lifecycle import Stage
from leads.models.catalog import Clinic, HoldReason, Payer, ServiceLine, Source, StopReason, TimingWindow, zip_format
from leads.models.organisations import CareSetting, OrganisationType, Specialty
from leads.querysets import LeadQuerySet
from leads.vocabulary import (
    Agreement,
    AuthorizationState,
    Band,
    Budget,
    ContactRole,
    Decision,
    DocumentState,
    ForWhom,
    LeadType,
    NextStep,
    Request,
    Urgency,
    Verdict,
)
from medcrm.lib.models import given
from medcrm.lib.npi import check_npi


def band_field(help_text: str) -> models.CharField:
    return models.CharField(max_length=6, choices=Band.choices, blank=True, editable=False, help_text=help_text)


def of_organisation(model: type[models.Model]) -> models.ForeignKey:
    return models.ForeignKey(model, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)


def verdict_field() -> models.CharField:
    return models.CharField(max_length=7, choices=Verdict.choices, default=Verdict.UNKNOWN, editable=False)


# Whose changes are kept with who and why. Score, decision, owner and notes are not here: each has a ledger of its own.
# `UPDATE OF` means that scoring and routing, which write none of these, never even ask the trigger.
KEPT = (
    *("lead_type", "first_name", "last_name", "preferred_channel", "language", "for_whom", "age"),
    *("is_existing_patient", "zip", "timezone", "request", "urgency", "organisation", "contact_role", "clinic_size"),
    *("referring_provider", "npi", "sites", "budget", "rollout", "approver", "agreement", "stage", "is_test"),
)
KEPT_KEYS = (
    *("phone", "email", "service", "preferred_clinic", "timing", "payer", "merged_into"),
    *("organisation_type", "specialty", "care_setting"),
)


@pghistory.track(
    pghistory.RowEvent(
        "before",
        operation=pgtrigger.UpdateOf(*KEPT, *(f"{name}_id" for name in KEPT_KEYS)),
        condition=pgtrigger.AnyChange(*KEPT, *KEPT_KEYS),
        row="OLD",
        trigger_name="keeps_history",
    ),
    fields=[*KEPT, *KEPT_KEYS],
    model_name="LeadEvent",
)
class Lead(models.Model):
    """One person or organisation contact with one open question: what should happen next?

    Permission is not here: it belongs to the addresses (consent). State fields change only through services.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    lead_type = models.CharField(max_length=10, choices=LeadType.choices)
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        related_name="leads",
        db_index=False,
        help_text=_("Where it first came from."),
    )

    # Who it is and who is asking
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    phone = models.ForeignKey("consent.Address", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    email = models.ForeignKey("consent.Address", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    preferred_channel = models.CharField(max_length=10, blank=True)
    preferred_time = models.CharField(max_length=80, blank=True, help_text=_("As said, e.g. “after 4 pm”."))
    language = models.CharField(max_length=8, default="en")
    for_whom = models.CharField(max_length=10, choices=ForWhom.choices, blank=True)
    age = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(120)])
    is_existing_patient = models.BooleanField(null=True, blank=True)

    # Where
    zip = models.CharField(max_length=5, blank=True, validators=[zip_format])
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=2, blank=True)
    timezone = models.CharField(max_length=40, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)

    # What is asked for
    service = models.ForeignKey(
        ServiceLine, null=True, blank=True, on_delete=models.PROTECT, related_name="leads", db_index=False
    )
    other_services = ArrayField(
        models.CharField(max_length=40),
        default=list,
        editable=False,
        help_text=_("Asked for before, or by a lead merged into this one. Who sees the lead is trained for them too."),
    )
    preferred_clinic = models.ForeignKey(
        Clinic, null=True, blank=True, on_delete=models.PROTECT, related_name="leads", db_index=False
    )
    request = models.CharField(max_length=15, choices=Request.choices, blank=True)
    question = models.CharField(
        max_length=200, blank=True, help_text=_("The lead's specific question, in its own words.")
    )
    timing = models.ForeignKey(
        TimingWindow, null=True, blank=True, on_delete=models.PROTECT, related_name="leads", db_index=False
    )
    timing_asked_at = models.DateTimeField(null=True, blank=True)
    window_opens_on = models.DateField(null=True, blank=True, editable=False)
    window_closes_on = models.DateField(null=True, blank=True, editable=False)
    urgency = models.CharField(max_length=10, choices=Urgency.choices, default=Urgency.ROUTINE)
    payer = models.ForeignKey(
        Payer, null=True, blank=True, on_delete=models.PROTECT, related_name="leads", db_index=False
    )
    referring_provider = models.CharField(
        max_length=120, blank=True, default="", db_default="", help_text=_("The doctor or practice that refers them.")
    )

    # Organisations only
    organisation = models.CharField(max_length=120, blank=True)
    organisation_type = of_organisation(OrganisationType)
    specialty = of_organisation(Specialty)
    care_setting = of_organisation(CareSetting)
    npi = models.CharField(
        _("NPI"),
        max_length=10,
        blank=True,
        default="",
        db_default="",
        validators=[check_npi],
        help_text=_("National Provider Identifier of the practice or its provider."),
    )
    sites = models.PositiveIntegerField(null=True, blank=True, help_text=_("How many sites it has, or asks for."))
    contact_role = models.CharField(max_length=20, choices=ContactRole.choices, blank=True)
    clinic_size = models.PositiveIntegerField(null=True, blank=True, help_text=_("People at the site or practice."))
    budget = models.CharField(max_length=10, choices=Budget.choices, blank=True)
    rollout = models.CharField(max_length=80, blank=True)
    approver = models.CharField(max_length=120, blank=True, help_text=_("Who approves vendors."))
    agreement = models.CharField(max_length=10, choices=Agreement.choices, blank=True)

    # Rank: set-based, never the decision [R5]
    score = models.SmallIntegerField(null=True, blank=True, editable=False)
    score_band = band_field(_("High: same day. Medium: within 3 business days. Low: nurture."))
    score_model = models.ForeignKey(
        "leads.ScoringModel", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    score_hits = ArrayField(
        models.IntegerField(), default=list, editable=False, help_text=_("Scoring rules that fired.")
    )
    score_parts = models.JSONField(default=dict, editable=False, help_text=_("Points by category, after caps."))
    fit = band_field(_("How well we can serve the lead."))
    readiness = band_field(_("How ready the lead is to take the next step."))

    # Where it stands on the road
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.NEW, editable=False)
    cycle = models.PositiveSmallIntegerField(default=1, editable=False)
    fit_check = verdict_field()
    capacity_check = verdict_field()
    readiness_check = verdict_field()
    decision_path_check = verdict_field()
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True, editable=False)
    next_step = models.CharField(max_length=12, choices=NextStep.choices, blank=True, editable=False)
    hold_reason = models.ForeignKey(
        HoldReason,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="leads",
        db_index=False,
        editable=False,
    )
    stop_reason = models.ForeignKey(
        StopReason,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="leads",
        db_index=False,
        editable=False,
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="leads",
        db_index=False,
        editable=False,
    )
    # The code of a routing.Team: routing stands above leads, so the lead knows only its code.
    team = models.CharField(max_length=40, blank=True, editable=False)
    next_action = models.CharField(max_length=120, blank=True, editable=False)
    next_action_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    advance_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    advanced_at = models.DateTimeField(null=True, blank=True, editable=False)

    is_test = models.BooleanField(default=False, help_text=_("Kept out of every report."))
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged_from",
        db_index=False,
        editable=False,
    )
    created_at = models.DateTimeField(help_text=_("When the first inquiry arrived."))
    updated_at = models.DateTimeField(auto_now=True)

    objects = LeadQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        # A lead is written often, so each index must be read by somebody. Those that Django would add for every key are
        # left out: two for a key that is a code, entries for NULL among them.
        indexes = [
            # read by medcrm.journey.claim_due
            models.Index(name="lead_advance_due", fields=["advance_due_at"], condition=Q(advance_due_at__isnull=False)),
            # read by the owner's and the team's lists: what is owed first
            models.Index(
                name="lead_owner_next_action", fields=["owner", "next_action_due_at"], condition=Q(owner__isnull=False)
            ),
            models.Index(name="lead_team_next_action", fields=["team", "next_action_due_at"], condition=~Q(team="")),
            # read by the list of all leads: due today, this week
            models.Index(
                name="lead_next_action", fields=["next_action_due_at"], condition=Q(next_action_due_at__isnull=False)
            ),
            # read by leads.capacity: who waits for a slot, best first
            models.Index(
                name="lead_waiting", fields=["service", "hold_reason", "-score"], condition=Q(hold_reason__isnull=False)
            ),
            # read by the team board: sent on, but no team took it (routing.neglected)
            models.Index(
                name="lead_without_team",
                fields=["id"],
                condition=Q(decision="forward", team="") & ~Q(next_step__in=["", "nurture"]),
            ),
            # read by the admin's lists and filters
            models.Index(name="lead_source", fields=["source"]),
            models.Index(name="lead_service", fields=["service"]),
            *(given("lead", key) for key in ("preferred_clinic", "payer", "hold_reason", "stop_reason")),
            models.Index(name="lead_stage", fields=["stage", "-id"]),
            models.Index(name="lead_created", fields=["created_at"]),
            # read by whoever follows a merged lead, or asks what was merged into one
            given("lead", "merged_into"),
            # read by leads.duplicates: the same last name in the same ZIP
            models.Index("zip", Upper("last_name"), name="lead_zip_and_name", condition=~Q(zip="") & ~Q(last_name="")),
            # read by leads.duplicates: the same name at about the same age
            models.Index(
                Upper("last_name"),
                Upper("first_name"),
                "age",
                name="lead_name_and_age",
                condition=Q(age__isnull=False) & ~Q(last_name=""),
            ),
            # read by name search (prefix, any case)
            models.Index(OpClass(Upper("last_name"), "text_pattern_ops"), name="lead_last_name"),
            models.Index(OpClass(Upper("first_name"), "text_pattern_ops"), name="lead_first_name"),
            models.Index(
                OpClass(Upper("organisation"), "text_pattern_ops"),
                name="lead_organisation",
                condition=~Q(organisation=""),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="lead_type_known", condition=Q(lead_type__in=LeadType.values)),
            models.CheckConstraint(name="lead_stage_known", condition=Q(stage__in=Stage.values)),
            models.CheckConstraint(name="lead_decision_known", condition=Q(decision__in=["", *Decision.values])),
            models.CheckConstraint(name="lead_next_step_known", condition=Q(next_step__in=["", *NextStep.values])),
            models.CheckConstraint(
                name="lead_score_in_range", condition=Q(score__isnull=True) | Q(score__range=(0, 100))
            ),
            models.CheckConstraint(
                name="lead_hold_reason_means_hold", condition=Q(hold_reason__isnull=True) | Q(decision="hold")
            ),
            models.CheckConstraint(
                name="lead_stop_has_reason",
                condition=~Q(stage=Stage.STOPPED) | Q(decision="stop", stop_reason__isnull=False),
            ),
            models.CheckConstraint(name="lead_owner_has_team", condition=Q(owner__isnull=True) | ~Q(team="")),
            models.CheckConstraint(
                name="lead_not_merged_into_itself", condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id"))
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="stage_moves",
                field="stage",
                transitions=list(lifecycle.pairs()),
                condition=pgtrigger.Q(old__stage__df=pgtrigger.F("new__stage")),  # most updates leave the stage alone
            )
        ]

    def __str__(self) -> str:
        return self.name or self.organisation or _now("Lead %(number)s, no name") % {"number": self.pk or "–"}

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def trainings(self) -> list[str]:
        """What whoever deals with the lead must be trained in: for its service first, then for its other services."""
        services = [self.service] if self.service else []
        if self.other_services:
            services += ServiceLine.objects.filter(pk__in=self.other_services).order_by("pk")
        return list(dict.fromkeys(service.required_training for service in services if service.is_sensitive))

    @property
    def is_organisation(self) -> bool:
        return self.lead_type != LeadType.PATIENT


class Stakeholder(models.Model):
    """A person on the lead's decision path [R19]."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="stakeholders")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=20, choices=ContactRole.choices)
    other_roles = ArrayField(models.CharField(max_length=20, choices=ContactRole.choices), default=list, blank=True)
    can_approve = models.BooleanField(null=True, blank=True)
    can_block = models.BooleanField(null=True, blank=True)
    may_be_told = models.BooleanField(default=False, help_text=_("The lead allowed us to speak with this person."))
    phone = models.ForeignKey("consent.Address", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    email = models.ForeignKey("consent.Address", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.name} ({self.roles_in_words})"

    @property
    def roles(self) -> list[str]:
        return [self.role, *self.other_roles]

    @property
    def roles_in_words(self) -> str:
        return ", ".join(str(ContactRole(role).label) for role in self.roles)


class DocumentStatus(models.Model):
    """Where one document of a lead stands."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="documents", db_index=False)
    document = models.ForeignKey("leads.Document", on_delete=models.PROTECT, related_name="statuses", db_index=False)
    status = models.CharField(max_length=10, choices=DocumentState.choices, default=DocumentState.MISSING)
    changed_at = models.DateTimeField()
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [models.UniqueConstraint(name="one_status_per_lead_and_document", fields=["lead", "document"])]
        indexes = [
            # read by the list of documents
            models.Index(name="document_of_kind", fields=["document", "id"]),
            models.Index(name="document_in_state", fields=["status", "id"]),
            # read by leads.services.expiry
            models.Index(
                name="document_runs_out",
                fields=["expires_on"],
                condition=Q(status=DocumentState.RECEIVED, expires_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document}: {self.get_status_display()}"


class Authorization(models.Model):
    """A payer's prior authorization for one service of a lead."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="authorizations")
    service = models.ForeignKey(ServiceLine, on_delete=models.PROTECT, related_name="+")
    payer = models.ForeignKey(Payer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=AuthorizationState.choices, default=AuthorizationState.NEEDED)
    reference = models.CharField(max_length=60, blank=True)
    changed_at = models.DateTimeField()
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_authorization_per_lead_and_service", fields=["lead", "service"])
        ]
        indexes = [
            # read by leads.services.expiry
            models.Index(
                name="authorization_runs_out",
                fields=["expires_on"],
                condition=Q(
                    status__in=[AuthorizationState.APPROVED, AuthorizationState.NOT_NEEDED], expires_on__isnull=False
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.service}: {self.get_status_display()}"
