"""Where does a lead stand on the road, and why? The steps from capture to owner, each with its badge and its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from leads import contact
from leads.contact import Way
from leads.lifecycle import OPEN, Stage
from leads.models import Inquiry, Lead, MissingItem, Qualification, Trigger
from leads.vocabulary import Check, Decision, NextStep, Pending
from medcrm.lib.badges import badge, field_badge

CHANNELS = {"voice": ("call", _lazy("Call")), "sms": ("sms", _lazy("Text")), "email": ("mail", _lazy("E-mail"))}

ALLOW, HOLD, NOT_KNOWN = "allow", "hold", "unknown"


@dataclass(frozen=True)
class Step:
    """One step: `state` is done, here, blocked or ahead."""

    title: str
    state: str
    badge: SafeString | None
    reasons: Sequence[object] = ()


@dataclass(frozen=True)
class Contact:
    """Whether one channel may be used now, and why."""

    channel: str
    icon: str
    name: object
    kind: str
    badge: SafeString
    sentence: str
    code: str = ""
    is_reply: bool = False
    informs: str = ""  # what a call may be about where only one that sells nothing is allowed

    @property
    def is_allowed(self) -> bool:
        return self.kind == ALLOW


def contacts_of(leads: Sequence[Lead], *, at: datetime) -> dict[int, list[Contact]]:
    """Lead → permission per channel as the gate would decide now: advice for the reader, the law is the reservation."""
    return {pk: [contact_in_words(way) for way in ways] for pk, ways in contact.ways_of(leads, at=at).items()}


def contact_in_words(way: Way) -> Contact:
    icon, name = CHANNELS[way.channel]
    decision = way.decision
    if decision is None:
        what = _("No e-mail address is known.") if way.channel == "email" else _("No phone number is known.")
        return Contact(way.channel, icon, name, NOT_KNOWN, badge("unknown", _("not known"), symbol="remove"), what)
    labels = {"allow": _("allowed"), "deny": _("blocked"), "hold": _("not now")}
    look = badge(decision.kind, labels.get(decision.kind, decision.kind))
    sentence = decision.sentence
    if decision.kind == HOLD and decision.next_allowed_at is not None:
        sentence = _("%(why)s Again from %(when)s.") % {"why": sentence, "when": _when(decision.next_allowed_at)}
    if decision.allowed and way.is_reply:
        sentence = _("You may answer their message. Do not sell in the answer.")
    informs = _informs(way.about) if way.may_only_inform else ""
    return Contact(way.channel, icon, name, decision.kind, look, sentence, decision.code, way.is_reply, informs)


def _informs(about: Pending | None) -> str:
    if about == Pending.VISIT:
        return _("A call only about the booked visit is allowed. Do not sell on it.")
    return _("A call only about what they asked us is allowed. Do not sell on it.")


def steps_of(
    lead: Lead,
    *,
    cycle: Qualification | None,
    first: Inquiry | None,
    contacts: Sequence[Contact],
    missing: Sequence[MissingItem],
    triggers: Sequence[Trigger],
    outreach: Sequence[SafeString],
) -> list[Step]:
    """The road of one lead, from what the page has already read."""
    steps = [_captured(lead, first), _contactable(contacts)]
    steps += [_checked(lead, cycle, check) for check in Check]
    steps += [_decided(lead, cycle, triggers), _next(lead, missing), _owned(lead, outreach)]
    return steps


def _captured(lead: Lead, first: Inquiry | None) -> Step:
    said = [str(lead.source), _when(lead.created_at)]
    if first and first.is_repeat:
        said.append(_("Came back: a repeat inquiry."))
    return Step(_("Captured"), "done", badge("accepted", lead.source.get_kind_display(), symbol="inbox"), said)


def _contactable(contacts: Sequence[Contact]) -> Step:
    allowed = [str(each.name) for each in contacts if each.is_allowed]
    if allowed:
        others = [f"{each.name}: {each.sentence}" for each in contacts if not each.is_allowed]
        return Step(_("Contactable"), "done", badge("allow", ", ".join(allowed)), others)
    held = [each for each in contacts if each.kind == HOLD]
    code, label = ("hold", _("not now")) if held else ("deny", _("no channel"))
    reasons = [f"{each.name}: {each.sentence}" for each in (held or contacts)][:2]
    return Step(_("Contactable"), "blocked", badge(code, label), reasons)


def _checked(lead: Lead, cycle: Qualification | None, check: Check) -> Step:
    verdict = getattr(lead, f"{check}_check")
    reasons = [reason["sentence"] for reason in (cycle.explanation.get(check, []) if cycle else [])]
    state = {"pass": "done", "fail": "blocked"}.get(verdict, "ahead")
    return Step(str(check.label), state, field_badge(lead, f"{check}_check"), reasons)


def _decided(lead: Lead, cycle: Qualification | None, triggers: Sequence[Trigger]) -> Step:
    if not lead.decision:
        return Step(_("Decision"), "ahead", badge("unknown", _("not yet")), [_("The checks have not run yet.")])
    reasons: list[object] = [reason for reason in (lead.hold_reason, lead.stop_reason) if reason]
    if cycle and cycle.decided_by:
        who = cycle.decided_by.get_full_name() or cycle.decided_by.get_username()
        reasons.append(_("Decided by %(who)s.") % {"who": who})
    elif cycle and cycle.rule:
        reasons.append(_("Rule: %(name)s.") % {"name": cycle.rule.name})
    if cycle and cycle.override_reason:
        reasons.append(_("Against the checks: %(why)s") % {"why": cycle.override_reason})
    named = [(str(each.kind).lower(), each.due_at) for each in triggers]
    waking = [f"{kind} {_when(due)}" if due else kind for kind, due in named]
    if waking and lead.decision in (Decision.HOLD, Decision.STOP):
        reasons.append(_("Wakes on: %(what)s.") % {"what": ", ".join(waking)})
    state = {Decision.FORWARD: "done", Decision.STOP: "blocked"}.get(Decision(lead.decision), "here")
    return Step(_("Decision"), state, field_badge(lead, "decision"), reasons)


def _next(lead: Lead, missing: Sequence[MissingItem]) -> Step:
    reasons: list[object] = [lead.next_action] if lead.next_action else []
    if lead.next_action_due_at:
        reasons.append(_("Due %(when)s.") % {"when": _when(lead.next_action_due_at)})
    if missing:
        reasons.append(_("Missing: %(what)s.") % {"what": ", ".join(str(item.kind) for item in missing).lower()})
    if lead.hold_reason and lead.next_step in ("", NextStep.NONE):
        return Step(_("Next step"), "ahead", badge("hold", _("waits")), [str(lead.hold_reason), *reasons])
    if not lead.next_step or lead.next_step == NextStep.NONE:
        return Step(_("Next step"), "ahead", badge("none", _("none"), symbol="remove"), reasons)
    state = "here" if lead.stage in OPEN else "done"
    return Step(_("Next step"), state, badge("open", lead.get_next_step_display(), symbol="flag"), reasons)


def _owned(lead: Lead, outreach: Sequence[SafeString]) -> Step:
    title = _("Current owner")
    if lead.owner:
        who = lead.owner.get_full_name() or lead.owner.get_username()
        return Step(title, "here", badge("active", who, symbol="person"), [team_label(lead.team), *outreach])
    if lead.team and lead.next_action_due_at is None:
        answers = _("%(team)s answers when they get in touch. Nothing is owed until then.") % {
            "team": team_label(lead.team)
        }
        return Step(title, "here", badge("active", team_label(lead.team), symbol="groups"), [answers, *outreach])
    if lead.team:
        queue = badge("hold", _("team queue"), symbol="groups")
        return Step(title, "here", queue, [team_label(lead.team), _("Not taken yet."), *outreach])
    if outreach:
        return Step(title, "here", badge("nurturing", _("sequence")), outreach)
    if lead.stage in (Stage.CONVERTED, Stage.STOPPED, Stage.LOST):
        return Step(title, "done", field_badge(lead, "stage"), [])
    return Step(title, "ahead", badge("unknown", _("nobody yet"), symbol="person_off"), [])


def team_label(code: str) -> str:
    return code.replace("_", " ").capitalize()


def local_time(lead: Lead, *, at: datetime) -> datetime | None:
    """What the clock on the lead's wall says, without a zone: a template would turn it into the reader's time.

    None where the lead's place is unknown.
    """
    return at.astimezone(ZoneInfo(lead.timezone)).replace(tzinfo=None) if lead.timezone else None


def _when(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "M j, g:i A")
