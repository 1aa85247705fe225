"""The rules and lists a decision rests on: state calling rules, policy settings, emergencies, do-not-call lists."""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consent.vocabulary import Channel, ListKind
from medcrm.lib.models import code_format, ends, refuse
from medcrm.lib.moments import said

state_format = RegexValidator(r"^[A-Z]{2}$", _("Two capital letters, e.g. “FL”."))


class CapScope(models.TextChoices):
    SUBJECT = "subject", _("Contacts on the same subject")
    ANY = "any", _("Any contact")


@pghistory.track()
class CallingRule(models.Model):
    """What a state allows in telemarketing to its consumers: one row per state and version [contact_rules 4].

    Hours are local clock times, end exclusive. A weekday with neither start nor end is closed; the federal window
    08:00 to 21:00 applies in any case. The row in force at a moment is the newest that has begun and is not retired by
    then; one that is announced counts from its start on, and until then the row before it.
    """

    state = models.CharField(max_length=2, validators=[state_format])
    version = models.PositiveIntegerField(default=1)
    weekday_start = models.TimeField(null=True, blank=True)
    weekday_end = models.TimeField(null=True, blank=True)
    saturday_start = models.TimeField(null=True, blank=True)
    saturday_end = models.TimeField(null=True, blank=True)
    sunday_start = models.TimeField(null=True, blank=True)
    sunday_end = models.TimeField(null=True, blank=True)
    bans_holidays = models.BooleanField(default=False, help_text=_("Federal and state holidays, observed days too."))
    extra_holidays = ArrayField(
        models.DateField(), default=list, blank=True, help_text=_("Proclaimed days, e.g. “2027-02-09”.")
    )
    bans_in_emergency = models.BooleanField(default=False, help_text=_("No solicitation in a declared emergency."))
    has_overlay = models.BooleanField(
        _("narrower hours for automated contact"),
        default=False,
        help_text=_("Ticked: the channels and hours below count beside those above, and the stricter one wins."),
    )
    overlay_channels = ArrayField(models.CharField(max_length=20, choices=Channel.choices), default=list, blank=True)
    overlay_weekday_start = models.TimeField(null=True, blank=True)
    overlay_weekday_end = models.TimeField(null=True, blank=True)
    overlay_saturday_start = models.TimeField(null=True, blank=True)
    overlay_saturday_end = models.TimeField(null=True, blank=True)
    overlay_sunday_start = models.TimeField(null=True, blank=True)
    overlay_sunday_end = models.TimeField(null=True, blank=True)
    overlay_holiday_as_sunday = models.BooleanField(
        _("holidays like Sundays"), default=False, help_text=_("On a holiday these narrower Sunday hours count.")
    )
    cap_count = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Contacts allowed in the rolling window; empty means no cap of the state.")
    )
    cap_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    cap_scope = models.CharField(max_length=8, choices=CapScope.choices, default=CapScope.SUBJECT)
    cap_automated_only = models.BooleanField(
        _("only automated contacts count"), default=False, help_text=_("Ticked: calls dialled by hand are not counted.")
    )
    cap_spares_relationship = models.BooleanField(
        _("no limit for our own customers"),
        default=False,
        help_text=_("Ticked: who bought from us lately may be contacted beyond the limit, e.g. in Oregon."),
    )
    covers_text = models.BooleanField(default=False, help_text=_("The statute names texts; policy applies it anyway."))
    manual_needs_pewc = models.BooleanField(
        _("written consent for hand-dialled sales"),
        default=False,
        help_text=_("Ticked: a person may not dial to sell either, unless the consumer agreed in writing (PEWC)."),
    )
    mobile_sales_need_consent = models.BooleanField(
        default=False, help_text=_("No unsolicited sales call to a mobile without consent or relationship (NJ).")
    )
    area_code_presumption = models.BooleanField(default=False, help_text=_("The area code alone binds the caller."))
    consent_exempts_hours = models.BooleanField(default=False, help_text=_("Stated by the statute; not used."))
    notes = models.TextField(blank=True)
    source = models.TextField(help_text=_("Statute or page this row rests on."))
    verified_on = models.DateField()
    verified_by = models.CharField(max_length=60, blank=True)
    needs_verification = models.BooleanField(default=False, help_text=_("Disputed; the strict reading is in force."))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=200, blank=True, help_text=_("Why this version exists, in a sentence."))
    starts_at = models.DateTimeField(
        null=True, blank=True, help_text=_("From when it counts, e.g. the day a law begins. Empty: at once.")
    )
    retired_at = models.DateTimeField(null=True, blank=True, help_text=_("From then on the next version counts."))

    class Meta:
        ordering = ["state", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["state", "version"], name="consent_calling_rule_version"),
            models.UniqueConstraint(
                fields=["state"], condition=Q(retired_at__isnull=True), name="consent_calling_rule_in_force"
            ),
            models.CheckConstraint(
                condition=Q(cap_count__isnull=True, cap_hours__isnull=True)
                | Q(cap_count__isnull=False, cap_hours__gte=1),
                name="consent_calling_rule_cap",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{day}_start__isnull": True, f"{day}_end__isnull": True})
                    | Q(**{f"{day}_start__lt": F(f"{day}_end")}),
                    name=f"consent_rule_{day}",
                )
                for day in (
                    "weekday",
                    "saturday",
                    "sunday",
                    "overlay_weekday",
                    "overlay_saturday",
                    "overlay_sunday",
                )
            ),
        ]

    def clean(self) -> None:
        days = ("weekday", "saturday", "sunday")
        spans = [f"{part}{day}" for part in ("", "overlay_") for day in days]
        hours = [ends(getattr(self, f"{s}_start"), getattr(self, f"{s}_end"), f"{s}_end") for s in spans]
        refuse(
            [
                *(problem for span in hours for problem in span),
                (self.cap_count is not None and not self.cap_hours, "cap_hours", _("Say within how many hours.")),
                (self.cap_count is None and self.cap_hours is not None, "cap_count", _("Say how many contacts.")),
            ]
        )

    def __str__(self) -> str:
        return f"{self.state} v{self.version}"


