"""What the nurture room holds about a person: the words that went out and the notes on why they did not."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medcrm.lib.personal import Harmless, Holding, Retained, declare

WORDS = {"subject": "", "body": "", "error": ""}

declare(
    Holding(
        "nurture.message",
        WORDS,
        lead="enrollment__lead",
        address="attempt__address",
        kept="content_sha256 provider provider_id",
        why="What was sent stays known by its hash.",
    ),
    Holding("nurture.enrollment", {"exit_note": ""}, lead="lead"),
    Holding(
        "nurture.enrollmentevent",
        {"exit_note": ""},
        lead="lead",
        guards=("nurture.EnrollmentEvent:append_only",),
        kept="pgh_label",
    ),
    Holding("nurture.skip", {"sentence": ""}, lead="enrollment__lead", kept="code"),
    Holding("nurture.visitnotice", {"why": ""}, lead="lead", kept="code"),
    Holding("nurture.calltask", {"text": ""}, lead="lead", kept="lapsed_code"),
    Holding("nurture.providerevent", {}, address="address", kept="provider key kind address", why="A provider's ids."),
    Holding("nurture.carriernotice", {"error": ""}, address="address", kept="address"),
    Holding("nurture.mutedtopic", {}, address="address", kept="address topic", why="A wish outlives the data."),
    Harmless(
        """nurture.template nurture.templateevent nurture.wording nurture.wordingevent nurture.sequence
        nurture.sequenceevent nurture.step nurture.stepevent nurture.frequencycap nurture.frequencycapevent
        nurture.acknowledgedsource nurture.acknowledgedsourceevent nurture.visitreminder
        nurture.visitreminderevent""".split(),
        "Words and rules that staff write, with names left open.",
    ),
    Retained(
        "message_words",
        _("Words of messages that ended"),
        "nurture.message",
        "reserved_at",
        emptied=WORDS,
        condition=~Q(state="reserved") & ~Q(body=""),
        lead="enrollment__lead",
        source="The template version and the hash of the words stay.",
    ),
    Retained(
        "provider_events",
        _("Events of providers"),
        "nurture.providerevent",
        "received_at",
        lead="message__enrollment__lead",
    ),
)
