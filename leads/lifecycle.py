"""Where may a lead go from where it is? One table drives services, admin buttons and the database trigger."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from medcrm.lib.errors import InvalidTransition


class Stage(TextChoices):
    NEW = "new", _("New")
    WORKING = "working", _("Working")
    FORWARDED = "forwarded", _("Forwarded")
    HELD = "held", _("Held")
    NURTURING = "nurturing", _("Nurturing")
    STOPPED = "stopped", _("Stopped")
    CONVERTED = "converted", _("Converted")
    LOST = "lost", _("Lost")


OPEN = (Stage.NEW, Stage.WORKING, Stage.FORWARDED, Stage.HELD, Stage.NURTURING)

_ON_THE_ROAD = {Stage.WORKING, Stage.FORWARDED, Stage.HELD, Stage.NURTURING, Stage.STOPPED}

TRANSITIONS: dict[Stage, set[Stage]] = {
    Stage.NEW: _ON_THE_ROAD | {Stage.LOST},
    Stage.WORKING: _ON_THE_ROAD | {Stage.CONVERTED, Stage.LOST},
    Stage.FORWARDED: _ON_THE_ROAD | {Stage.CONVERTED, Stage.LOST},
    Stage.HELD: _ON_THE_ROAD | {Stage.LOST},
    Stage.NURTURING: _ON_THE_ROAD | {Stage.LOST},
    # A closed lead re-opens on a trigger [R41]; it converts only by way of the road.
    Stage.STOPPED: _ON_THE_ROAD,
    Stage.CONVERTED: _ON_THE_ROAD,
    Stage.LOST: _ON_THE_ROAD,
}


def pairs() -> tuple[tuple[str, str], ...]:
    """All allowed moves, sorted, as the database trigger wants them."""
    return tuple(sorted((str(old), str(new)) for old, news in TRANSITIONS.items() for new in news if old != new))


def check(old: str, new: str) -> None:
    """Raise InvalidTransition unless `old` may become `new`; staying where one is is always allowed."""
    if old != new and new not in TRANSITIONS[Stage(old)]:
        raise InvalidTransition(Stage(old).label, Stage(new).label)