@pghistory.track()
class PolicySetting(models.Model):
    """A choice of ours that is stricter than law, with who answers for it and why [contact_rules 11]."""

    code = models.CharField(max_length=40, primary_key=True, validators=[code_format])
    value = models.JSONField(help_text=_("e.g. 3, true, “08:00”."))
    owner = models.CharField(max_length=80, help_text=_("Who answers for it, e.g. “Chief compliance officer”."))
    reason = models.CharField(max_length=300)
    is_fixed = models.BooleanField(default=False, help_text=_("Built into the gate; shown, not changeable."))
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} = {self.value}"


@pghistory.track()
class Emergency(models.Model):
    """A declared state of emergency, during which some states bar solicitation (LA, NY)."""

    state = models.CharField(
        max_length=2, validators=[state_format], help_text=_("Where it was declared: two capital letters, e.g. “LA”.")
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text=_("Empty while it lasts."))
    source = models.CharField(max_length=200, help_text=_("Proclamation, e.g. “LA 129 JBE 2026”."))

    class Meta:
        verbose_name = _("state of emergency")
        verbose_name_plural = _("states of emergency")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="consent_emergency_order"
            )
        ]

    def clean(self) -> None:
        is_backwards = None not in (self.starts_at, self.ends_at) and self.ends_at <= self.starts_at
        refuse([(is_backwards, "ends_at", _("The end must be later than the start."))])

    def __str__(self) -> str:
        return f"{self.state} from {said(self.starts_at)}"


class ListSnapshot(models.Model):
    """One version of a do-not-call list, as of the moment it was taken."""

    kind = models.CharField(max_length=16, choices=ListKind.choices)
    state = models.CharField(max_length=2, blank=True, help_text=_("Of a state list."))
    version = models.CharField(max_length=60, help_text=_("As the registry names it, or the file's name."))
    taken_at = models.DateTimeField(help_text=_("The registry's own date; the age of the scrub counts from here."))
    loaded_at = models.DateTimeField(auto_now_add=True)
    entries_count = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, help_text=_("Of the file loaded."))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("do-not-call list")
        verbose_name_plural = _("do-not-call lists")
        constraints = [
            models.UniqueConstraint(fields=["kind", "state", "version"], name="consent_list_version"),
            models.CheckConstraint(
                condition=Q(kind="national_dnc", state="") | (Q(kind="state_dnc") & ~Q(state="")),
                name="consent_list_state",
            ),
        ]
        indexes = [models.Index(fields=["kind", "state", "-taken_at"], name="consent_list_latest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.state} {self.version}".replace("  ", " ")


class ListEntry(models.Model):
    """One number on one version of a list; the number as an integer (E.164 without the plus)."""

    pk = models.CompositePrimaryKey("snapshot_id", "number")
    snapshot = models.ForeignKey(ListSnapshot, on_delete=models.CASCADE, related_name="entries", db_index=False)
    number = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "list entries"

    def __str__(self) -> str:
        return f"+{self.number}"
