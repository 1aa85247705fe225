"""Whoever tampers as a superuser with triggers disabled is found; without that, tampering is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from consent import checkpoints, erasure, gate, ledger, verify
from consent.models import Address, Checkpoint, ConsentEvent, Disclosure, EventValue, ListSnapshot, Verification
from tests.consent.conftest import make_address
from tests.consent.factories import ask, grant, say
from tests.consent.flush import without_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(phone: Address, mailbox: Address, disclosure: Disclosure, now: datetime) -> Address:
    """Four links on the number, two on the mailbox."""
    grant(phone, disclosure, now=now)
    for text in ("hello", "what is the price?", "STOP"):
        say(phone, text, now=now)
    grant(mailbox, disclosure, now=now)
    ledger.record(mailbox.pk, "inquiry", occurred_at=now, at=now)
    return phone


def tamper(sql: str, *params: object) -> None:
    """Do it, and sweep up the values of rows that are gone, as a careful forger would."""
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        cursor.execute("DELETE FROM consent_eventvalue WHERE event_id NOT IN (SELECT id FROM consent_consentevent)")


def first() -> verify.Break | None:
    return verify.verify().first


def test_an_untouched_ledger_is_whole(chain: Address) -> None:
    report = verify.verify()
    assert (report.chains, report.events, report.breaks) == (2, 6, ())


@pytest.mark.parametrize(
    ("sql", "problem", "seq"),
    [
        ("UPDATE consent_consentevent SET verdict = 'none' WHERE address_id = %s AND seq = 4", "changed", 4),
        ("UPDATE consent_consentevent SET occurred_at = occurred_at - interval '1 h' WHERE address_id = %s AND seq = 2",
         "changed", 2),
        ("DELETE FROM consent_consentevent WHERE address_id = %s AND seq = 3", "missing", 4),
        ("DELETE FROM consent_consentevent WHERE address_id = %s AND seq = 1", "missing", 2),
        ("DELETE FROM consent_consentevent WHERE address_id = %s AND seq = 4", "head", 3),
        ("DELETE FROM consent_consentevent WHERE address_id = %s", "head", 4),
        ("UPDATE consent_consentevent SET seq = CASE seq WHEN 2 THEN 13 ELSE 12 END "
         "WHERE address_id = %s AND seq IN (2, 3)", "missing", 4),
        ("UPDATE consent_address SET head_seq = 3 WHERE id = %s", "head", 4),
    ],
)  # fmt: skip
def test_change_deletion_and_reorder_are_found(chain: Address, sql: str, problem: str, seq: int) -> None:
    tamper(sql, chain.pk)
    found = first()
    assert found and (found.problem, found.address_id, found.seq) == (problem, chain.pk, seq)


def test_an_inserted_row_is_found(chain: Address) -> None:
    """Copied under a new number, without the trigger that links."""
    columns = [f.column for f in ConsentEvent._meta.fields if f.column not in ("id", "seq")]
    names = ", ".join(columns)
    tamper(
        f"INSERT INTO consent_consentevent (id, seq, {names}) "  # noqa: S608
        f"SELECT gen_random_uuid(), 5, {names} FROM consent_consentevent WHERE address_id = %s AND seq = 4",
        chain.pk,
    )
    found = first()
    assert found and (found.problem, found.seq) == ("changed", 5)


def test_truncate_is_found(chain: Address) -> None:
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE consent_consentevent, consent_eventvalue")
    assert {b.problem for b in verify.verify().breaks} == {"head"}


def test_changed_evidence_and_disclosure_are_found(chain: Address, disclosure: Disclosure) -> None:
    tamper("UPDATE consent_eventvalue SET body = replace(body, 'STOP', 'GO')")
    assert first().problem == "evidence"
    tamper("UPDATE consent_eventvalue SET body = replace(body, 'GO', 'STOP')")
    assert first() is None
    tamper("UPDATE consent_disclosure SET text = text || '.' WHERE id = %s", disclosure.pk)
    assert first().problem == "evidence"


def rewrite_tail(address: Address) -> None:
    """What the owner of the database could do: drop the STOP and link another message in its place."""
    tamper("DELETE FROM consent_consentevent WHERE address_id = %s AND seq = 4", address.pk)
    tamper("UPDATE consent_address SET head_seq = 3, head_hash = (SELECT hash FROM consent_consentevent "
           "WHERE address_id = %s AND seq = 3) WHERE id = %s", address.pk, address.pk)  # fmt: skip


def test_a_replaced_tail_is_found_by_the_last_checkpoint(chain: Address, now: datetime) -> None:
    checkpoints.seal(at=now)
    assert first() is None
    rewrite_tail(chain)
    say(chain, "thank you", now=now)
    assert verify.verify([chain.pk]).is_whole, "the chain by itself holds"
    found = first()
    assert found and (found.problem, found.address_id, found.seq) == ("sealed", chain.pk, 4)


def test_a_dropped_chain_is_found_by_the_last_checkpoint(chain: Address, now: datetime) -> None:
    checkpoints.seal(at=now)
    for table in ("consent_permission", "consent_consentevent"):
        tamper(f"DELETE FROM {table} WHERE address_id = %s", chain.pk)  # noqa: S608
    tamper("DELETE FROM consent_address WHERE id = %s", chain.pk)
    assert first().problem == "sealed"


def test_a_rewritten_checkpoint_fails_its_signature_and_its_export(chain: Address, now: datetime) -> None:
    made = checkpoints.seal(at=now)
    exported = checkpoints.export(made)
    rewrite_tail(chain)
    tamper("DELETE FROM consent_checkpointhead WHERE keyed_hash = %s", chain.keyed_hash)
    heads = made.heads.order_by("keyed_hash").values_list("keyed_hash", "seq", "hash")
    tamper("UPDATE consent_checkpoint SET digest = %s", checkpoints.digest("", heads))
    assert [b.problem for b in verify.verify().breaks] == ["checkpoint_not_signed"]
    tamper("DELETE FROM consent_checkpointhead")
    tamper("DELETE FROM consent_checkpoint")
    assert verify.verify().is_whole, "nothing in the database tells any more"
    assert [b.problem for b in verify.verify_exported(exported)] == ["sealed"]


def test_a_forged_export_is_not_believed(chain: Address, now: datetime) -> None:
    exported = checkpoints.export(checkpoints.seal(at=now))
    exported["heads"][0][1] += 1
    assert "checkpoint_changed" in [b.problem for b in verify.verify_exported(exported)]


def test_checkpoints_cover_only_what_moved_and_follow_each_other(chain: Address, now: datetime) -> None:
    one = checkpoints.seal(at=now)
    assert checkpoints.seal(at=now) is None
    say(chain, "hi", now=now)
    two = checkpoints.seal(at=now + timedelta(hours=1))
    assert (one.heads_count, two.heads_count, two.events_count) == (2, 1, 7)
    assert two.prev_digest == one.digest
    tamper("DELETE FROM consent_checkpointhead WHERE checkpoint_id = %s", one.pk)
    tamper("DELETE FROM consent_checkpoint WHERE id = %s", one.pk)
    assert [b.problem for b in verify.verify().breaks] == ["checkpoint_missing"]


REFUSED: list[Callable[[], object]] = [
    lambda: ConsentEvent.objects.update(kind="grant"),
    lambda: ConsentEvent.objects.all()._raw_delete("default"),
    lambda: EventValue.objects.update(body="{}"),
    lambda: EventValue.objects.all()._raw_delete("default"),
    lambda: Address.objects.update(head_seq=0),
    lambda: Address.objects.update(keyed_hash="x"),
    lambda: connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE consent_consentevent CASCADE"),
    lambda: Disclosure.objects.update(text="We never said so."),
    lambda: Checkpoint.objects.update(digest=""),
]


@pytest.mark.parametrize("deed", REFUSED)
def test_without_superuser_tricks_the_database_refuses(
    chain: Address, now: datetime, deed: Callable[[], object]
) -> None:
    checkpoints.seal(at=now)
    with pytest.raises(Exception, match="refused|frozen|erasure|chain|keeps|pgtrigger"), transaction.atomic():
        deed()
    assert verify.verify().is_whole


def test_raw_sql_is_chained_too(chain: Address) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO consent_consentevent (id, address_id, seq, kind, occurred_at, recorded_at, channels,
                 purposes, level, sellers, scope, verdict, fresh_opt_in, shown_sha256, is_evidence_complete, facts,
                 source, commitment, prev_hash, hash)
               VALUES (gen_random_uuid(), %s, 99, 'purchase', now(), now(), '{}', '{}', '', '{}', '', '', false, '',
                 false, '{}', 'psql', 'none', 'forged', 'forged')""",
            [chain.pk],
        )
    event = ConsentEvent.objects.get(source="psql")
    assert event.seq == 5 and event.prev_hash == ConsentEvent.objects.get(address=chain, seq=4).hash
    assert first().problem == "evidence", "linked, but without the values it commits to"


