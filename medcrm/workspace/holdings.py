"""What the caller's workspace holds about a person: what was typed on a call and not yet recorded."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from medcrm.lib.personal import Harmless, Holding, Retained, declare

declare(
    Holding("workspace.draft", {}, lead="lead", deletes=True),
    Harmless(["workspace.savedview"], "Filters that a member of staff saved, without words of a search."),
    Retained(
        "drafts",
        _("Drafts of calls that nobody went on with"),
        "workspace.draft",
        "saved_at",
        lead="lead",
        source="What was typed goes; that a call was reserved stays.",
    ),
)
