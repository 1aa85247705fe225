"""Which heads did all chains have, sworn to by a key outside the database? Seals, exports and checks checkpoints.

Each checkpoint names the heads that moved since the one before and hashes that one's digest in, so together they
cover every chain. Kept elsewhere, they show a replaced tail or a dropped chain [contact_rules 14(c)].
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from consent.models import Checkpoint, CheckpointHead, ExportLog
from consent.vocabulary import ExportKind

SEAL_BATCH = 50_000  # heads per checkpoint: some megabytes as a file
SEAL_LOCK = 0x5EA1  # advisory: one sealer at a time

# Chains that are being written at this moment are left for the next checkpoint.
SEAL = """
WITH due AS (
  SELECT id, sealed_seq FROM consent_address WHERE head_seq > sealed_seq
  ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE consent_address a SET sealed_seq = a.head_seq FROM due WHERE a.id = due.id
RETURNING a.keyed_hash, a.head_seq, a.head_hash, a.head_seq - due.sealed_seq
"""

Head = tuple[str, int, str]


@transaction.atomic
def seal(*, at: datetime) -> Checkpoint | None:
    """Write a signed checkpoint over the heads that moved; None if none did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        cursor.execute(SEAL, [SEAL_BATCH])
        moved = sorted(cursor.fetchall())
    if not moved:
        return None
    last = Checkpoint.objects.order_by("-pk").first()
    heads = [(name, seq, hash_) for name, seq, hash_, _new in moved]
    made = Checkpoint(
        taken_at=at,
        heads_count=len(heads),
        events_count=(last.events_count if last else 0) + sum(new for *_head, new in moved),
        prev_digest=last.digest if last else "",
    )
    made.digest = digest(made.prev_digest, heads)
    made.signature = sign(made)
    made.save(force_insert=True)
    CheckpointHead.objects.bulk_create(
        [CheckpointHead(checkpoint=made, keyed_hash=name, seq=seq, hash=hash_) for name, seq, hash_ in heads],
        batch_size=5000,
    )
    return made


def seal_all(*, at: datetime) -> list[Checkpoint]:
    """Seal until nothing is left."""
    made = []
    while checkpoint := seal(at=at):
        made.append(checkpoint)
    return made


def digest(prev_digest: str, heads: Iterable[Head]) -> str:
    """Hash the digest before and every head, one per line, ordered by the chain's name."""
    lines = "".join(f"{name} {seq} {hash_}\n" for name, seq, hash_ in heads)
    return hashlib.sha256(f"{prev_digest}\n{lines}".encode()).hexdigest()


def sign(checkpoint: Checkpoint) -> str:
    """Return the HMAC of what a checkpoint says; the key is in the environment, not in the database."""
    said = "|".join(
        [
            checkpoint.taken_at.astimezone(UTC).isoformat(),
            str(checkpoint.heads_count),
            str(checkpoint.events_count),
            checkpoint.prev_digest,
            checkpoint.digest,
        ]
    )
    return hmac.new(settings.EVIDENCE_KEY.encode(), said.encode(), hashlib.sha256).hexdigest()


def export(checkpoint: Checkpoint, *, keyed_hash: str = "") -> dict[str, Any]:
    """Return the checkpoint with its heads as plain data, to be kept off the host; or with the head of one chain."""
    heads = checkpoint.heads.order_by("keyed_hash").values_list("keyed_hash", "seq", "hash")
    if keyed_hash:
        heads = heads.filter(keyed_hash=keyed_hash)
    return {
        "number": checkpoint.pk,
        "taken_at": checkpoint.taken_at.astimezone(UTC).isoformat(),
        "heads_count": checkpoint.heads_count,
        "events_count": checkpoint.events_count,
        "prev_digest": checkpoint.prev_digest,
        "digest": checkpoint.digest,
        "signature": checkpoint.signature,
        "heads": [list(head) for head in heads],
    }


def take_out(checkpoint: Checkpoint, *, reason: str, at: datetime, by: AbstractBaseUser | None = None) -> bytes:
    """Return the checkpoint as the file that is kept elsewhere; who took it out and why is logged."""
    content = json.dumps(export(checkpoint), indent=1).encode()
    ExportLog.objects.create(
        at=at,
        by=by,
        kind=ExportKind.CHECKPOINT,
        as_of=checkpoint.taken_at,
        sha256=hashlib.sha256(content).hexdigest(),
        reason=reason[:200],
    )
    return content


def file_name(checkpoint: Checkpoint) -> str:
    return f"checkpoint-{checkpoint.pk:08}.json"


# Checking


def problems(checkpoint: Checkpoint, heads: Iterable[Head]) -> Iterator[str]:
    """Yield what does not hold in a checkpoint by itself."""
    if checkpoint.digest != digest(checkpoint.prev_digest, heads):
        yield "checkpoint_changed"
    if not hmac.compare_digest(sign(checkpoint), checkpoint.signature):
        yield "checkpoint_not_signed"


def imported(data: Mapping[str, Any]) -> tuple[Checkpoint, list[Head]]:
    """Rebuild a checkpoint from its exported form."""
    names = ("heads_count", "events_count", "prev_digest", "digest", "signature")
    checkpoint = Checkpoint(
        pk=data["number"], taken_at=datetime.fromisoformat(data["taken_at"]), **{name: data[name] for name in names}
    )
    return checkpoint, [(str(name), int(seq), str(hash_)) for name, seq, hash_ in data["heads"]]
