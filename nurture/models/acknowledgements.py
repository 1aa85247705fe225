"""Who is told at once that an inquiry arrived: what each source answers, and each acknowledgement on its way."""

from __future__ import annotations

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models import Inquiry, Source
from medcrm.lib.models import refuse
from nurture.models.notices import IS_DUE, Notice
from nurture.vocabulary import AGAIN_AFTER_HOURS, NEVER_ACKNOWLEDGED


@pghistory.track()
class AcknowledgedSource(models.Model):
    """Whether who asks by a source is told at once that it arrived, and how soon again; without a row, the kind of the
    source decides."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, related_name="acknowledged")
    is_active = models.BooleanField(
        _("acknowledges"),
        default=True,
        help_text=_("Who asks by this source hears at once that it arrived, and when a person answers. Untick: never."),
    )
    again_after_hours = models.PositiveSmallIntegerField(
        default=AGAIN_AFTER_HOURS,
        db_default=AGAIN_AFTER_HOURS,
        validators=[MinValueValidator(1), MaxValueValidator(30 * 24)],
        help_text=_("Who asks again sooner, by whatever source, was told already."),
    )

    class Meta:
        verbose_name = _("acknowledgement")
        verbose_name_plural = _("acknowledgements")
        ordering = ["source__name"]

    def clean(self) -> None:
        """Who did not ask us themselves is not thanked for it."""
        is_nobodys = self.is_active and self.source_id is not None and self.source.kind in NEVER_ACKNOWLEDGED
        refuse([(is_nobodys, "is_active", _("Nobody asked us by this source: bought lists and imports get none."))])

    def __str__(self) -> str:
        return str(self.source)


class Acknowledgement(Notice):
    """What an inquiry is answered with at once, and what may be promised in it: one for each, due until it went out."""

    inquiry = models.OneToOneField(Inquiry, on_delete=models.CASCADE, related_name="acknowledgement")
    answer_by = models.DateTimeField(null=True, help_text=_("When a person owes the answer."))
    opens_at = models.DateTimeField(null=True, help_text=_("When the team opens; blank: it was open."))

    class Meta:
        indexes = [
            # read by nurture.acknowledging.claim_due
            models.Index(name="acknowledgement_due", fields=["due_at"], condition=IS_DUE)
        ]

    def __str__(self) -> str:
        return f"{self.inquiry}"
