"""What can be served, where, for which payer and when: the catalogue that fit and capacity are checked against."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models.organisations import CareSetting, OrganisationType, Specialty
from leads.vocabulary import Intent, LeadType, ReportingClass, SourceKind
from medcrm.lib.models import Coded, refuse
from medcrm.lib.moments import said_day
from medcrm.lib.zones import valid_zone

zip_format = RegexValidator(r"^\d{5}$", _("Five digits, e.g. 78701."))


@pghistory.track()
class Document(Coded):
    """A kind of document that a service, payer or agreement may ask for."""

    is_agreement = models.BooleanField(default=False, help_text=_("Collected from organisations, not from patients."))

    class Meta(Coded.Meta):
        verbose_name = _("kind of document")
        verbose_name_plural = _("kinds of document")


@pghistory.track()
class TimingWindow(Coded):
    """What an answer to “when?” means in days, counted from the moment it was given [R10]."""

    class Kind(models.TextChoices):
        WITHIN = "within", _("Within a number of days")
        NEXT_QUARTER = "next_quarter", _("The next calendar quarter")
        LATER = "later", _("After the next calendar quarter")
        OPEN = "open", _("No window")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    days = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("For “within”, e.g. 14."))
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(Coded.Meta):
        verbose_name = _("timing answer")
        verbose_name_plural = _("timing answers")
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                name="timing_within_has_days", condition=~Q(kind="within") | Q(days__isnull=False, days__gt=0)
            )
        ]

    def clean(self) -> None:
        is_endless = self.kind == self.Kind.WITHIN and not self.days
        refuse([(is_endless, "days", _("Say within how many days, e.g. 14."))])


@pghistory.track()
class ServiceLine(Coded):
    """A service a lead may ask for; organisation services have no offerings, so place and capacity do not apply."""

    audience = models.CharField(max_length=10, choices=LeadType.choices, default=LeadType.PATIENT)
    min_age = models.PositiveSmallIntegerField(default=0)
    max_age = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Blank: no upper limit."))
    telehealth = models.BooleanField(default=False, help_text=_("May be given remotely in a clinic's own state."))
    required_training = models.CharField(
        max_length=40,
        blank=True,
        help_text=_("Sensitive service: only staff with this training, e.g. “behavioral_health”."),
    )
    needs_agreement = models.BooleanField(
        default=False,
        help_text=_("A signed agreement is collected from the organisation."),  # [R33]
    )
    documents = models.ManyToManyField(
        Document,
        blank=True,
        related_name="services",
        help_text=_("To be held before an appointment is booked; a required referral is the referral letter."),
    )

    adjacent = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="adjacent_to",
        verbose_name=_("offered instead"),
        help_text=_("Where no clinic gives this one to new patients, a caller offers these, as far as they are given."),
    )

    # For whom a service for organisations is; what says nothing is for all of them [2.3].
    organisation_types = models.ManyToManyField(OrganisationType, blank=True, related_name="services")
    specialties = models.ManyToManyField(Specialty, blank=True, related_name="services")
    care_settings = models.ManyToManyField(CareSetting, blank=True, related_name="services")
    min_people = models.PositiveIntegerField(
        _("fewest people"), null=True, blank=True, help_text=_("At the site or practice. Blank: no lower limit.")
    )
    max_people = models.PositiveIntegerField(
        _("most people"), null=True, blank=True, help_text=_("Blank: no upper limit.")
    )

    class Meta(Coded.Meta):
        verbose_name = _("service")
        verbose_name_plural = _("services")
        constraints = [
            models.CheckConstraint(
                name="service_ages_in_order", condition=Q(max_age__isnull=True) | Q(max_age__gte=models.F("min_age"))
            ),
            models.CheckConstraint(
                name="service_sizes_in_order",
                condition=Q(min_people__isnull=True)
                | Q(max_people__isnull=True)
                | Q(max_people__gte=models.F("min_people")),
            ),
        ]

    def clean(self) -> None:
        nobody = None not in (self.min_age, self.max_age) and self.max_age < self.min_age
        no_size = None not in (self.min_people, self.max_people) and self.max_people < self.min_people
        refuse(
            [
                (nobody, "max_age", _("The oldest age must not be below the youngest.")),
                (no_size, "max_people", _("The most people must not be fewer than the fewest.")),
            ]
        )

    @property
    def is_sensitive(self) -> bool:
        return bool(self.required_training)


@pghistory.track()
class Clinic(Coded):
    address = models.CharField(
        max_length=120, blank=True, help_text=_("Street and number, as told to who comes, e.g. “100 Congress Ave”.")
    )
    phone = models.CharField(
        max_length=30, blank=True, help_text=_("Whom to call about a visit, e.g. “512-555-0110”; blank: the seller's.")
    )
    zip = models.CharField(max_length=5, validators=[zip_format])
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=2)
    timezone = models.CharField(max_length=40, validators=[valid_zone], help_text=_("IANA name, e.g. America/Chicago."))
    latitude = models.FloatField()
    longitude = models.FloatField()
    radius_miles = models.PositiveSmallIntegerField(help_text=_("How far patients come from, as the crow flies."))
    documents = models.ManyToManyField(
        Document,
        blank=True,
        related_name="clinics",
        help_text=_("To be held before a visit here is booked, beside what the service asks for."),
    )

    @property
    def place(self) -> str:
        """Where to go, in one line."""
        return ", ".join(part for part in (self.name, self.address, self.city, self.state) if part)


@pghistory.track()
class Payer(Coded):
    is_self_pay = models.BooleanField(default=False)
    documents = models.ManyToManyField(
        Document,
        blank=True,
        related_name="payers",
        help_text=_("To be held before a visit is booked, beside what the service asks for."),
    )


@pghistory.track()
class Offering(models.Model):
    """One service at one clinic."""

    service = models.ForeignKey(ServiceLine, on_delete=models.PROTECT, related_name="offerings")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="offerings")
    accepts_new_patients = models.BooleanField(default=True)
    payers = models.ManyToManyField(Payer, through="OfferingPayer", related_name="offerings")

    class Meta:
        ordering = ["service", "clinic"]
        constraints = [
            models.UniqueConstraint(name="one_offering_per_service_and_clinic", fields=["service", "clinic"])
        ]

    def __str__(self) -> str:
        return f"{self.service} · {self.clinic}"


@pghistory.track()
class OfferingPayer(models.Model):
    """A payer accepted for an offering, with whether it wants prior authorization."""

    offering = models.ForeignKey(Offering, on_delete=models.CASCADE, related_name="payer_terms")
    payer = models.ForeignKey(Payer, on_delete=models.PROTECT, related_name="terms")
    prior_authorization = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_term_per_offering_and_payer", fields=["offering", "payer"])]

    def __str__(self) -> str:
        return f"{self.payer} — {self.offering}"


class Availability(models.Model):
    """Open appointments of an offering on one date of the clinic's calendar."""

    offering = models.ForeignKey(Offering, on_delete=models.CASCADE, related_name="availability")
    date = models.DateField()
    open_slots = models.PositiveSmallIntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = _("availability")
        ordering = ["date"]
        constraints = [models.UniqueConstraint(name="one_availability_per_day", fields=["offering", "date"])]
        indexes = [
            # read by leads.capacity: first open day of an offering inside a window
            models.Index(name="availability_open", fields=["offering", "date"], condition=Q(open_slots__gt=0))
        ]

    def __str__(self) -> str:
        return f"{self.offering}, {said_day(self.date)}: {self.open_slots}"


