"""Is all contact stopped for now? One policy, with who answers for it and why, that the gate asks before each contact.

A restore sets it, because what people withdrew since the backup is not in the ledger; compliance lifts it on its page.
"""

from __future__ import annotations

from consent.models import PolicySetting

STOPPED = "contact_stopped"


def stop_contact(*, owner: str, reason: str) -> PolicySetting:
    """Hold every contact back until somebody answers for going on."""
    values = {"value": True, "owner": owner, "reason": reason}
    return PolicySetting.objects.update_or_create(code=STOPPED, defaults=values)[0]


def is_stopped() -> bool:
    """Whether the policy holds all contact back at this moment; without its row it does not."""
    return PolicySetting.objects.filter(code=STOPPED, value=True).exists()
