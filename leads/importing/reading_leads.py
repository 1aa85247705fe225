"""What does one row say about a lead? The same fields, limits and codes as the form, from cells instead of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from types import SimpleNamespace

from django.conf import settings
from django.db.models import Case, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from consent import addresses
from consent.addresses import Pair
from consent.models import Disclosure
from consent.models.ledger import OWN_LANGUAGE
from leads import targets
from leads.importing import cells
from leads.importing.cells import CellError
from leads.importing.kinds import Field, Row
from leads.models import Document, ImportRun, Lead, Source, TimingWindow
from leads.serializers import CHANNELS
from leads.services import answers
from leads.submission import EMAIL, PHONE
from leads.vocabulary import Agreement, Budget, ContactRole, ForWhom, LeadType, Request, Urgency
from medcrm.lib import copying
from medcrm.lib.errors import RuleError

LEAD = copying.defaults(Lead)
LIMITS = {
    "first_name": 80,
    "last_name": 80,
    "question": 200,
    "language": 8,
    "preferred_time": 80,
    "referring_provider": 120,
    "organisation": 120,
    "rollout": 80,
    "approver": 120,
}
CHOICES = {
    "lead_type": LeadType,
    "request": Request,
    "urgency": Urgency,
    "for_whom": ForWhom,
    "contact_role": ContactRole,
    "budget": Budget,
    "agreement": Agreement,
}
CATALOGUE = targets.ROWS
CHANNEL_WORDS = {
    **{channel: channel for channel in CHANNELS},
    **{word: "voice" for word in ("phone", "call", "calls", "telephone")},
    **{word: "sms" for word in ("text", "texts", "text message", "mobile")},
    **{word: "email" for word in ("e-mail", "mail")},
}
# Columns in which the same few cells come again and again: each is read once per chunk.
REPEATING = (*CHOICES, *CATALOGUE, "timing", "zip", "age", "is_existing_patient", "preferred_channel", "inquired_at",
             "consent_at", "consent_text")  # fmt: skip
CONSENT = ("consent", "consent_at", "consent_text", "consent_proof")

FIELDS = (
    Field("first_name", _("First name"), ("firstname", "given name", "forename", "fname", "vorname", "nombre")),
    Field("last_name", _("Last name"), ("lastname", "surname", "family name", "lname", "nachname", "apellido")),
    Field("full_name", _("Whole name"), ("name", "contact", "contact name", "patient", "patient name", "full name")),
    Field("phone", _("Phone"), ("telephone", "phone number", "mobile", "cell", "cell phone", "mobile phone", "tel")),
    Field("email", _("E-mail"), ("email address", "e-mail address", "mail", "mail address")),
    Field("zip", _("ZIP"), ("zip code", "zipcode", "postal code", "postcode", "plz")),
    Field("service", _("Service"), ("service line", "service interest", "treatment", "interest", "procedure")),
    Field("preferred_clinic", _("Preferred clinic"), ("clinic", "location", "office", "site")),
    Field("timing", _("When"), ("timing window", "timeframe", "time frame", "when")),
    Field("request", _("Asks for"), ("request type", "asks for", "inquiry type")),
    Field("question", _("Question"), ("message", "specific question", "comments", "comment")),
    Field("urgency", _("Urgency"), ()),
    Field("payer", _("Pays with"), ("insurance", "insurer", "plan", "insurance plan", "carrier")),
    Field("referring_provider", _("Referred by"), ("referring physician", "referring doctor", "referring practice")),
    Field("age", _("Age"), ()),
    Field("is_existing_patient", _("Existing patient"), ("existing patient", "established patient")),
    Field("language", _("Language"), ("lang", "preferred language")),
    Field("preferred_channel", _("Preferred channel"), ("contact preference", "preferred contact")),
    Field("preferred_time", _("Best time"), ("best time to call", "best time")),
    Field("for_whom", _("For whom"), ("relationship",)),
    Field("lead_type", _("Type of lead"), ("type", "record type")),
    Field("organisation", _("Organisation"), ("organization", "company", "practice", "facility", "account")),
    Field("organisation_type", _("Type of organisation"), ("organization type", "facility type", "account type")),
    Field("specialty", _("Specialty"), ("speciality", "provider specialty")),
    Field("care_setting", _("Care setting"), ("setting", "setting of care")),
    Field("npi", _("NPI"), ("npi number", "national provider identifier", "organization npi")),
    Field("sites", _("Sites"), ("number of sites", "locations", "number of locations")),
    Field("contact_role", _("Contact's role"), ("role", "job title", "title")),
    Field("clinic_size", _("People at the site"), ("size", "employees", "practice size")),
    Field("budget", _("Budget"), ()),
    Field("rollout", _("Rollout"), ("rollout date",)),
    Field("approver", _("Who approves vendors"), ("approved by",)),
    Field("agreement", _("Agreement"), ("agreement status",)),
    Field("campaign", _("Campaign"), ("utm campaign", "campaign name")),
    Field("documents", _("Documents held"), ("documents",)),
    Field(
        "inquired_at", _("Asked us on"), ("created", "created at", "date", "inquiry date", "submitted at", "lead date")
    ),
    Field("consent", _("Consent: channels"), ("consent channels", "opt in", "permission", "opted in")),
    Field("consent_at", _("Consent: given on"), ("consent date", "opt in date", "consent timestamp")),
    Field("consent_text", _("Consent: text shown"), ("disclosure", "consent wording", "consent version")),
    Field("consent_proof", _("Consent: where the proof is"), ("proof", "consent url", "certificate", "trustedform")),
    Field("opted_out", _("Does not want contact"), ("do not contact", "dnc", "opt out", "unsubscribed", "do not call")),
)


@dataclass
class Wanted:
    """What one row asks for, in normal form."""

    row: Row
    fields: dict[str, object] = field(default_factory=dict)
    phone: str = ""
    email: str = ""
    documents: list[str] = field(default_factory=list)
    campaign: str = ""
    inquired_at: datetime | None = None
    channels: list[str] = field(default_factory=list)
    consent_at: datetime | None = None
    disclosure: Disclosure | None = None
    proof: str = ""
    opted_out: list[str] = field(default_factory=list)
    named: dict[str, Pair] = field(init=False)
    """The row's addresses by their keyed hash."""
    lead: SimpleNamespace = field(init=False)
    """The row's lead if nobody knows it yet; without its addresses."""

    def __post_init__(self) -> None:
        self.named = addresses.named(pair for pair in ((PHONE, self.phone), (EMAIL, self.email)) if pair[1])

    @property
    def pairs(self) -> Iterable[Pair]:
        return self.named.values()