def test_a_broken_chain_bars_contact(
    chain: Address, mailbox: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    other = make_address("phone", "+12125550199")
    grant(other, disclosure, now=now)
    rewrite = "UPDATE consent_consentevent SET verdict = 'none' WHERE address_id = %s AND seq = 4"
    tamper(rewrite, chain.pk)
    assert gate.decide(ask(chain), at=now).code == "LEDGER_INTEGRITY_FAILED"
    assert gate.decide(ask(other), at=now).allowed


def test_a_run_keeps_its_result_and_bars_what_only_a_checkpoint_shows(chain: Address, now: datetime) -> None:
    checkpoints.seal(at=now)
    rewrite_tail(chain)
    assert gate.decide(ask(chain, "voice_manual", "informational"), at=now).allowed
    report, kept = verify.run(at=now)
    assert not report.is_whole and kept.breaks[0]["problem"] == "sealed"
    assert gate.decide(ask(chain, "voice_manual", "informational"), at=now).code == "LEDGER_INTEGRITY_FAILED"
    assert Verification.objects.count() == 1


def test_erasure_keeps_the_chain_whole_and_the_suppression_alive(chain: Address, now: datetime) -> None:
    erasure.erase(chain.pk, at=now, by=None, reason="request")
    chain.refresh_from_db()
    assert chain.value is None
    assert not EventValue.objects.filter(body__contains="STOP").exists()
    assert verify.verify().is_whole
    assert gate.decide(ask(chain), at=now).code == "ERASED_SUBJECT"
    again = erasure.readmit("phone", "+12125550123", at=now, by=None, reason="new form")
    assert again.pk == chain.pk and gate.decide(ask(again), at=now).code == "REVOKED"


def test_deleting_values_without_an_erasure_is_refused(chain: Address) -> None:
    with pytest.raises(IntegrityError, match="erasure"), transaction.atomic():
        EventValue.objects.filter(event__address=chain).delete()


def test_commands_seal_export_and_verify(chain: Address, tmp_path: Path) -> None:
    out = StringIO()
    call_command("checkpoint_ledger", export=tmp_path, stdout=out)
    [file] = tmp_path.iterdir()
    assert json.loads(file.read_text())["heads_count"] == 2
    call_command("verify_ledger", checkpoint=[file], stdout=out)
    assert "6 events in 2 chains, 1 checkpoints, 1 files: 0 breaks" in out.getvalue()
    rewrite_tail(chain)
    with pytest.raises(SystemExit):
        call_command("verify_ledger", checkpoint=[file], stdout=out)
    assert f"address {chain.pk}, link 4: sealed" in out.getvalue()
