"""How do the words of an emergency change, and who has looked at them?"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads import emergencies
from leads.models import EmergencyPhrase


@transaction.atomic
def keep_phrase(phrase: EmergencyPhrase) -> EmergencyPhrase:
    """Save a phrase that was added, switched on or off. It is heard at once, and waits to be reviewed as it is now."""
    phrase.reviewed_at = phrase.reviewed_by = None
    phrase.save()
    emergencies.forget_kept()
    return phrase


def review(keys: Collection[int], *, by: AbstractBaseUser, at: datetime) -> int:
    """Note that somebody looked at these phrases as they stand; return how many they are."""
    return EmergencyPhrase.objects.filter(pk__in=keys).update(reviewed_by=by, reviewed_at=at)
