"""Everything the caller's page shows about one lead, read in a constant number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from leads import voicemail
from leads.admin import lead_page
from leads.admin.lead_page import LeadPage, ScorePart
from leads.models import Lead
from leads.services import checklist
from leads.services.checklist import Sheet
from leads.voicemail import Wish
from medcrm.workspace import drafts, my_work
from medcrm.workspace.drafts import Dial, Editor
from medcrm.workspace.models import Draft
from routing import saying, scripts
from routing.models import Clock, ScriptText
from routing.scripts import Piece

HANDOFF = "routing/handoff_panel.html"
REASONS_SHOWN = 3


@dataclass(frozen=True)
class Owed:
    """One thing owed to the lead now: when, what, and because of which promise."""

    clock: Clock
    due: object
    why: str


@dataclass(frozen=True)
class Workspace:
    lead: Lead
    at: datetime
    page: LeadPage
    owed: Sequence[Owed]
    score: str
    handoff: Mapping[str, object] | None
    script: Sequence[Piece]
    script_name: str
    consent_step: str
    emergency: Sequence[str]
    sheet: Sheet
    draft: Draft | None
    dial: Dial | None
    message: Wish
    editors: Sequence[Editor]


def read(lead: Lead, request: HttpRequest, *, at: datetime) -> Workspace:
    page = lead_page.read(lead, request, at=at)
    handoff = next((dict(panel.context) for panel, _html in page.top if panel.template == HANDOFF), None)
    chosen = saying.script_for(lead, handoff["handoff"].script_id if handoff else None)
    texts = saying.texts(lead, chosen)
    draft = drafts.of(lead.pk, request.user)
    told = texts.get(chosen) or texts.get(saying.FALLBACK_SCRIPT)
    return Workspace(
        lead=lead,
        at=at,
        page=page,
        owed=owed(lead, at=at),
        score=score_sentence(lead, page.score_parts),
        handoff=handoff,
        script=_filled(told, lead, request, page) if told else [],
        script_name=str(told.script) if told else "",
        consent_step=saying.first_words(told),
        sheet=checklist.sheet(lead, at=at),
        emergency=texts[saying.EMERGENCY].words.splitlines() if saying.EMERGENCY in texts else [],
        draft=draft,
        dial=drafts.dial(draft, lead, page.contacts, at=at),
        message=voicemail.wish_of(lead, at=at),
        editors=drafts.editors(lead.pk, request.user, at=at),
    )


def owed(lead: Lead, *, at: datetime) -> list[Owed]:
    """What is owed to the lead, the most pressing first."""
    clocks = my_work.worklist.in_order(Clock.objects.open().filter(lead=lead), at=at).select_related("team", "owner")
    found = []
    for clock in clocks:
        clock.lead = lead
        found.append(Owed(clock, my_work.clock_badge(clock, at=at), my_work.why(clock)))
    return found


def score_sentence(lead: Lead, parts: Sequence[ScorePart]) -> str:
    """Why it ranks where it does: the rules that gave most points, in their own words."""
    if lead.score is None:
        return ""
    rules = sorted((rule for part in parts for rule in part.rules), key=lambda rule: -rule.points)
    names = [rule.name for rule in rules[:REASONS_SHOWN] if rule.points > 0]
    return "; ".join(names) or _("no rule gave points yet")


def _filled(told: ScriptText, lead: Lead, request: HttpRequest, page: LeadPage) -> list[Piece]:
    documents = [str(item.kind) for item in page.missing if item.kind.document_id]
    days = scripts.open_days(lead, at=page.at) if "{times}" in told.words else []
    caller = request.user.get_full_name() or request.user.get_username()
    return scripts.fill(told.words, lead, caller=caller, documents=documents, times=days, language=told.language)