class Reader:
    """Reads rows against the catalogue as it is when the reader is made: one query for each list that a column is of,
    and three more; none per row."""

    def __init__(self, run: ImportRun, at: datetime) -> None:
        self.at = at
        self.zone = str(run.options.get("timezone") or settings.TIME_ZONE)
        self.lead_type = str(run.options.get("lead_type") or LeadType.PATIENT)
        self.default_text = str(run.options.get("consent_text") or "")
        self.parsers: dict[str, Callable[[str], object]] = {
            "phone": cells.phone,
            "email": cells.email,
            "zip": cells.zip_code,
            "age": partial(cells.number, high=120),
            "clinic_size": partial(cells.number, high=1_000_000),
            "sites": partial(cells.number, high=100_000),
            "npi": cells.npi,
            "is_existing_patient": cells.yes_no,
            "preferred_channel": partial(cells.choice, known=CHANNEL_WORDS),
            "inquired_at": partial(cells.past, zone=self.zone, at=at),
            "consent_at": partial(cells.past, zone=self.zone, at=at),
            "consent_proof": partial(cells.text_of, limit=500),
            "full_name": partial(cells.text_of, limit=160),
            "campaign": partial(cells.text_of, limit=120),
            "consent": self._channels,
            "opted_out": self._opted_out,
        }
        self.parsers |= {name: partial(cells.text_of, limit=limit) for name, limit in LIMITS.items()}
        self.parsers |= {name: partial(cells.choice, known=words(c.choices)) for name, c in CHOICES.items()}
        for name, model in CATALOGUE.items():
            if name not in run.mapping.values():
                continue
            known = words(model.objects.filter(is_active=True).values_list("pk", "name"))
            self.parsers[name] = partial(cells.code, known=known, what=str(model._meta.verbose_name_plural))
        papers = words(Document.objects.filter(is_active=True).values_list("pk", "name"))
        self.parsers["documents"] = lambda text: [
            cells.code(part, papers, what="documents") for part in cells.several(text)
        ]
        timings = {row.pk: row for row in TimingWindow.objects.filter(is_active=True)}
        answers = words((row.pk, row.name) for row in timings.values())
        self.parsers["timing"] = lambda text: timings[cells.code(text, answers, what="timing answers")]
        self.texts = disclosures()
        self.parsers["consent_text"] = self._text_shown
        self.parsers |= {
            name: lru_cache(maxsize=1024)(parse) for name, parse in self.parsers.items() if name in REPEATING
        }

    def __call__(self, row: Row) -> Wanted:
        """Read a row; what is wrong with it is added to its problems, all of it at once."""
        found: dict[str, object] = {}
        for name, text in row.cells.items():
            if not text:
                continue
            try:
                found[name] = self.parsers[name](text)
            except CellError as error:
                row.refuse(error.code, name, error.sentence)
        for name in targets.NAMES:
            if targets.no_name(found.get(name)):
                del found[name]
        if "full_name" in found:
            first, _space, last = str(found.pop("full_name")).rpartition(" ")
            found.setdefault("first_name", first[:80])
            found.setdefault("last_name", last[:80])
        wanted = Wanted(
            row,
            phone=str(found.pop("phone", "")),
            email=str(found.pop("email", "")),
            documents=found.pop("documents", []),
            campaign=str(found.pop("campaign", "")),
            inquired_at=found.pop("inquired_at", None),
            channels=found.pop("consent", []),
            consent_at=found.pop("consent_at", None),
            disclosure=found.pop("consent_text", None),
            proof=str(found.pop("consent_proof", "")),
            opted_out=found.pop("opted_out", []),
        )
        found.setdefault("lead_type", self.lead_type)
        wanted.fields = found
        if not wanted.phone and not wanted.email and not any(p.field in (PHONE, EMAIL) for p in row.problems):
            row.refuse("NO_ADDRESS", PHONE, "Give a phone number or an e-mail address, so that somebody can answer.")
        if wanted.channels:
            self._check_proof(wanted)
        if not row.problems:
            wanted.lead = self._new_lead(wanted)
        return wanted

    def _new_lead(self, wanted: Wanted) -> SimpleNamespace:
        asked_at = wanted.inquired_at or self.at
        lead = SimpleNamespace(**LEAD | {"other_services": []}, id=None, pk=None)
        lead.lead_type = wanted.fields["lead_type"]
        answers.write_fields(lead, wanted.fields, at=asked_at, zone=self.zone)
        if "timing" in wanted.fields:
            lead.timing_id = wanted.fields["timing"].pk
        lead.created_at, lead.public_id = asked_at, uuid7()
        return lead

    def _check_proof(self, wanted: Wanted) -> None:
        """Consent that cannot be shown is none: what was shown, when, and where the proof lies must be there [X23]."""
        row = wanted.row
        if wanted.disclosure is None and self.default_text and not row.cells.get("consent_text"):
            try:
                wanted.disclosure = self._text_shown(self.default_text)
            except CellError as error:
                row.refuse(error.code, "consent_text", error.sentence)
        given = {"consent_at": wanted.consent_at, "consent_text": wanted.disclosure, "consent_proof": wanted.proof}
        for name, value in given.items():
            if not value and not any(p.field == name for p in row.problems):
                row.refuse(
                    "CONSENT_WITHOUT_PROOF",
                    name,
                    "Consent needs its date, the text shown and where the proof is. Add them, or leave consent empty.",
                )
        kinds = {"voice": wanted.phone, "sms": wanted.phone, "email": wanted.email}
        for channel in wanted.channels:
            if not kinds[channel] and not row.problems:
                row.refuse("CONSENT_WITHOUT_ADDRESS", "consent", f"Consent to “{channel}”, but no address for it.")
            if wanted.disclosure and channel not in wanted.disclosure.channels:
                row.refuse("CONSENT_BEYOND_TEXT", "consent", f"{wanted.disclosure} does not speak of “{channel}”.")

    def _channels(self, text: str) -> list[str]:
        if text.casefold() in cells.NO:
            return []
        return list(dict.fromkeys(cells.choice(part, CHANNEL_WORDS) for part in cells.several(text)))

    def _opted_out(self, text: str) -> list[str]:
        if text.casefold() in cells.YES or text.casefold() == "all":
            return list(CHANNELS)
        return self._channels(text)

    def _text_shown(self, text: str) -> Disclosure:
        found = self.texts.get(text.casefold())
        if found is None:
            raise CellError(
                "UNKNOWN_TEXT", f"“{text[:40]}” is no disclosure on file; write its code, e.g. “consult v1”."
            )
        return found