@pghistory.track()
class Source(Coded):
    """Where leads come from, what that says about intent, and the disclosure its form shows [R7, R8]."""

    kind = models.CharField(max_length=20, choices=SourceKind.choices)
    intent = models.CharField(max_length=10, choices=Intent.choices, help_text=_("Before anything else is known."))
    expectation = models.CharField(
        max_length=120, blank=True, help_text=_("What should usually happen next, e.g. “same-day call”.")
    )
    seller = models.ForeignKey(
        "consent.Seller", on_delete=models.PROTECT, related_name="+", help_text=_("For whom the source collects leads.")
    )
    disclosure = models.ForeignKey(
        "consent.Disclosure",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("The exact text the form shows beside its consent boxes."),
    )
    questions = models.JSONField(default=list, blank=True, help_text=_("Fields the form asks, in order."))

    def clean(self) -> None:
        """A consent names the company that will call [T03]; a text for another one would permit nothing."""
        if self.disclosure and self.seller_id and self.disclosure.seller_id != self.seller_id:
            said = _("This text names another company than the seller. Choose a text of the seller, or make one.")
            raise ValidationError({"disclosure": said})


class SourceKey(models.Model):
    """A secret that lets one form or system post inquiries for its source; only its hash is stored."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=12, help_text=_("The first characters, to recognise a key by."))
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.source}: {self.prefix}…"


def _flag(name: Promise, help_text: Promise, **options: object) -> models.BooleanField:
    return models.BooleanField(name, default=False, help_text=help_text, **options)


@pghistory.track()
class Disposition(Coded):
    """How a call ended, with what that entails as flags, so that staff can add one without a programmer."""

    class Group(models.TextChoices):
        NOT_CONNECTED = "not_connected", _("Not connected")
        WRONG_PARTY = "wrong_party", _("Wrong party")
        PENDING = "pending", _("Connected, pending")
        POSITIVE = "positive", _("Connected, positive")
        NEGATIVE = "negative", _("Connected, negative")
        COMPLIANCE = "compliance", _("Compliance")

    group = models.CharField(max_length=15, choices=Group.choices)
    position = models.PositiveSmallIntegerField(default=0)
    makes_contact = _flag(
        _("somebody answered"),
        _("It counts as reached, and no longer as an unanswered try, e.g. “Wrong number”; not “Voicemail left”."),
    )
    reaches_right_party = _flag(
        _("we spoke with the person themselves"),
        _("Or with who speaks for them: a conversation, e.g. “Needs to think”; not “Somebody else answered”."),
    )
    is_final = _flag(
        _("ends the conversation"), _("The caller must say what comes of the lead, e.g. “Not interested”.")
    )
    is_success = _flag(
        _("is a success"),
        _(
            "It is shown as one in this list; what is owed is paid by what was done, such as the visit booked, e.g. "
            "“Appointment set”."
        ),
    )
    disqualifies = _flag(
        _("closes the lead"), _("Disqualified unless the caller says otherwise, e.g. “Chose another provider”.")
    )
    adds_do_not_call = _flag(
        _("puts the number on our do-not-call list"), _("Nobody calls it to sell any more, e.g. “Do not call”.")
    )
    opts_out_text = _flag(
        _("stops texts, and whatever sells or dials by itself"),
        _("Like the answer STOP to a text; a person may still call about the request, e.g. “No more texts”."),
    )
    opts_out_email = _flag(
        _("stops e-mail that sells"),
        _("Like pressing “unsubscribe” in a mail; calls and texts go on, e.g. “No more e-mail”."),
        db_default=False,
    )
    needs_callback = _flag(
        _("asks when to call back"), _("Date and time of the call-back are mandatory, e.g. “Call-back requested”.")
    )
    is_voicemail = _flag(
        _("reached a voicemail"), _("Stands on the timeline as a voicemail, e.g. “Voicemail not left”.")
    )
    leaves_message = _flag(
        _("a message was left"),
        _("Where the person wants none, the caller must write what it said, e.g. “Voicemail left”."),
    )
    invalidates_number = _flag(
        _("the number does not work"),
        _("It is not called again, and another one is asked for, e.g. “Disconnected or invalid number”."),
    )
    is_wrong_number = _flag(
        _("the number is somebody else's"),
        _("It is not called again, and another one is asked for, e.g. “Wrong number”."),
    )
    suppresses_everything = _flag(
        _("stops all contact for good"),
        _("Every number and mailbox of the lead, by hand too; nobody can lift it. For “Deceased”."),
    )
    needs_missing_items = _flag(
        _("asks what is missing"),
        _("Item and follow-up date are mandatory, e.g. “Missing information requested”."),  # [R37]
    )
    needs_identity = _flag(
        _("asks who is on the line"),
        _("In the workspace, who is on the line must be confirmed first, e.g. “Appointment set”."),
    )
    needs_note = _flag(_("asks for a note"), _("In the workspace, something must be written down, e.g. “Complaint”."))
    is_incident = _flag(
        _("is an incident"),
        _("Who reviews incidents is told at once, and outreach waits for them, e.g. “Emergency: directed to 911”."),
    )
    sets_meeting = _flag(
        _("sets a meeting"),
        _("Date and time are those of a meeting and owed like a call-back, e.g. “Meeting agreed”."),
    )
    is_for_patients = models.BooleanField(
        _("for patients"), default=True, help_text=_("Offered on calls with patients.")
    )
    is_for_organisations = models.BooleanField(
        _("for organisations"), default=True, help_text=_("Offered on calls with partners and businesses.")
    )
    suggested_outcome = models.CharField(max_length=20, blank=True)
    answers_question = models.CharField(
        _("answers the question"),
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("A question that this result answers by itself, by its code, e.g. “existing_patient”."),
    )
    answers_with = models.CharField(
        _("with the answer"),
        max_length=80,
        blank=True,
        default="",
        db_default="",
        help_text=_("As the caller would give it, e.g. “yes”. What the caller says goes before it."),
    )
    retry_after_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("When to try again; blank: no automatic retry.")
    )

    class Meta(Coded.Meta):
        verbose_name = _("call result")
        verbose_name_plural = _("call results")
        ordering = ["group", "position"]

    def clean(self) -> None:
        question, answer = bool(self.answers_question), bool(self.answers_with)
        refuse(
            [
                (question and not answer, "answers_with", _("Say what the answer is, or empty the question too.")),
                (answer and not question, "answers_question", _("Say which question that answers.")),
            ]
        )


@pghistory.track()
class TriggerKind(Coded):
    """What may wake a held or stopped lead [R40]."""

    is_dated = models.BooleanField(default=False, help_text=_("Fires by itself when its date comes."))

    class Meta(Coded.Meta):
        verbose_name = _("reason to wake a lead")
        verbose_name_plural = _("reasons to wake a lead")


@pghistory.track()
class StopReason(Coded):
    reporting_class = models.CharField(max_length=10, choices=ReportingClass.choices)
    default_triggers = models.ManyToManyField(
        TriggerKind,
        blank=True,
        related_name="+",
        help_text=_("What re-opens a lead stopped for this reason."),  # [R41]
    )


@pghistory.track()
class HoldReason(Coded):
    """Why a lead waits, and what wakes it unless somebody says otherwise."""

    default_triggers = models.ManyToManyField(TriggerKind, blank=True, related_name="+")
    stale_answers = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text=_("Questions whose answers are unknown again when the lead wakes, e.g. “timing”."),
    )
    default_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(730)],
        help_text=_("Wake after this many days; blank: when the wanted dates are over, where a date wakes it."),
    )


@pghistory.track()
class MissingKind(Coded):
    """Something that must arrive before a lead can move on; its code is also the code of the question that asks it."""

    document = models.ForeignKey(Document, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta(Coded.Meta):
        verbose_name = _("missing thing")
        verbose_name_plural = _("missing things")
