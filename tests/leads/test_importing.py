"""A file comes in row by row: faults are named, the rest goes in once, whatever dies on the way, and goes out again."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import addresses, gate
from consent.models import Address, ConsentEvent, Disclosure, Permission
from leads import contact
from leads.importing import files, kinds, runs
from leads.models import ImportRow, ImportRun, Inquiry, Interaction, Lead, Source
from leads.models.importing import ImportPhase as Phase
from medcrm import journey
from medcrm.lib.errors import RuleError
from nurture.models import Enrollment
from privacy import holds, people
from privacy.models import Hold
from routing.models import Assignment, Handoff
from tests.leads import import_rows
from tests.rows import make

LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def private(tmp_path: Path, settings) -> None:
    """Files of the test lie in its own folder."""
    storages = json.loads(json.dumps(settings.STORAGES))
    storages["private"]["OPTIONS"]["location"] = str(tmp_path / "private")
    settings.STORAGES = storages


@pytest.fixture
def shown(catalogue) -> str:
    return str(Disclosure.objects.first())


def work(run: ImportRun, at: datetime) -> ImportRun:
    while runs.work_on(run.pk, at=at):
        run.refresh_from_db()
        if run.due_at is None:
            break
    run.refresh_from_db()
    return run


def bring(text: str | bytes, at: datetime, *, kind: str = "leads", source: str = "web_consult", name: str = "a.csv",
          is_dry: bool = False, **options: str) -> ImportRun:  # fmt: skip
    """Upload and work through a file given as text."""
    raw = text.encode() if isinstance(text, str) else text
    given = {"source": source, **options} if kind == "leads" else options
    run = runs.upload(kind, io.BytesIO(raw), name, at=at, options=given)
    return work(runs.start(run.pk, is_dry=is_dry, at=at), at)


def codes(run: ImportRun) -> dict[int, str]:
    return {row.row: row.problems[0]["code"] for row in run.rows.all()}


def said(number: int) -> dict[str, str]:
    return {name: cell for name, cell in zip(import_rows.HEADER, import_rows.row(number), strict=False) if cell}


def world() -> list[object]:
    """What is in the database, without the ids that two runs may differ in."""
    leads = Lead.objects.order_by("last_name", "pk").values_list(
        "first_name", "last_name", "phone__value", "email__value", "zip", "state", "service", "timing", "payer", "age"
    )
    events = ConsentEvent.objects.order_by("address__value", "seq")
    inquiries = Inquiry.objects.order_by("pk").values_list("raw_body", "is_repeat", "lead__last_name")
    return [
        list(leads),
        list(events.values_list("address__value", "seq", "kind", "occurred_at", "channels", "level")),
        list(inquiries),
        list(
            Permission.objects.order_by("address__value", "channel").values_list("address__value", "channel", "state")
        ),
        Interaction.objects.count(),
    ]


# Planted faults


@pytest.fixture
def planted(shown: str, now: datetime, tmp_path: Path) -> ImportRun:
    path = import_rows.write(tmp_path / "planted.csv", 1700)
    return bring(path.read_bytes(), now, consent_text=shown)


def test_every_planted_fault_is_in_the_reject_file_with_its_reason(planted: ImportRun) -> None:
    assert codes(planted) == import_rows.planted(1700)
    assert planted.phase == Phase.IMPORTED
    rejects = list(csv.reader(io.StringIO("".join(runs.rejected_file(planted)).removeprefix("\ufeff"))))
    assert rejects[0] == [*import_rows.HEADER, "import_row", "import_reason"]
    width = len(import_rows.HEADER)
    assert {int(r[width]): r[width + 1].split("[")[-1].rstrip("]") for r in rejects[1:]} == import_rows.planted(1700)
    good = 1700 - len(import_rows.planted(1700))
    assert planted.counts["created"] + planted.counts["repeated"] == good == Inquiry.objects.count()
    assert planted.counts["repeated"] == Inquiry.objects.filter(is_repeat=True).count() > 50
    assert Lead.objects.count() == planted.counts["created"] == Interaction.objects.values("lead").distinct().count()


def test_consent_with_its_proof_permits_and_nothing_else_does(planted: ImportRun) -> None:
    granted = Permission.objects.filter(state="granted")
    proven = {
        row[2].removesuffix(".0")
        for number in range(1, 1701)
        if not import_rows.fault_of(number) and (row := import_rows.row(number))[14]
    }
    assert granted.filter(channel="sms").count() == len({"".join(filter(str.isdigit, p))[-10:] for p in proven})
    assert not granted.filter(channel="email").exists()
    assert set(ConsentEvent.objects.filter(kind="grant").values_list("fresh_opt_in", flat=True)) == {False}


def test_the_mended_reject_file_goes_in(planted: ImportRun, shown: str, now: datetime) -> None:
    rows = list(csv.reader(io.StringIO("".join(runs.rejected_file(planted)).removeprefix("\ufeff"))))
    for row in rows[1:]:
        number = int(row[len(import_rows.HEADER)]) - 1
        fault = import_rows.fault_of(number)
        place = import_rows.FAULTS[fault][0]
        mended = import_rows.row(number + import_rows.EVERY * 100_000 + 1)
        if place >= 0:
            row[place] = mended[place] if place != 17 else "https://forms.example.org/found"
        elif place == -1:
            row[2] = "512-555-0100"
        del row[len(import_rows.HEADER) + 2 :]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    again = bring(out.getvalue(), now + LATER, consent_text=shown)
    assert codes(again) == {}
    assert again.counts["written"] == len(rows) - 1


# Crashes, cancelling, once only


def test_an_import_that_dies_between_and_inside_chunks_ends_as_if_it_had_not(
    shown: str, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = import_rows.write(tmp_path / "a.csv", 600).read_bytes()
    kind = kinds.kind_of("leads")
    small = kinds.Kind(**{**kind.__dict__, "chunk": 100})
    monkeypatch.setitem(kinds._kinds, "leads", small)
    run = runs.upload(
        "leads", io.BytesIO(raw), "a.csv", at=now, options={"source": "web_consult", "consent_text": shown}
    )
    runs.start(run.pk, is_dry=False, at=now)

    class Killed(BaseException):
        pass

    def dies(self, *args, **kwargs):
        raise Killed

    for _ in range(3):
        runs.work_on(run.pk, at=now)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(ImportRun, "save", dies)  # everything of the chunk is written but its position
            runs.work_on(run.pk, at=now)
    work(run, now)
    broken = world()
    assert run.counts["written"] == 600
    wanted = Counter(json.dumps(said(n), ensure_ascii=False) for n in range(1, 601) if not import_rows.fault_of(n))
    assert Counter(body for body, *_rest in broken[2]) == wanted
    assert codes(run) == import_rows.planted(600)
    assert Counter(Permission.objects.values_list("seq", flat=True)) == Counter(
        Address.objects.filter(head_seq__gt=0).values_list("head_seq", flat=True).filter(permissions__isnull=False)
    )


def test_the_same_file_goes_in_once(catalogue, now: datetime) -> None:
    text = "first name,last name,phone\nAna,Reed,512-555-0142\n"
    first = bring(text, now)
    run = runs.upload("leads", io.BytesIO(text.encode()), "b.csv", at=now, options={"source": "web_consult"})
    with pytest.raises(RuleError) as error:
        runs.start(run.pk, is_dry=False, at=now)
    assert error.value.code == "SAME_FILE"
    work(runs.undo(first.pk, at=now), now)
    assert work(runs.start(run.pk, is_dry=False, at=now), now).counts["created"] == 1


def test_a_cancelled_import_goes_on_where_it_was(shown: str, now: datetime, tmp_path: Path, monkeypatch) -> None:
    kind = kinds.kind_of("leads")
    monkeypatch.setitem(kinds._kinds, "leads", kinds.Kind(**{**kind.__dict__, "chunk": 50}))
    raw = import_rows.write(tmp_path / "a.csv", 200).read_bytes()
    run = runs.upload(
        "leads", io.BytesIO(raw), "a.csv", at=now, options={"source": "web_consult", "consent_text": shown}
    )
    runs.start(run.pk, is_dry=False, at=now)
    runs.work_on(run.pk, at=now)
    runs.work_on(run.pk, at=now)
    runs.cancel(run.pk, at=now)
    assert not runs.work_on(run.pk, at=now)
    assert Inquiry.objects.count() == 50 - len(import_rows.planted(50))
    run = work(runs.start(run.pk, is_dry=False, at=now), now)
    assert Inquiry.objects.count() == 200 - len(import_rows.planted(200))
    assert run.phase == Phase.IMPORTED


def test_a_chunk_takes_the_same_number_of_queries_whatever_its_size(shown: str, now: datetime, tmp_path: Path) -> None:
    counted = []
    for number, size in enumerate((40, 400)):
        raw = import_rows.write(tmp_path / f"{number}.csv", size).read_bytes()
        run = runs.upload(
            "leads", io.BytesIO(raw), "a.csv", at=now, options={"source": "web_consult", "consent_text": shown}
        )
        runs.start(run.pk, is_dry=False, at=now)
        runs.work_on(run.pk, at=now)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            runs.work_on(run.pk, at=now)
        counted.append(len(queries))
    # The larger file repeats people of the smaller one: reading their chains and putting them back costs one statement
    # each, whatever their number.
    assert counted[0] <= counted[1] <= counted[0] + 2 < 45


def test_a_check_whose_file_is_gone_says_so_and_offers_no_undo(shown: str, now: datetime, tmp_path: Path) -> None:
    raw = import_rows.write(tmp_path / "a.csv", 20).read_bytes()
    run = runs.upload(
        "leads", io.BytesIO(raw), "a.csv", at=now, options={"source": "web_consult", "consent_text": shown}
    )
    Path(run.file.path).unlink()
    run = work(runs.start(run.pk, is_dry=True, at=now), now)
    assert (run.phase, run.problem) == (Phase.FAILED, "The file of this import is not there any more. Upload it again.")
    with pytest.raises(RuleError) as refused:
        runs.undo(run.pk, at=now)
    assert refused.value.code == "NOTHING_WRITTEN"


# What spreadsheets do to files


def test_the_kind_of_an_organisation_is_read_by_name_and_its_npi_by_the_check_digit(catalogue, now: datetime) -> None:
    lines = [
        "Company,Facility type,Specialty,Setting,NPI,Locations,Type,Phone",
        "Beta,hospital or health system,cardiology,Inpatient,1234567893.0,3,b2b,512-555-0142",
        "Gamma,hospital,,,1234567890,,b2b,512-555-0143",
        "Delta,Spaceship,,,,,b2b,512-555-0144",
    ]
    run = bring("\n".join(lines), now, source="facility")
    assert codes(run) == {3: "INVALID_NPI", 4: "NOT_IN_CATALOGUE"}
    lead = Lead.objects.get()
    kept = (lead.organisation_type_id, lead.specialty_id, lead.care_setting_id, lead.npi, lead.sites)
    assert kept == ("hospital", "cardiology", "inpatient", "1234567893", 3)


def test_a_row_tells_of_its_campaign(catalogue, now: datetime) -> None:
    bring("Phone,UTM campaign\n512-555-0142,spring\n512-555-0143,\n", now)
    assert list(Inquiry.objects.order_by("pk").values_list("campaign", flat=True)) == ["spring", ""]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("cp1252", ";"), ("utf-16", "\t"), ("utf-16-le", ","), ("utf-8", "|")],
)
def test_any_usual_encoding_and_delimiter_is_read(catalogue, now, encoding: str, delimiter: str) -> None:
    lines = ["Vorname,Nachname,Telefon,Phone", "José,Müller-Böß,x,512-555-0142"]
    run = bring("\r\n".join(line.replace(",", delimiter) for line in lines).encode(encoding), now)
    assert run.counts["created"] == 1, run.problem
    assert str(Lead.objects.get()) == "José Müller-Böß"


@pytest.mark.parametrize(
    ("cell", "becomes"),
    [
        ("5125550142.0", "+15125550142"),
        ("5.125550142E+09", "+15125550142"),
        ("'5125550142", "+15125550142"),
        ("1.5125550142E+10", "+15125550142"),
        ("+1 (512) 555-0142", "+15125550142"),
        ("5.12555E+09", "PHONE_ROUNDED"),
        ("512555014", "INVALID_PHONE"),
        ('=HYPERLINK("tel:5125550142")', "FORMULA"),
        ("+A1", "FORMULA"),
    ],
)
def test_phones_mangled_by_spreadsheets_are_mended_or_named(catalogue, now, cell: str, becomes: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["name", "phone"], ["Ana Reed", cell]])
    run = bring(out.getvalue(), now)
    assert (codes(run) or {2: Lead.objects.values_list("phone__value", flat=True).first()})[2] == becomes


def test_a_workbook_is_read_like_a_csv(catalogue, now: datetime, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Name", "Phone", "ZIP", "Created", "Age", None])
    sheet.append(["Ana Reed", 5125550142, 2134, datetime(2026, 10, 1), 45.0])  # noqa: DTZ001
    sheet.append(["Ben Reed", 5125550143.0, "78701", "10/02/2026", None])
    sheet.append(["Chi Reed", "=B2", "78701", None, None])
    book.save(tmp_path / "a.xlsx")
    run = bring((tmp_path / "a.xlsx").read_bytes(), now, name="a.xlsx", timezone="America/Chicago")
    assert codes(run) == {4: "FORMULA"}
    ana, ben = Lead.objects.order_by("pk")
    assert (ana.phone.value, ana.zip, ana.age, ana.state) == ("+15125550142", "02134", 45, "MA")
    assert ana.created_at == datetime(2026, 10, 1, 17, tzinfo=UTC)
    assert ben.created_at == datetime(2026, 10, 2, 17, tzinfo=UTC)


def test_a_huge_cell_is_refused_alone(catalogue, now: datetime) -> None:
    run = bring("name,phone,question\nAna Reed,512-555-0142,\nBen Reed,512-555-0143," + "x" * 200_000 + "\n", now)
    assert codes(run) == {3: "CELL_TOO_LARGE"}
    assert len(run.rows.get().cells[2]) == files.KEPT_OF_HUGE
    assert run.counts["created"] == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"\xd0\xcf\x11\xe0old excel",
        b"PK\x03\x04broken",
        b"Ana Reed,512-555-0142\nBen Reed,512-555-0143\n",
        b"Ana Reed,ana@example.org\n",
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(catalogue, now: datetime, raw: bytes, tmp_path) -> None:
    with pytest.raises(files.UnreadableFile):
        runs.upload("leads", io.BytesIO(raw), "a.csv", at=now)
    assert not ImportRun.objects.exists()
    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_days_are_names_of_columns(catalogue, now: datetime) -> None:
    assert runs.upload("leads", io.BytesIO(b"phone,2026-12-01 to 2026-12-31\n1,2\n"), "a.csv", at=now).pk


@pytest.mark.parametrize("error", [csv.Error("odd"), ValueError("odd")])
def test_whatever_stops_an_upload_leaves_no_file(catalogue, now: datetime, tmp_path, monkeypatch, error) -> None:
    def breaks(*_given: object) -> None:
        raise error

    monkeypatch.setattr(files, "_top", breaks)
    with pytest.raises(files.UnreadableFile if isinstance(error, csv.Error) else ValueError):
        runs.upload("leads", io.BytesIO(b"name,phone\nAna Reed,512-555-0142\n"), "a.csv", at=now)
    assert left_in(tmp_path) == []


def test_a_file_of_an_old_macintosh_has_rows_too(catalogue, now: datetime) -> None:
    run = bring("name,phone\rAna Reed,512-555-0142\rBen Reed,512-555-0143\r", now)
    assert (run.reading["header"], run.counts["created"]) == (["name", "phone"], 2)


def test_what_a_killed_staging_left_goes_with_the_file(catalogue, now: datetime, tmp_path) -> None:
    run = bring("name,phone\nAna Reed,512-555-0142\n", now)
    staged = files.staged_path(Path(run.file.path))
    staged.with_name(f"{staged.name}.4711").write_text('[2, "Ana Reed"]')
    assert runs.expire_files(at=now + timedelta(days=31)) == 1
    assert left_in(tmp_path) == []


# What the rows become


def test_a_repeat_fills_blanks_and_keeps_owner_and_answers(submit, now: datetime, django_user_model) -> None:
    lead = submit(zip="", payer="", timing="", email="")
    owner = django_user_model.objects.create(username="owner")
    Lead.objects.filter(pk=lead.pk).update(owner=owner, team="intake", advance_due_at=None)
    bring("first_name,last_name,phone,email,zip,service,insurance\n"
          "test,ALPHA,512-555-0101,alpha@example.org,78701,derm,ppo\n", now)  # fmt: skip
    lead.refresh_from_db()
    assert (lead.owner, lead.service_id, lead.zip, lead.payer_id) == (owner, "ortho", "78701", "ppo")
    assert lead.email.value == "alpha@example.org"
    assert Lead.objects.count() == 1
    assert lead.inquiries.count() == 2
    assert lead.other_services == ["derm"], "its timeline speaks of both"


@pytest.mark.parametrize(
    ("column", "field", "type"),
    [("approver", "approver", "b2b"), ("referred by", "referring_provider", "patient")],
)
def test_a_cell_that_names_nobody_is_no_name(catalogue, now: datetime, column: str, field: str, type: str) -> None:
    bring(f"last name,email,type,{column}\n"
          f"One,one@example.org,{type},Not sure yet\nTwo,two@example.org,{type},Pat Test\n", now)  # fmt: skip
    assert list(Lead.objects.order_by("pk").values_list(field, flat=True)) == ["", "Pat Test"]


def test_a_purchased_list_without_proof_never_becomes_contactable(organisation, now: datetime) -> None:
    from medcrm import journey

    run = bring(
        "name,phone,email,zip,service\nAna Reed,512-555-0142,ana@example.org,78701,ortho\n", now, source="purchased"
    )
    work(runs.release(run.pk, at=now), now)
    journey.advance_due(at=now + LATER)
    lead = Lead.objects.select_related("source", "phone", "email").get()
    assert (lead.decision, lead.hold_reason_id) == ("hold", "consent_needed")
    assert not any(contact.may_contact(lead, channel, at=now + LATER) for channel in ("voice", "sms", "email"))
    for channel in ("sms", "voice_autodial"):
        assert gate.decide(contact.request_for(lead, channel), at=now + LATER).code == "NO_CONSENT"


def test_old_proof_does_not_lift_an_opt_out(submit, shown: str, now: datetime) -> None:
    from consent import ledger

    lead = submit()
    ledger.record(lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP")
    bring("name,phone,consent,consent date,consent wording,consent url\n"
          f"Test Alpha,512-555-0101,sms,2026-11-30,{shown},https://x.example.org\n", now)  # fmt: skip
    assert Permission.objects.get(address=lead.phone, channel="sms").state == "blocked"


def test_who_opted_out_elsewhere_is_opted_out_here(catalogue, now: datetime) -> None:
    bring("name,phone,email,do not contact\nAna Reed,512-555-0142,ana@example.org,yes\n", now)
    assert set(Permission.objects.values_list("state", flat=True)) == {"blocked"}


def test_an_erased_person_does_not_come_back_by_a_file(submit, now: datetime) -> None:
    from consent import erasure

    lead = submit(email="")
    erasure.erase(lead.phone_id, at=now, by=None, reason="asked")
    run = bring("name,phone\nTest Alpha,512-555-0101\n", now)
    assert codes(run) == {2: "ERASED_ADDRESS"}


# Dry run, release, undo


def test_a_dry_run_says_what_would_happen_and_writes_nothing(submit, shown: str, now: datetime) -> None:
    submit()
    before = world()
    run = bring("name,phone,zip\nTest Alpha,512-555-0101,78701\nAna Reed,512-555-0142,78701\nBen,,\n", now, is_dry=True)
    assert world() == before
    assert (run.phase, run.counts["created"], run.counts["repeated"]) == (Phase.CHECKED, 1, 1)
    assert [told["becomes"] for told in run.preview] == ["repeat", "new"]
    assert codes(run) == {4: "NO_ADDRESS"}


def test_leads_wait_for_the_release_and_then_go_at_a_pace(catalogue, now: datetime) -> None:
    rows = "".join(f"Person {n},512-555-01{n:02d}\n" for n in range(100))
    run = bring("name,phone\n" + rows, now)
    bring("name,phone,do not contact\nPerson 7,512-555-0107,sms\n", now)  # news of a lead that waits
    assert not Lead.objects.filter(advance_due_at__isnull=False).exists()
    work(runs.release(run.pk, at=now), now)
    due = list(Lead.objects.order_by("pk").values_list("advance_due_at", flat=True))
    assert due == sorted(due)
    assert now < due[0] < due[-1] == now + timedelta(seconds=2)


def test_an_undo_takes_out_what_nobody_touched_and_says_what_stays(submit, shown: str, now: datetime) -> None:
    known = submit(zip="", email="")
    before = world()
    run = bring("first name,last name,phone,zip,consent,consent date,consent wording,consent url\n"
                f"Ana,Reed,512-555-0142,78701,sms,2026-11-30,{shown},https://x.example.org\n"
                f"Ben,Reed,512-555-0143,78701,sms,2026-11-30,{shown},https://x.example.org\n"
                "Test,Alpha,512-555-0101,78704,,,,\n", now)  # fmt: skip
    ben = Lead.objects.get(first_name="Ben")
    Interaction.objects.create(lead=ben, kind="note", direction="internal", at=now, text="spoke with him")
    run = work(runs.undo(run.pk, at=now + LATER), now + LATER)
    assert run.phase == Phase.UNDONE
    assert (run.undo_counts["removed"], run.undo_counts["kept"], run.undo_counts["detached"]) == (1, 1, 1)
    kept = ImportRow.objects.get(run=run, phase=Phase.UNDOING)
    assert kept.lead == ben
    assert "timeline" in kept.problems[0]["sentence"]
    known.refresh_from_db()
    assert known.zip == ""
    assert known.inquiries.count() == 1
    assert not Permission.objects.filter(state="granted", address__in=[ben.phone_id]).exists()
    Interaction.objects.filter(lead=ben).delete()
    Inquiry.objects.filter(lead=ben).delete()
    ben.delete()
    assert world()[0] == before[0]
    assert world()[2] == before[2]


@pytest.fixture
def walked(organisation, shown: str, now: datetime) -> ImportRun:
    """Three leads of a file that were released and went down the whole road."""
    rows = "".join(
        f"{name},Reed,512-555-01{n},78701,ortho,two_weeks,appointment,sms,2026-11-30,{shown},https://x.example.org\n"
        for n, name in enumerate(("Ana", "Ben", "Chi"), start=42)
    )
    head = "first name,last name,phone,zip,service,when,request,consent,consent date,consent wording,consent url\n"
    run = bring(head + rows, now)
    work(runs.release(run.pk, at=now), now)
    journey.advance(list(Lead.objects.values_list("pk", flat=True)), at=now)
    run.refresh_from_db()
    return run


def test_an_undo_after_the_release_takes_out_what_only_the_road_touched(walked: ImportRun, now: datetime) -> None:
    assert Assignment.objects.exists()
    assert Handoff.objects.exists() or Enrollment.objects.exists()
    run = work(runs.undo(walked.pk, at=now + LATER), now + LATER)
    assert (run.phase, run.undo_counts) == (Phase.UNDONE, {"removed": 3}), run.problem
    assert not Lead.objects.exists()
    assert not Assignment.objects.exists()


def test_an_undo_keeps_who_came_later_with_an_address_on_hold(catalogue, now: datetime) -> None:
    addresses.lock_many(addresses.named([("phone", "+15125550142")]))
    holds.place_holds(people.find_person("512-555-0142"), reason="Matter 1", by=None, at=now)
    run = bring("name,phone\nAna Reed,512-555-0142\nBen Reed,512-555-0143\n", now)
    runs.undo(run.pk, at=now)
    while runs.work_due(at=now, held=lambda: holds.held().lead_ids):
        pass
    run.refresh_from_db()
    assert (run.undo_counts["removed"], run.undo_counts["kept"]) == (1, 1)
    row = ImportRow.objects.get(run=run, phase=Phase.UNDOING)
    assert (row.lead.first_name, "litigation hold" in row.problems[0]["sentence"]) == ("Ana", True)


def test_an_undo_keeps_what_a_person_took_or_a_hold_pins_and_goes_on_with_the_rest(
    walked: ImportRun, submit, now: datetime
) -> None:
    ana, ben, chi = Lead.objects.order_by("first_name")
    user = User.objects.filter(is_superuser=False).first()
    make(Assignment, lead=ana, to_team_id=ana.team, because="reassigned", by=user, note="hers", rule=None, path={})
    Hold.objects.create(lead=ben, reason="Matter 1", placed_at=now, lifted_at=now)
    run = work(runs.undo(walked.pk, at=now + LATER), now + LATER)
    assert run.phase == Phase.UNDONE, run.problem
    assert (run.undo_counts["removed"], run.undo_counts["kept"]) == (1, 2)
    assert set(Lead.objects.values_list("pk", flat=True)) == {ana.pk, ben.pk}
    kept = {row.lead_id: row.problems[0]["sentence"] for row in run.rows.filter(phase=Phase.UNDOING)}
    assert "assignment" in kept[ana.pk]
    assert "litigation hold" in kept[ben.pk]


def test_a_file_that_is_too_large_is_refused_with_a_sentence(
    catalogue, now: datetime, settings, tmp_path: Path
) -> None:
    settings.IMPORT_MAX_BYTES = 1_000_000
    with pytest.raises(files.UnreadableFile, match="larger than 1 MB"):
        runs.upload("leads", io.BytesIO(b"phone\n" + b"5125550142\n" * 100_000), "a.csv", at=now)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as trap:
        trap.writestr("xl/worksheets/sheet1.xml", b" " * 6_000_000)
    packed.seek(0)
    with pytest.raises(files.UnreadableFile, match="too much"):
        runs.upload("leads", packed, "a.xlsx", at=now)
    assert not ImportRun.objects.exists()
    assert not [path for path in (tmp_path / "private").rglob("*") if path.is_file()]


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), ValueError("Ana Reed is no number")])
def test_an_import_that_breaks_fails_with_a_sentence_that_quotes_nobody(
    catalogue, now: datetime, monkeypatch, caplog, error: Exception
) -> None:
    def breaks(path: Path, reading: object) -> None:
        raise error

    monkeypatch.setattr(files, "stage", breaks)
    run = bring("name,phone\nAna Reed,512-555-0142\n", now)
    assert (run.phase, run.due_at) == (Phase.FAILED, None)
    assert run.problem
    assert "Ana" not in run.problem + caplog.text


def test_columns_that_look_like_formulas_leave_and_come_back_as_text(catalogue, now: datetime) -> None:
    run = bring("=cmd,phone\nx,call me\n", now, name="supplier.csv")
    text = "".join(runs.rejected_file(run)).removeprefix("\ufeff")
    assert text.startswith("'=cmd,phone,")
    again = runs.upload("leads", io.BytesIO(text.encode()), "again.csv", at=now)
    assert again.reading["header"][:2] == ["=cmd", "phone"]


def test_control_characters_stay_outside(catalogue, now: datetime) -> None:
    run = bring("name,phone\nAna\x0b Re\x1fed,512-555-0142\n", now)
    assert Lead.objects.get().name == "Ana Reed", codes(run)


# Columns


def test_columns_are_guessed_and_a_saved_mapping_is_remembered(catalogue, now: datetime) -> None:
    text = "Given Name,Surname,Mobile Phone,Strange\nAna,Reed,512-555-0142,78701\n"
    run = runs.upload("leads", io.BytesIO(text.encode()), "a.csv", at=now)
    assert run.mapping == {"Given Name": "first_name", "Surname": "last_name", "Mobile Phone": "phone", "Strange": ""}
    mine = {**run.mapping, "Strange": "zip"}
    runs.start(run.pk, is_dry=True, at=now, mapping=mine, options={"source": "guide"}, save_as="Austin list")
    again = runs.upload("leads", io.BytesIO(text.encode()), "b.csv", at=now)
    assert again.mapping == mine
    assert again.options["source"] == "guide"


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"a": "phone", "b": "phone"}, "FIELD_TWICE"),
        ({"a": "nonsense", "b": ""}, "UNKNOWN_FIELD"),
        ({"a": "", "b": ""}, "NOTHING_MAPPED"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(catalogue, now: datetime, mapping, code: str) -> None:
    run = runs.upload("leads", io.BytesIO(b"a,b\n1,2\n"), "a.csv", at=now, options={"source": "guide"})
    with pytest.raises(RuleError) as error:
        runs.start(run.pk, is_dry=True, at=now, mapping=mapping)
    assert error.value.code == code


def test_an_import_asks_for_its_source(catalogue, now: datetime) -> None:
    run = runs.upload("leads", io.BytesIO(b"phone\n1\n"), "a.csv", at=now)
    with pytest.raises(RuleError) as error:
        runs.start(run.pk, is_dry=False, at=now)
    assert error.value.code == "OPTION_MISSING"
    assert Source.objects.exists()
