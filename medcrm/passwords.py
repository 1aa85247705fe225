"""Is a long password still an easy guess? The part of the blocklist that no list of common passwords holds."""

from __future__ import annotations

import re

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

FEWEST_CHARACTERS = 6
RUNS = ("abcdefghijklmnopqrstuvwxyz" * 2, "01234567890" * 3, "qwertyuiop" * 3, "asdfghjkl" * 3)
OURS = ("medcrm", "clinic", "medical", "password", "welcome", "admin")


class NotGuessable:
    """Refuse repetitions, keyboard rows, and common words of a person or this service [SP 800-63B-4 §3.1.1.2]."""

    @cached_property
    def common(self) -> set[str]:
        return {word for word in CommonPasswordValidator().passwords if len(word) > 3}

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        plain = password.lower()
        own = [name for name in (user.get_username().lower() if user else "",) if len(name) > 3]
        if len(set(plain)) < FEWEST_CHARACTERS or any(_is_in(plain, run) for run in RUNS):
            raise ValidationError(_("Repeated characters and keyboard rows are guessed first."), "repeated")
        rest = plain
        for word in (*OURS, *own):
            rest = rest.replace(word, "")
        rest = re.sub(r"[\W\d_]+", "", rest)
        if len(rest) < FEWEST_CHARACTERS or rest in self.common:
            raise ValidationError(_("Your name, this service's and common passwords are guessed first."), "words")

    def get_help_text(self) -> str:
        return _("Any characters count, spaces too: four or more unrelated words are easy to keep and hard to guess.")


def _is_in(password: str, run: str) -> bool:
    return password in run or password[::-1] in run
