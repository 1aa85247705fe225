"""What will these words look like when they arrive? Shown for one lead, or sent to whoever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils.translation import gettext as _

from leads.models import Appointment, Clinic, Lead, Source
from leads.timing import Promise
from medcrm.lib.errors import RuleError
from nurture import outbox, rendering
from nurture.channels import NotSent, Parcel, Uncertain
from nurture.links import Recipient
from nurture.models import Wording
from nurture.rendering import NotRendered, Occasion, Rendered
from nurture.vocabulary import Medium

# What an acknowledgement may promise, for an invented one.
PROMISED = Promise(datetime(2026, 12, 1, 16, tzinfo=UTC), datetime(2026, 12, 1, 14, tzinfo=UTC))

BEGINS = datetime(2026, 12, 3, 16, tzinfo=UTC)  # of a visit that nobody booked


def show(wording: Wording, lead: Lead | None = None) -> Rendered:
    """The words for a lead, or for an invented one. Raise RuleError with what is wrong with them."""
    if problems := wording.problems():
        raise RuleError("UNFIT_WORDING", " ".join(problems))
    lead = lead or invented()
    # The links of a preview belong to nobody: whoever looks at it must not be able to unsubscribe the lead.
    nobody = Recipient(0, "", 0)
    medium = wording.template.medium
    try:
        return rendering.render(
            wording.subject,
            wording.body,
            medium=medium,
            lead=lead,
            recipient=nobody,
            language=wording.language,
            occasion=Occasion(PROMISED, invented_visit()),
        )
    except NotRendered as reason:
        raise RuleError("NOT_RENDERED", str(reason)) from reason


def invented() -> Lead:
    """A lead that nobody is. Raise RuleError before there is a source whose seller could sign."""
    source = Source.objects.select_related("seller").first()
    if source is None:
        raise RuleError("NO_SOURCE", _("There is no source yet whose seller could sign it."))
    return Lead(source=source, first_name="Jordan", organisation="Example Practice")


def invented_visit() -> Appointment:
    """A visit that nobody booked, at a clinic of ours where there is one."""
    clinic = Clinic.objects.order_by("pk").first() or Clinic(name=_("Our clinic"), timezone="America/Chicago")
    return Appointment(clinic=clinic, date=BEGINS.date(), starts_at=BEGINS)


def send_test(wording: Wording, *, to: str, key: str) -> None:
    """Mail the words, for an invented lead, to the person who asks. A text comes by mail too, with its segments.

    Raise RuleError when there is no address to send to or it did not leave. No lead is contacted by it.
    """
    if not to:
        raise RuleError("NO_MAILBOX", _("Your user has no e-mail address. Ask an administrator to add it."))
    words = show(wording)
    size = _(" (%(n)d segments)") % {"n": rendering.segments(words.body)} if _is_text(wording) else ""
    subject = _("TEST: %(what)s%(size)s") % {"what": words.subject or wording.template.name, "size": size}
    sender = invented().source.seller.name
    parcel = Parcel(key=key, to=to, subject=subject, body=words.body, sender=sender or settings.DEFAULT_FROM_EMAIL)
    try:
        outbox.channel_for(Medium.EMAIL).send(parcel)
    except (NotSent, Uncertain) as reason:
        raise RuleError("NOT_SENT", _("It did not leave: %(why)s") % {"why": reason}) from reason


def _is_text(wording: Wording) -> bool:
    return wording.template.medium == Medium.SMS
