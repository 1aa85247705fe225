"""Which words are said to this lead, and what is asked first? In the lead's language, or else in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads.models import Disposition, Lead
from leads.outcomes import MOVES_ON, CallReport
from leads.vocabulary import NoteFact
from medcrm.lib.errors import InvalidFields
from routing.models import Handoff, Script, ScriptText

FALLBACK_SCRIPT, EMERGENCY = "qualification", "emergency"
AGREED, DECLINED = "yes", "no"
ANSWERS = [(AGREED, gettext_lazy("Yes, they agree")), (DECLINED, gettext_lazy("No"))]


def script_for(lead: Lead, handed_over: str | None) -> str:
    """The script that came with the handoff; a sensitive service has its documented one before that too [R26]."""
    if handed_over:
        return handed_over
    training = next(iter(lead.trainings), "")
    documented = Script.objects.filter(is_active=True, requires_consent_step=True, required_training=training)
    return (training and documented.order_by("pk").values_list("pk", flat=True).first()) or FALLBACK_SCRIPT


def texts(lead: Lead, chosen: str) -> Mapping[str, ScriptText]:
    """Script → its words, for the script that routing chose, the one for everybody else, and the emergency's."""
    rows = ScriptText.objects.filter(script__in=[chosen, FALLBACK_SCRIPT, EMERGENCY]).select_related("script")
    found: dict[str, ScriptText] = {}
    for text in rows:
        language = "en" if text.script_id == EMERGENCY else lead.language  # the caller reads it, not the lead
        if text.language == language or (text.language == "en" and text.script_id not in found):
            found[text.script_id] = text
    return found


def first_words(told: ScriptText | None) -> str:
    """What must be asked before anything else, word for word; blank where the script asks for nothing first [R26]."""
    return told.consent_step if told and told.script.requires_consent_step else ""


def first_words_to(lead: Lead) -> str:
    """The same for a lead whose page is not at hand."""
    handed_over = Handoff.objects.open().filter(lead=lead).values_list("script", flat=True).first()
    chosen = script_for(lead, handed_over)
    found = texts(lead, chosen)
    return first_words(found.get(chosen) or found.get(FALLBACK_SCRIPT))


def with_consent_step(lead: Lead, report: CallReport, answer: str) -> CallReport:
    """The report with what was answered to the consent step, where the script demands one [R26].

    Who was not reached was not asked, and whoever wants no more contact is heard without it. Raise InvalidFields when
    the answer is missing, or was no and the lead would move on all the same.
    """
    disposition = Disposition.objects.filter(pk=report.disposition).first()
    if disposition is None or not first_words_to(lead):
        return report
    is_asked = disposition.reaches_right_party and disposition.group != Disposition.Group.COMPLIANCE
    if is_asked and answer not in (AGREED, DECLINED):
        raise InvalidFields({"consent_step": [_("Ask this first, word for word, and record what they answered.")]})
    if answer == DECLINED and (report.outcome or disposition.suggested_outcome) in MOVES_ON:
        told = _("They did not agree to talk about it, so the lead cannot move on. Choose another result.")
        raise InvalidFields({"consent_step": [told]})
    return replace(report, facts={**report.facts, NoteFact.CONSENT_STEP: answer}) if answer else report
