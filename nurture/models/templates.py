"""What is said: a template per occasion and channel, and its wordings by language and version."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.vocabulary import Purpose
from medcrm.lib.models import Coded, VersionedSet
from nurture import rendering
from nurture.vocabulary import Medium

PURPOSES = [(p.value, p.label) for p in (Purpose.MARKETING, Purpose.INFORMATIONAL)]


@pghistory.track()
class Template(Coded):
    """One thing we say on one channel; a step names the template, dispatch takes the lead's language."""

    medium = models.CharField(max_length=5, choices=Medium.choices)
    purpose = models.CharField(
        max_length=20,
        choices=PURPOSES,
        default=Purpose.MARKETING,
        help_text=_("Informational only where it answers what the person asked for, e.g. which documents to bring."),
    )

    tells_health = models.BooleanField(
        default=False,
        help_text=_("May name the service or other health detail; goes only to who accepted that [H10, H11]."),
    )

    class Meta(Coded.Meta):
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        constraints = [
            models.CheckConstraint(name="template_medium_known", condition=Q(medium__in=Medium.values)),
            models.CheckConstraint(name="template_purpose_known", condition=Q(purpose__in=[p for p, _l in PURPOSES])),
        ]


@pghistory.track()
class Wording(VersionedSet):
    """The words of a template in one language. Edited as a draft, frozen once published; a change is a new version."""

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="wordings")
    language = models.CharField(max_length=8, default="en")
    subject = models.CharField(max_length=120, blank=True, help_text=_("E-mail only, e.g. “Your first visit”."))
    body = models.TextField(
        help_text=_('Plain text. Fields like {{ first_name|default:"there" }}; texts end with how to stop.')
    )

    PARTS = ()

    class Meta:
        ordering = ["template", "language", "-version"]
        constraints = [
            models.UniqueConstraint(name="one_wording_version", fields=["template", "language", "version"]),
            models.UniqueConstraint(
                name="one_published_wording", fields=["template", "language"], condition=VersionedSet.PUBLISHED
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="published_words_are_frozen",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status__df="draft")
                & (
                    pgtrigger.Q(old__body__df=pgtrigger.F("new__body"))
                    | pgtrigger.Q(old__subject__df=pgtrigger.F("new__subject"))
                    | pgtrigger.Q(old__language__df=pgtrigger.F("new__language"))
                    | pgtrigger.Q(old__template__df=pgtrigger.F("new__template"))
                    | pgtrigger.Q(old__version__df=pgtrigger.F("new__version"))
                    | pgtrigger.Q(new__status="draft")
                ),
            ),
            pgtrigger.Protect(
                name="published_words_are_kept",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status__df="draft"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template.name} ({self.language}) v{self.version}"

    def problems(self) -> list[str]:
        """What is wrong with the words, as sentences; empty when they may be published."""
        about = {"medium": self.template.medium, "allows_clinical": self.template.tells_health}
        return rendering.problems(self.subject, self.body, **about)

    def clean(self) -> None:
        """Say everything that is wrong with the words before they are saved."""
        super().clean()
        if self.template_id and (found := self.problems()):
            raise ValidationError({"body": found})
