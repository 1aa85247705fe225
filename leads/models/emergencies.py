"""Which words speak of an emergency? Rows, so that who answers for it adds and retires them without a programmer."""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.wording import fold_text

LEAST_LETTERS = 4  # shorter words stand in nearly every message


def folded(words: str) -> str:
    """The words as a message is read: lower case, plain letters, no punctuation; * after a word is any ending."""
    parts = [(fold_text(word), "*" if word.endswith("*") else "") for word in words.split()]
    return " ".join(plain + ending for plain, ending in parts if plain)


@pghistory.track()
class EmergencyPhrase(models.Model):
    """Words of somebody who may need help at once, wherever they stand in a message [3.5]. They stay as they are: a
    phrase that is not wanted is switched off, another one added."""

    language = models.CharField(max_length=8, default="en", help_text=_("A code, e.g. en, es."))
    words = models.CharField(
        max_length=80, help_text=_("As people write it, e.g. “chest pain*”; * stands for any ending of the word.")
    )
    is_active = models.BooleanField(default=True, help_text=_("Untick it and the words count no more."))
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("emergency phrase")
        verbose_name_plural = _("emergency phrases")
        ordering = ["language", "words"]
        constraints = [
            models.UniqueConstraint(name="one_emergency_phrase", fields=["language", "words"]),
            models.CheckConstraint(
                name="emergency_phrase_reviewed_by_a_person",
                condition=Q(reviewed_at__isnull=True) | Q(reviewed_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.words

    def clean(self) -> None:
        self.words = folded(self.words)
        if len(self.words.replace("*", "").replace(" ", "")) < LEAST_LETTERS:
            raise ValidationError({"words": _("Write at least four letters: less would be found in many messages.")})
