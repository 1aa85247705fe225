"""Which provider carries a medium here? Another provider is one file with a `Channel` and one line in the settings."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from nurture.channels.base import Attachment, Channel, Consent, NotSent, Parcel, Receipt, Uncertain
from nurture.channels.sandbox import Sandbox

__all__ = ["Attachment", "Channel", "Consent", "NotSent", "Parcel", "Receipt", "Uncertain", "channel_for", "rehearsal"]


@cache
def _configured(path: str) -> Channel:
    return import_string(path)()


def channel_for(medium: str) -> Channel:
    """The provider that the settings name for a medium."""
    return _configured(settings.NURTURE_CHANNELS[medium])


def rehearsal(medium: str) -> Channel:
    """The sandbox, whatever the settings say: for worked cases and simulations."""
    return Sandbox()
