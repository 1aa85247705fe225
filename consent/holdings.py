"""What the consent room holds about a person. The address and its events' values are erased by `consent.erasure`."""

from __future__ import annotations

from django.db.models import JSONField
from django.db.models.expressions import RawSQL

from medcrm.lib.personal import Harmless, Holding, declare

# The decision stays as it was made; only where the person lives leaves it.
WITHOUT_ZIP = RawSQL("basis #- '{request,place,zip}'", (), output_field=JSONField())

declare(
    Holding(
        "consent.attempt",
        {"basis": WITHOUT_ZIP, "error": ""},
        address="address",
        guards=("consent.Attempt:decision_frozen",),
        kept="address subject code sentence rules_version content_sha256 automation outcome provider_id",
        why="Proof of who was contacted with which permission: codes, versions and hashes.",
    ),
    Harmless(
        ["consent.address", "consent.eventvalue"],
        "Erased by consent.erasure: the value goes, the keyed hash stays so that a suppression outlives the data.",
    ),
    Harmless(
        ["consent.consentevent", "consent.permission", "consent.checkpoint", "consent.checkpointhead"],
        "The chain: codes, hashes and the salted commitment of the values that were erased.",
    ),
    Harmless(["consent.listentry"], "Suppression lists of others, kept so that nobody on them is called."),
    Harmless(
        """consent.seller consent.sellerevent consent.callingrule consent.callingruleevent
        consent.policysetting
        consent.policysettingevent consent.emergency consent.emergencyevent consent.listsnapshot consent.disclosure
        consent.verification""".split(),
        "Our own entities, texts, rules and runs.",
    ),
    Harmless(["consent.exportlog"], "Who took evidence out and why; staff write a case number, not a name."),
)
