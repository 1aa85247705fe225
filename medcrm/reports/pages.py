"""Which reports are there, and which question does each answer?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import RuleReview
from medcrm.reports import outreach, people, reviewing, rules, work
from medcrm.reports.ask import USUAL_DAYS, Ask
from medcrm.reports.table import Section


@dataclass(frozen=True)
class Page:
    """One report; `has_by` says that its first table can be cut by any dimension, `usual` how many days it shows.

    `kept` finds the review that a page shows instead of counting; its period is that of the review.
    """

    title: Promise
    question: Promise
    make: Callable[[Ask], list[Section]]
    has_by: bool = False
    usual: int = USUAL_DAYS
    kept: Callable[[], RuleReview | None] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it shows what was found earlier, if anything was; a template would call `kept` itself."""
        return self.kept is not None


PAGES: Mapping[str, Page] = {
    "funnel": Page(_("Funnel"), _("How far do leads get, and where are they lost?"), people.funnel, True),
    "speed": Page(
        _("Speed"),
        _("How fast are people called, reached and booked?"),
        lambda a: people.speed(a) + work.goals(a),
        True,
    ),
    "effort": Page(_("Effort"), _("How many tries does it take, and when do people answer?"), people.effort, True),
    "reasons": Page(_("Stops and holds"), _("Why do leads end, and what do they wait for?"), people.reasons),
    "outcome": Page(_("Accuracy"), _("How well did score, checks and overrides predict the result?"), people.outcome),
    "handoffs": Page(_("Handoffs"), _("How fast are handoffs accepted, and which come back?"), work.handoffs),
    "capacity": Page(
        _("Capacity"), _("Which services are slow to book, and what are leads waiting for?"), work.capacity
    ),
    "nurture": Page(_("Sequences"), _("Whom did sequences bring back, and what was not sent?"), outreach.nurture),
    "permission": Page(_("Permission"), _("Was anybody contacted without permission?"), outreach.permission),
    "data": Page(
        _("Data"),
        _("What is missing, and what is not counted?"),
        lambda a: people.data_quality(a) + [outreach.inquiries(a)],
    ),
    "rules": Page(
        _("Rules"),
        _("Which rules, thresholds and sources do the figures contradict?"),
        rules.rules,
        usual=reviewing.USUAL_DAYS,
        kept=reviewing.latest,
    ),
}
