"""What exactly will be said? Fills a wording's declared fields and says what is wrong with a wording.

A small subset of Django's template language: `{{ field }}`, `{{ field|default:"words" }}` and
`{% if field %}…{% else %}…{% endif %}`. Fields are declared here; anything else is refused when a wording is saved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.template import Context, Engine
from django.template import Template as EngineTemplate
from django.template.base import Lexer, Token, TokenType
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from consent import quoting
from leads import timing
from leads.models import Appointment, Lead
from leads.timing import NOTHING_PROMISED, Promise
from leads.vocabulary import AppointmentState
from medcrm.lib import moments
from nurture import links
from nurture.links import Recipient
from nurture.vocabulary import Medium

ENGINE = Engine(autoescape=False, string_if_invalid="")
SMS_SEGMENTS = 2
OPT_OUT = re.compile(r"\b(reply|text|responda|env[ií]e)\s+(con\s+)?stop\b", re.IGNORECASE)
VARIABLE = re.compile(r'^(?P<name>[a-z_]+)(?:\|default:"(?P<fallback>[^"{}]*)")?$')
CONDITION = re.compile(r"^if (?:not )?(?P<name>[a-z_]+)$")
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_DOUBLE = set("^{}\\[~]|€")


class NotRendered(Exception):
    """The wording cannot be filled in for this lead; the message says why."""


@dataclass(frozen=True)
class Occasion:
    """What a message speaks of beside its lead: what who asked is promised, or a visit."""

    promise: Promise = NOTHING_PROMISED
    visit: Appointment | None = None


NO_OCCASION = Occasion()


@dataclass(frozen=True)
class Field:
    """A merge field. One that may be empty needs a fallback; one that tells of health needs permission to."""

    name: str
    label: str
    read: Callable[[Lead, Recipient, Occasion], str]
    may_be_empty: bool = False
    is_clinical: bool = False
    longest: str = "M" * 30  # about as long as it gets, to count the segments of a text by


@dataclass(frozen=True)
class Rendered:
    """The words as they go out, and their fingerprint."""

    subject: str
    body: str

    @property
    def sha256(self) -> str:
        return sha256(f"{self.subject}\n\n{self.body}".encode()).hexdigest()


def _documents(lead: Lead, recipient: Recipient, occasion: Occasion) -> str:
    if lead.pk is None:
        return _("a document")  # the invented lead of a preview
    items = lead.missing_items.filter(settled_at=None, kind__document__isnull=False).select_related("kind")
    return ", ".join(_(item.kind.name).lower() for item in items.order_by("pk"))


def _visit(occasion: Occasion) -> Appointment:
    if occasion.visit is None:
        raise NotRendered(_("It speaks of a visit, and there is none."))
    return occasion.visit


def _clock_time(visit: Appointment) -> str:
    """On the clinic's wall, wherever the person is; blank while no time was agreed."""
    if visit.starts_at is None:
        return ""
    there = visit.starts_at.astimezone(ZoneInfo(visit.clinic.timezone))
    return _soft(f"{date_format(there, 'TIME_FORMAT')} {there:%Z}")


def _soft(words: str) -> str:
    """Without the hard spaces of dates, with which a text would cost twice as much."""
    return words.replace("\xa0", " ")


