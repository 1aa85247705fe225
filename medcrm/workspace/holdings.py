"""What the caller's workspace holds about a person: what was typed on a call and not yet recorded."""

from __future__ import annotations

from medcrm.lib.personal import Harmless, Holding, declare

declare(
    Holding("workspace.draft", {}, lead="lead", deletes=True),
    Harmless(["workspace.savedview"], "Filters that a member of staff saved, without words of a search."),
)