def source_of(run: ImportRun) -> Source:
    """Where the run's leads come from. Raise RuleError if nobody chose it."""
    source = Source.objects.select_related("disclosure").filter(pk=run.options.get("source")).first()
    if source is None:
        raise RuleError("NO_SOURCE", gettext("Say where these leads come from: choose a source."), field="source")
    return source


def labels() -> dict[tuple[str, str], str]:
    """Field and code → what people call it. Three queries."""
    found = {(name, str(code)): str(label) for name, c in CHOICES.items() for code, label in c.choices}
    for name, model in CATALOGUE.items():
        found |= {(name, str(code)): label for code, label in model.objects.values_list("pk", "name")}
    return found


def words(pairs: object) -> Mapping[str, str]:
    """Code and label, in any case → code."""
    found: dict[str, str] = {}
    for code, label in pairs:  # type: ignore[attr-defined]
        found.setdefault(str(label).casefold(), code)
        found[code] = found[code.casefold()] = code
    return found


def disclosures() -> dict[str, Disclosure]:
    """“code” is the newest version, “code v2” that one, “code v2 (es)” that one as shown in Spanish."""
    found: dict[str, Disclosure] = {}
    own_last = Case(When(language=OWN_LANGUAGE, then=1), default=0)
    for row in Disclosure.objects.order_by("version", own_last):
        found |= dict.fromkeys((name.casefold() for name in (row.code, row.named, str(row))), row)
    return found
