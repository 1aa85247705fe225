"""What the consent room keeps: addresses, what was shown, what was said, the rules, and every attempt at contact."""

from consent.models.addresses import Address, Seller
from consent.models.attempts import Attempt
from consent.models.book import CallingRule, Emergency, ListEntry, ListSnapshot, PolicySetting
from consent.models.ledger import ConsentEvent, Disclosure, EventValue, Permission
from consent.models.proof import Checkpoint, CheckpointHead, ExportLog, Verification

__all__ = [
    "Address",
    "Attempt",
    "CallingRule",
    "Checkpoint",
    "CheckpointHead",
    "ConsentEvent",
    "Disclosure",
    "Emergency",
    "EventValue",
    "ExportLog",
    "ListEntry",
    "ListSnapshot",
    "Permission",
    "PolicySetting",
    "Seller",
    "Verification",
]
