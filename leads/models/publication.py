"""When did which version of the rules come into force, what did it change, and how far has it reached the leads?"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.models.qualification import Checklist
from leads.models.rules import NextStepSet, ScoringModel
from medcrm.lib.models import VersionedSet
from medcrm.lib.moments import said

KINDS = ("scoring_model", "next_step_set", "checklist")


def _only(kind: str) -> Q:
    return Q(**{f"{other}__isnull": other != kind for other in KINDS})


class Carried(models.Model):
    """One coming into force of a version, by publishing it or by going back to it, carried to leads in batches."""

    at = models.DateTimeField(_("in force from"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    # How far it has come: leads in the order of their keys, up to the last there was.
    total = models.PositiveIntegerField(_("leads"), default=0)
    done = models.PositiveIntegerField(_("looked at"), default=0)
    woken = models.PositiveIntegerField(_("woken"), default=0, help_text=_("Leads that walk the road again for it."))
    position = models.BigIntegerField(default=0)
    last = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    is_cut_short = models.BooleanField(
        _("cut short"), default=False, help_text=_("Another version came into force before it had reached every lead.")
    )

    MOVES: ClassVar[tuple[str, ...]] = ("position", "done", "woken", "finished_at")
    """What a batch changes."""

    class Meta:
        abstract = True
        ordering = ["-pk"]


class Publication(Carried):
    """Scoring, next steps or a checklist on the way to the leads, with what the preview said."""

    scoring_model = models.ForeignKey(
        ScoringModel, null=True, blank=True, on_delete=models.PROTECT, related_name="publications"
    )
    next_step_set = models.ForeignKey(
        NextStepSet, null=True, blank=True, on_delete=models.PROTECT, related_name="publications"
    )
    checklist = models.ForeignKey(
        Checklist, null=True, blank=True, on_delete=models.PROTECT, related_name="publications"
    )
    is_return = models.BooleanField(_("went back"), default=False, help_text=_("To a version that had been in force."))
    effect = models.JSONField(default=dict, blank=True, help_text=_("What the preview said at that moment."))
    changed = models.PositiveIntegerField(_("written"), default=0, help_text=_("Leads whose score was written anew."))

    MOVES = (*Carried.MOVES, "changed")

    class Meta(Carried.Meta):
        indexes = [
            # read by leads.services.rollout
            models.Index(name="publication_under_way", fields=["id"], condition=Q(finished_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                name="publication_of_one_version",
                condition=_only("scoring_model") | _only("next_step_set") | _only("checklist"),
            ),
            models.CheckConstraint(
                name="publication_cut_short_is_finished", condition=Q(is_cut_short=False) | Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_set} · {said(self.at)}"

    @property
    def kind(self) -> str:
        """The name of the field that holds the version."""
        return next(kind for kind in KINDS if getattr(self, f"{kind}_id"))

    @property
    def version_set(self) -> VersionedSet:
        """The version that came into force."""
        return getattr(self, self.kind)