LONGEST_MOMENT = "30 de septiembre de 2026 a las 10:00 CST"
FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("first_name", "First name", lambda lead, _to, _about: lead.first_name, may_be_empty=True),
        Field("organisation", "Organisation", lambda lead, _to, _about: lead.organisation, may_be_empty=True),
        Field("seller", "Our name", lambda lead, _to, _about: lead.source.seller.name),
        Field(
            "help_contact",
            "Whom to call",
            lambda lead, _to, _about: lead.source.seller.help_contact,
            may_be_empty=True,
        ),
        Field(
            "clinic",
            "Preferred clinic",
            lambda lead, _to, _about: lead.preferred_clinic.name if lead.preferred_clinic else "",
            may_be_empty=True,
        ),
        Field(
            "service",
            "Service",
            lambda lead, _to, _about: _(lead.service.name) if lead.service else "",
            may_be_empty=True,
            is_clinical=True,
        ),
        Field("documents", "Documents still needed", _documents, may_be_empty=True),
        Field(
            "preferences_url",
            "Link to the preference page",
            lambda _lead, to, _about: links.preferences_url(to),
            longest=links.preferences_url(Recipient(10**8, "m" * 12, 10**8)),
        ),
        # Known of an acknowledgement alone.
        Field(
            "answer_by",
            "Acknowledgements: when a person answers",
            lambda lead, _to, about: _moment(about.promise.answer_by, lead),
            may_be_empty=True,
            longest=LONGEST_MOMENT,
        ),
        Field(
            "opens_at",
            "Acknowledgements, while we are closed: when we open",
            lambda lead, _to, about: _moment(about.promise.opens_at, lead),
            may_be_empty=True,
            longest=LONGEST_MOMENT,
        ),
        # Known of what is told about a visit alone; nothing of what it is for [H20].
        Field(
            "visit_day",
            "Visits: the day",
            lambda _lead, _to, about: _soft(moments.said_day(_visit(about).date)),
            longest="30 de septiembre de 2026",
        ),
        Field(
            "visit_weekday",
            "Visits: the day of the week",
            lambda _lead, _to, about: date_format(_visit(about).date, "l"),
            longest="Wednesday",
        ),
        Field(
            "visit_time",
            "Visits: the time on the clinic's clock, where one was agreed",
            lambda _lead, _to, about: _clock_time(_visit(about)),
            may_be_empty=True,
            longest="10:00 AM CST",
        ),
        Field(
            "visit_unconfirmed",
            "Visits: something, to ask by, while nobody has confirmed it",
            lambda _lead, _to, about: "yes" if _visit(about).status == AppointmentState.BOOKED else "",
            may_be_empty=True,
            longest="yes",
        ),
        Field("visit_clinic", "Visits: the clinic", lambda _lead, _to, about: _visit(about).clinic.name),
        Field(
            "visit_place",
            "Visits: the clinic and its address",
            lambda _lead, _to, about: _visit(about).clinic.place,
            longest="M" * 60,
        ),
        Field(
            "visit_phone",
            "Visits: whom to call about it",
            lambda lead, _to, about: _visit(about).clinic.phone or lead.source.seller.help_contact,
            may_be_empty=True,
            longest="512-555-0100",
        ),
    )
}


def render(
    subject: str,
    body: str,
    *,
    medium: str,
    lead: Lead,
    recipient: Recipient,
    language: str = "en",
    occasion: Occasion = NO_OCCASION,
) -> Rendered:
    """Fill in a wording for a lead; mail gets the sender's postal address and the way out. Raise NotRendered."""
    used = names(subject) | names(body)
    if unknown := used - FIELDS.keys():
        raise NotRendered(_("There is no field called %(names)s.") % {"names": ", ".join(sorted(unknown))})
    with override(language):  # what things are called, and the footer, are in the language of the wording
        context = Context({name: FIELDS[name].read(lead, recipient, occasion) for name in used}, autoescape=False)
        end = footer(lead, recipient) if medium == Medium.EMAIL else ""
    words = _compiled(body).render(context).strip()
    if not words:
        raise NotRendered(_("Nothing is left of the text."))
    return Rendered(" ".join(_compiled(subject).render(context).split())[:200], words + end)


def _moment(at: datetime | None, lead: Lead) -> str:
    """On the lead's own clock, which is named: whoever reads it need not know where we are. In the language of the
    wording."""
    if at is None:
        return ""
    zone = ZoneInfo(timing.zone_of(lead))
    return _soft(f"{moments.said(at, zone)} {at.astimezone(zone):%Z}")


def footer(lead: Lead, recipient: Recipient) -> str:
    """Who we are, where we are, and how to stop: on every mail [E01]."""
    seller = lead.source.seller
    return (
        f"\n\n--\n{seller.name}, {seller.postal_address}\n"
        + _(quoting.CHOOSE) % {"url": links.preferences_url(recipient)}
        + "\n"
        + _(quoting.STOP) % {"url": links.unsubscribe_url(recipient)}
    )


