"""The bundle proves itself without the product, and says so when somebody touched it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

from consent import bundle, checkpoints, erasure, fhir, gate, ledger
from consent.gate import NotContactable
from consent.models import Address, Disclosure, ExportLog, ListSnapshot
from tests.consent.factories import ask, grant, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def lived(phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> Address:
    """A grant, a contact, a stop, a refused contact."""
    grant(phone, disclosure, now=now - timedelta(days=3), evidence={"name": "José Ünal", "ip": "::1"})
    gate.settle(gate.reserve(ask(phone), at=now - timedelta(days=1)).pk, "sent", at=now)
    say(phone, "STOP “now” – 停", now=now)
    say(phone, "stop", now=now)
    checkpoints.seal(at=now)
    with pytest.raises(NotContactable):
        gate.reserve(ask(phone), at=now)
    return phone


def unpack(content: bytes, folder: Path) -> Path:
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


def run_verify(folder: Path) -> tuple[int, str]:
    """With the standard library only: isolated, without site-packages."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "verify.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_bundle_verifies_itself_and_is_logged(lived: Address, now: datetime, tmp_path: Path) -> None:
    made = bundle.export(lived, as_of=now, at=now, by=None, reason="complaint 7")
    folder = unpack(made.content, tmp_path)
    code, told = run_verify(folder)
    assert code == 0 and "Everything holds." in told, told
    log = ExportLog.objects.get()
    assert (log.address, log.sha256, log.reason) == (lived, hashlib.sha256(made.content).hexdigest(), "complaint 7")
    decisions = json.loads((folder / "decisions.json").read_text())
    assert [d["code"] for d in decisions] == ["OK_PEWC", "REVOKED"]
    assert json.loads((folder / "chain.json").read_text())["checkpoint"]["signature"]
    assert (folder / "disclosures" / "web-v1.txt").read_text() == Disclosure.objects.get().text
    assert (folder / "summary.pdf").read_bytes().startswith(b"%PDF")


def test_a_text_and_its_translation_are_two_files(lived: Address, now: datetime, tmp_path: Path) -> None:
    own = Disclosure.objects.get()
    same = {name: getattr(own, name) for name in ("code", "version", "seller", "channels", "purposes", "level")}
    spanish = Disclosure.objects.create(**same, language="es", text="Acepto.")
    assert (own.in_language("es"), own.in_language("en"), own.in_language("fr")) == (spanish, own, own)
    grant(lived, spanish, now=now)
    folder = unpack(bundle.export(lived, as_of=now, at=now, by=None, reason="complaint 8").content, tmp_path)
    assert (folder / "disclosures" / "web-v1.txt").read_text() == own.text
    assert (folder / "disclosures" / "web-v1-es.txt").read_text() == "Acepto."
    assert run_verify(folder)[0] == 0


def test_as_of_a_moment_shows_what_was_on_record_then(lived: Address, now: datetime, tmp_path: Path) -> None:
    made = bundle.export(lived, as_of=now - timedelta(hours=1), at=now, by=None, reason="audit")
    folder = unpack(made.content, tmp_path)
    assert len(json.loads((folder / "events.json").read_text())) == 1
    assert {p["state"] for p in json.loads((folder / "permission.json").read_text())} == {"granted"}
    assert run_verify(folder)[0] == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "broken"),
    [
        ("events.json", '"revoke"', '"none"', "link 2"),
        ("events.json", "STOP", "GO", "values of link 2"),
        ("disclosures/web-v1.txt", "Not a condition", "A condition", "text shown at link 1"),
        ("decisions.json", "REVOKED", "OK_PEWC", "file decisions.json"),
    ],
)
def test_a_touched_bundle_says_so(
    lived: Address, now: datetime, tmp_path: Path, file: str, old: str, new: str, broken: str
) -> None:
    folder = unpack(bundle.export(lived, as_of=now, at=now, by=None, reason="audit").content, tmp_path)
    path = folder / file
    path.write_text(path.read_text().replace(old, new))
    code, told = run_verify(folder)
    assert code == 1 and any(line.startswith("BROKEN") and broken in line for line in told.splitlines()), told


def test_after_an_erasure_the_bundle_still_holds(lived: Address, now: datetime, tmp_path: Path) -> None:
    erasure.erase(lived.pk, at=now, by=None, reason="request")
    lived.refresh_from_db()
    folder = unpack(bundle.export(lived, as_of=now, at=now, by=None, reason="audit").content, tmp_path)
    code, told = run_verify(folder)
    assert code == 0 and "erased on request" in told
    assert "José" not in (folder / "events.json").read_text()


def test_the_same_evidence_is_the_same_file(lived: Address, now: datetime) -> None:
    one, two = (bundle.export(lived, as_of=now, at=now, by=None, reason="audit") for _ in range(2))
    assert one.sha256 == two.sha256


@pytest.mark.parametrize(("minutes", "status", "kind"), [(-60, "active", "permit"), (0, "rejected", "deny")])
def test_fhir_consent_is_valid_r4(lived: Address, now: datetime, minutes: int, status: str, kind: str) -> None:
    text = fhir.export(lived, as_of=now + timedelta(minutes=minutes), at=now, by=None, reason="transfer")
    parsed = Bundle.model_validate_json(text)
    consents = [entry.resource for entry in parsed.entry]
    assert {(c.status, c.provision.type) for c in consents} == {(status, kind)}
    assert consents[0].get_resource_type() == "Consent"
    if kind == "permit":
        assert consents[0].sourceAttachment.data and consents[0].organization[0].display == "harbor"
    assert ExportLog.objects.get().kind == "fhir"


def test_fhir_of_a_mailbox_without_permission(mailbox: Address, now: datetime) -> None:
    [entry] = fhir.bundle(mailbox, at=now).entry
    assert (entry.resource.status, ledger.permission(mailbox, at=now)[0].state) == ("inactive", "none")
