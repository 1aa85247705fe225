"""What was said and done, as facts: noted once, corrected by an addendum, never rewritten [R48]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads.models import Interaction, Lead
from leads.vocabulary import Direction, InteractionKind, NoteFact
from medcrm.lib.errors import InvalidFields, RuleError

FACT_LIMIT = 500  # a sentence or two each; a story belongs in the text


def check_facts(facts: Mapping[str, object]) -> dict[str, str]:
    """The facts of a note that say something, in their fixed order. Raise InvalidFields for a part that is not one."""
    errors: dict[str, list[str]] = {}
    for name, value in facts.items():
        if name not in NoteFact.values:
            known = ", ".join(NoteFact.values)
            errors[name] = [_("A note has no part “%(name)s”; known are: %(known)s.") % {"name": name, "known": known}]
        elif not isinstance(value, str) or len(value) > FACT_LIMIT:
            errors[name] = [_("Write this part in at most %(limit)s characters.") % {"limit": FACT_LIMIT}]
    if errors:
        raise InvalidFields(errors)
    said = {name: str(facts[name]).strip() for name in NoteFact.values if name in facts}
    return {name: value for name, value in said.items() if value}


@transaction.atomic
def add_note(
    lead_id: int, facts: Mapping[str, object], *, by: AbstractBaseUser, at: datetime, text: str = ""
) -> Interaction:
    """Put a note of structured facts on the timeline. Raise RuleError when it says nothing."""
    said = check_facts(facts)
    if not said and not text.strip():
        raise RuleError("EMPTY_NOTE", _("Fill in at least one part of the note."), field=NoteFact.REQUESTED)
    lead = Lead.objects.get(pk=lead_id)
    return _write(lead, said, text, by=by, at=at)


@transaction.atomic
def add_addendum(interaction_id: int, text: str, *, by: AbstractBaseUser, at: datetime) -> Interaction:
    """Correct a timeline entry: the entry stays as it is, the correction stands beside it with its own author."""
    entry = Interaction.objects.select_related("lead").get(pk=interaction_id)
    if not text.strip():
        raise RuleError("EMPTY_ADDENDUM", _("Say what is to be corrected."), field="text")
    first = entry.addendum_to or entry
    return _write(entry.lead, {}, text, by=by, at=at, addendum_to=first)


def _write(
    lead: Lead,
    facts: Mapping[str, str],
    text: str,
    *,
    by: AbstractBaseUser,
    at: datetime,
    addendum_to: Interaction | None = None,
) -> Interaction:
    return Interaction.objects.create(
        lead=lead,
        kind=InteractionKind.NOTE,
        direction=Direction.INTERNAL,
        at=at,
        by=by,
        text=text.strip(),
        facts=dict(facts),
        addendum_to=addendum_to,
    )
