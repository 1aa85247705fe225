"""What the privacy room itself keeps: numbers, codes and the pseudonyms of leads."""

from __future__ import annotations

from medcrm.lib.personal import Harmless, declare

declare(
    Harmless(
        [
            "privacy.erasure",
            "privacy.hold",
            "privacy.retentionrule",
            "privacy.retentionruleevent",
            "privacy.retentionrun",
        ],
        "Requests, holds and runs with public ids and counts; staff write case numbers, not names.",
    )
)