@lru_cache(maxsize=512)
def _compiled(source: str) -> EngineTemplate:
    """Wordings are few and frozen, so each is compiled once."""
    return ENGINE.from_string(source)


@lru_cache(maxsize=512)
def names(source: str) -> frozenset[str]:
    """The fields a source uses."""
    found = set()
    for token in Lexer(source).tokenize():
        match = _match(token)
        if match and "name" in match.groupdict():
            found.add(match.group("name"))
    return frozenset(found)


def problems(subject: str, body: str, *, medium: str, allows_clinical: bool = False) -> list[str]:
    """What is wrong with a wording, as sentences; empty when it may be published."""
    found = [problem for source in (subject, body) for problem in _source_problems(source, allows_clinical)]
    if medium == Medium.EMAIL and not subject.strip():
        found.append(_("An e-mail needs a subject."))
    if medium == Medium.SMS:
        if not OPT_OUT.search(body):
            found.append(_("A text says how to stop, e.g. “Reply STOP to end”."))
        if not found and (taken := segments(_at_its_longest(body))) > SMS_SEGMENTS:
            found.append(
                _("With long names the text takes %(n)d segments; at most %(max)d.") % {"n": taken, "max": SMS_SEGMENTS}
            )
    return found


def _at_its_longest(body: str) -> str:
    """The text with about the longest values its fields can have."""
    return _compiled(body).render(Context({name: FIELDS[name].longest for name in names(body)}, autoescape=False))


def segments(text: str) -> int:
    """How many segments a carrier charges for: GSM 7-bit, or UCS-2 as soon as one character needs it."""
    if all(c in GSM or c in GSM_DOUBLE for c in text):
        length = len(text) + sum(c in GSM_DOUBLE for c in text)
        return 1 if length <= 160 else -(-length // 153)
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= 70 else -(-length // 67)


def _match(token: Token) -> re.Match[str] | None:
    if token.token_type == TokenType.VAR:
        return VARIABLE.match(token.contents)
    if token.token_type == TokenType.BLOCK:
        return CONDITION.match(token.contents) or re.match(r"^(else|endif)$", token.contents)
    return None


def _source_problems(source: str, allows_clinical: bool) -> list[str]:
    found: list[str] = []
    guarded: set[str] = set()
    tags = [token for token in Lexer(source).tokenize() if token.token_type in (TokenType.VAR, TokenType.BLOCK)]
    for tag in tags:
        if problem := _tag_problem(tag, guarded, allows_clinical):
            found.append(problem)
        elif tag.token_type == TokenType.BLOCK:
            guarded.update(_match(tag).groupdict().values())
    blocks = [tag.contents for tag in tags if tag.token_type == TokenType.BLOCK]
    if sum(words.startswith("if ") for words in blocks) != blocks.count("endif"):
        found.append(_("Each {% if %} needs its {% endif %}."))
    return found


def _tag_problem(tag: Token, guarded: Collection[str], allows_clinical: bool) -> str:
    """What is wrong with a tag, or blank. Fields that are `guarded` were asked about by a condition before it."""
    match = _match(tag)
    if match is None:
        return _("“%(tag)s” is not allowed here.") % {"tag": tag.contents}
    said = match.groupdict()
    if "name" not in said:
        return ""  # else, endif
    field = FIELDS.get(said["name"])
    if field is None:
        return _("There is no field called “%(name)s”.") % {"name": said["name"]}
    if field.is_clinical and not allows_clinical:
        return _("“%(name)s” tells about health and may not be sent.") % {"name": field.name}
    needs_words = field.may_be_empty and tag.token_type == TokenType.VAR and not said["fallback"]
    if needs_words and field.name not in guarded:
        example = f'{{{{ {field.name}|default:"…" }}}}'
        return _("“%(name)s” may be empty; say what then: %(eg)s") % {"name": field.name, "eg": example}
    return ""
