"""A list is loaded whole or not at all; bad lines are named and the rest goes in."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from consent import gate, lists
from consent.models import Address, ListEntry, ListSnapshot
from tests.consent.factories import ask

pytestmark = pytest.mark.django_db

LINES = "area,number\n212,5550123\n(512) 555-0100\n+1 850 555 0199\n2125550123\nnonsense\n12345\n\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dnc-2026-11.csv"
    path.write_text(LINES)
    return path


def test_good_lines_go_in_and_bad_ones_are_named(file: Path, now: datetime) -> None:
    loaded = lists.load(file, kind="national_dnc", taken_at=now)
    assert (loaded.lines, loaded.numbers, sorted(loaded.bad)) == (8, 3, [6, 7])
    assert set(ListEntry.objects.values_list("number", flat=True)) == {12125550123, 15125550100, 18505550199}
    assert loaded.snapshot.entries_count == 3 and len(loaded.snapshot.sha256) == 64


@pytest.mark.parametrize("line", ["5.1255501E+09", "5.12555E+09", "5,1255501E+09", "1512555014.0", "512-555-0100 x5"])
def test_a_line_that_a_spreadsheet_mangled_is_no_number(file: Path, now: datetime, line: str) -> None:
    file.write_text(f"{line}\n5125550142,TX\n")
    loaded = lists.load(file, kind="national_dnc", taken_at=now)
    assert (loaded.numbers, sorted(loaded.bad)) == (1, [1])


def test_the_newest_version_at_the_moment_decides(phone: Address, seller: object, file: Path, now: datetime) -> None:
    request = ask(phone, "voice_manual")
    assert gate.decide(request, at=now).code == "DNC_SCRUB_STALE"
    lists.load(file, kind="national_dnc", taken_at=now - timedelta(days=2))
    assert gate.decide(request, at=now).code == "NATIONAL_DNC"
    file.write_text("5125550100\n8505550199\n")
    lists.load(file, kind="national_dnc", taken_at=now - timedelta(days=1), version="next")
    assert gate.decide(request, at=now).code == "OK_MANUAL_NOT_ON_DNC"
    assert gate.decide(request, at=now - timedelta(days=1, hours=1)).code == "NATIONAL_DNC"


def test_a_state_list_counts_beside_the_national_one(
    phone: Address, seller: object, scrub: ListSnapshot, file: Path, now: datetime
) -> None:
    lists.load(file, kind="state_dnc", state="NY", taken_at=now)
    assert gate.decide(ask(phone, "voice_manual"), at=now).code == "STATE_DNC"


def test_a_short_file_or_a_known_version_changes_nothing(file: Path, now: datetime) -> None:
    lists.load(file, kind="national_dnc", taken_at=now)
    with pytest.raises(lists.ListRefused, match="loaded already"):
        lists.load(file, kind="national_dnc", taken_at=now)
    file.write_text("2125550123\n")
    with pytest.raises(lists.ListRefused, match="--force"):
        lists.load(file, kind="national_dnc", taken_at=now, version="short")
    assert ListSnapshot.objects.count() == 1 and ListEntry.objects.count() == 3
    lists.load(file, kind="national_dnc", taken_at=now, version="short", force=True)


def test_entries_of_old_versions_go_and_their_names_stay(file: Path, now: datetime) -> None:
    for n in range(4):
        lists.load(file, kind="national_dnc", taken_at=now + timedelta(days=n), version=str(n))
    assert ListSnapshot.objects.count() == 4
    assert set(ListEntry.objects.values_list("snapshot__version", flat=True)) == {"2", "3"}


def test_the_command_says_what_it_did(file: Path) -> None:
    out, err = StringIO(), StringIO()
    call_command("import_dnc", str(file), "--taken-at", "2026-11-16", stdout=out, stderr=err)
    assert "3 numbers from 8 lines" in out.getvalue() and f"{file}:6: “nonsense”" in err.getvalue()
    with pytest.raises(CommandError, match="loaded already"):
        call_command("import_dnc", str(file), "--taken-at", "2026-11-16")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_dnc", "/no/such/file", "--list-version", "x", "--taken-at", "2026-11-16")
    with pytest.raises(CommandError, match="--taken-at"):
        call_command("import_dnc", str(file), "--list-version", "undated")


def test_a_list_that_was_loaded_goes_before_a_scrub_that_was_only_noted(
    phone: Address, seller: object, scrub: ListSnapshot, file: Path, now: datetime
) -> None:
    lists.load(file, kind="national_dnc", taken_at=now - timedelta(days=10))
    assert gate.decide(ask(phone, "voice_manual"), at=now).code == "NATIONAL_DNC"
    assert gate.decide(ask(phone, "voice_manual"), at=now + timedelta(days=22)).code == "DNC_SCRUB_STALE"


def test_an_older_version_does_not_take_over(file: Path, now: datetime) -> None:
    lists.load(file, kind="national_dnc", taken_at=now - timedelta(days=2))
    with pytest.raises(lists.ListRefused, match="newer"):
        lists.load(file, kind="national_dnc", taken_at=now - timedelta(days=3), version="older")


def test_a_state_list_grows_old_too(
    phone: Address, seller: object, scrub: ListSnapshot, file: Path, now: datetime
) -> None:
    file.write_text("5125550100\n")
    lists.load(file, kind="state_dnc", state="CT", taken_at=now - timedelta(days=40))
    assert gate.decide(ask(phone, "voice_manual"), at=now).code == "OK_MANUAL_NOT_ON_DNC"
    lists.load(file, kind="state_dnc", state="NY", taken_at=now - timedelta(days=32))
    assert gate.decide(ask(phone, "voice_manual"), at=now).code == "DNC_SCRUB_STALE"


def test_the_reference_organisation_of_a_new_system_claims_no_scrub(db: None) -> None:
    out = StringIO()
    call_command("load_reference", stdout=out)
    assert not ListSnapshot.objects.exists() and "No do-not-call list" in out.getvalue()
    call_command("load_reference", "--with-scrub", stdout=out)
    assert ListSnapshot.objects.get().version == "reference"
