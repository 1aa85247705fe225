"""The smaller files: consent with its proof, open slots, documents, lists, staff; and the page all files come in by."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile

from consent import addresses, erasure
from consent.models import ConsentEvent, Disclosure, ListEntry, Permission, Seller
from leads.importing import runs
from leads.models import Availability, DocumentStatus, ImportRun, Lead
from leads.models.importing import ImportPhase as Phase
from routing.models import Agent
from tests.leads.test_importing import bring, codes, private, work  # noqa: F401 - the fixture keeps files apart


def test_consent_comes_in_with_proof_and_withdrawals_without(organisation, now: datetime) -> None:
    shown = str(Disclosure.objects.first())
    run = bring(
        "phone,email,happened,channels,happened at,text shown,proof\n"
        f'512-555-0142,,grant,"voice, sms",2026-10-01,{shown},https://x.example.org/1\n'
        "512-555-0143,,grant,sms,2026-10-01,,\n"
        "512-555-0142,,do not call,,2026-11-01,,\n"
        ",ana@example.org,opt out,email,2026-11-01,,\n"
        f",,grant,sms,2026-10-01,{shown},y\n",
        now,
        kind="consent",
    )
    assert codes(run) == {3: "CONSENT_WITHOUT_PROOF", 6: "NO_ADDRESS"}
    kinds = ConsentEvent.objects.order_by("seq").values_list("address__value", "kind", "scope")
    assert set(kinds) == {
        ("+15125550142", "grant", ""),
        ("+15125550142", "internal_dnc", "everything"),
        ("ana@example.org", "email_unsub", ""),
    }
    assert set(Permission.objects.values_list("state", flat=True)) == {"blocked"}


def test_a_file_names_the_text_in_the_language_in_which_it_was_shown(organisation, now: datetime) -> None:
    lines = "phone,happened,channels,happened at,text shown,proof\n" + "".join(
        f"512-555-01{number},grant,sms,2026-10-01,{shown},https://x.example.org/{number}\n"
        for number, shown in ((42, "form"), (43, "Form v1"), (44, "form v1 (es)"))
    )
    assert codes(bring(lines, now, kind="consent")) == {}
    grants = ConsentEvent.objects.filter(kind="grant").order_by("address__value")
    assert list(grants.values_list("disclosure__language", flat=True)) == ["en", "en", "es"]


def test_consent_goes_no_further_than_its_text(organisation, now: datetime) -> None:
    seller = Seller.objects.create(code="other", name="Other Health")
    made = {"level": "PEWC", "purposes": ["marketing"], "channels": ["email"], "text": "By mail only."}
    shown = Disclosure.objects.create(code="letter", seller=seller, **made)
    lines = (
        "phone,email,happened,channels,happened at,text shown,proof\n"
        f"512-555-0142,,grant,sms,2026-10-01,{shown},https://x.example.org/1\n"
        f",ana@example.org,grant,email,2026-10-01,{shown},https://x.example.org/2\n"
    )
    assert codes(bring(lines, now, kind="consent")) == {2: "CONSENT_BEYOND_TEXT"}
    assert [event.sellers for event in ConsentEvent.objects.filter(kind="grant")] == [["other"]]
    first = Seller.objects.exclude(pk="other").first().pk
    again = bring(lines.replace("2026-10-01", "2026-10-02"), now, kind="consent", seller=first)
    assert codes(again) == {2: "CONSENT_BEYOND_TEXT", 3: "CONSENT_OTHER_SELLER"}


def test_answers_of_the_reassigned_numbers_database_come_in(organisation, now: datetime) -> None:
    run = bring(
        "number,response,date\n512-555-0142,no,2026-11-20\n512-555-0143,yes,2026-11-20\n512-555-0144,maybe,2026-11-20\n",
        now,
        kind="number_checks",
    )
    assert codes(run) == {4: "NOT_A_CHOICE"}
    answers = ConsentEvent.objects.filter(kind="number_check").values_list("address__value", "facts__result")
    assert set(answers) == {("+15125550142", "no"), ("+15125550143", "yes")}
    assert set(Permission.objects.values_list("address__value", "code")) == {
        ("+15125550142", ""),
        ("+15125550143", "NUMBER_REASSIGNED"),
    }


def test_what_a_carrier_says_of_numbers_comes_in(organisation, now: datetime) -> None:
    run = bring(
        "number,line type,date\n512-555-0142,Landline,2026-11-20\n512-555-0143,wireless,2026-11-20\n"
        "512-555-0144,fax,2026-11-20\n",
        now,
        kind="line_types",
    )
    assert codes(run) == {4: "NOT_A_CHOICE"}
    found = ConsentEvent.objects.filter(kind="line_type").values_list("address__value", "facts__line_type")
    assert set(found) == {("+15125550142", "landline"), ("+15125550143", "mobile")}


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_file_gives_no_consent_to_who_was_erased_but_takes_their_withdrawal(organisation, now, is_dry: bool) -> None:
    shown = str(Disclosure.objects.first())
    gone = addresses.lock_many(addresses.named([("phone", "+15125550142")]))[("phone", "+15125550142")]
    erasure.erase(gone.pk, at=now, by=None, reason="asked")
    run = bring(
        "phone,happened,channels,happened at,text shown,proof\n"
        f"512-555-0142,grant,sms,2026-10-01,{shown},https://x.example.org/1\n"
        "512-555-0142,do not call,,2026-11-01,,\n",
        now,
        kind="consent",
        is_dry=is_dry,
    )
    assert codes(run) == {2: "ERASED_ADDRESS"}
    assert (run.counts.get("granted"), run.counts["withdrawn"]) == (None, 1)
    assert not ConsentEvent.objects.filter(kind="grant").exists()


def test_a_file_of_consent_is_taken_back_and_its_withdrawals_stay(organisation, now: datetime) -> None:
    shown = str(Disclosure.objects.first())
    run = bring(
        "phone,happened,channels,happened at,text shown,proof\n"
        f"512-555-0142,grant,sms,2026-10-01,{shown},https://x.example.org/1\n"
        "512-555-0143,do not call,,2026-11-01,,\n",
        now,
        kind="consent",
    )
    states = Permission.objects.filter(address__value="+15125550142").values_list("state", flat=True)
    assert "granted" in states
    run = work(runs.undo(run.pk, at=now), now)
    assert (run.phase, run.undo_counts) == (Phase.UNDONE, {"voided": 1}), run.problem
    assert "granted" not in states.all()
    blocked = Permission.objects.filter(address__value="+15125550143")
    assert set(blocked.values_list("state", flat=True)) == {"blocked"}


def test_open_slots_are_set_by_day(organisation, now: datetime) -> None:
    run = bring(
        "Service,Clinic,Date,Slots\nOrthopedic consult,Austin Central,2026-12-20,7\northo,okc,2026-12-20,7\n"
        "ortho,aus,2026-12-21,many\n",
        now,
        kind="availability",
    )
    assert codes(run) == {3: "NOT_OFFERED", 4: "NOT_A_NUMBER"}
    row = Availability.objects.get(offering__service="ortho", offering__clinic="aus", date=date(2026, 12, 20))
    assert row.open_slots == 7


def test_documents_find_their_lead_by_id_or_its_own_address(organisation, submit, now: datetime) -> None:
    one = submit(phone="512-555-0142", email="")
    two = submit(phone="512-555-0143", email="", last_name="Beta")
    submit(phone="512-555-0144", email="", first_name="Ana")
    submit(phone="512-555-0144", email="", first_name="Ben")
    run = bring(
        "lead id,phone,document\n"
        f"{one.public_id},,referral_letter\n,512-555-0143,referral_letter\n,512-555-0144,referral_letter\n"
        ",512-555-0199,referral_letter\n",
        now,
        kind="documents",
    )
    assert codes(run) == {4: "NO_LEAD", 5: "NO_LEAD"}
    assert set(DocumentStatus.objects.values_list("lead", "status")) == {(one.pk, "received"), (two.pk, "received")}


def test_a_list_of_numbers_becomes_a_version(organisation, now: datetime) -> None:
    run = bring("Number\n512-555-0142\n(512) 555-0143\nhello\n", now, kind="dnc", state="TX", version="2026-11")
    assert (run.phase, run.counts["numbers"], run.counts["rejected"]) == (Phase.IMPORTED, 2, 1), run.problem
    entries = ListEntry.objects.filter(snapshot__state="TX", snapshot__version="2026-11")
    assert set(entries.values_list("number", flat=True)) == {15125550142, 15125550143}


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_number_that_a_spreadsheet_mangled_blocks_nobody_else_and_comes_back(organisation, now, is_dry: bool) -> None:
    cells = [
        "5.1255501E+09",
        "5.12555E+09",
        "5125550142.0",
        "5.125550143E+09",
        "'5125550144",
        "=A1",
        "+44 20 7946 0958",
    ]
    run = bring("Number,Note\n" + "".join(f"{cell},x\n" for cell in cells), now, kind="dnc", state="TX", is_dry=is_dry)
    assert codes(run) == {2: "PHONE_ROUNDED", 3: "PHONE_ROUNDED", 7: "FORMULA", 8: "NOT_A_US_NUMBER"}
    assert (run.counts["numbers"], run.counts["rejected"]) == (3, 4), run.problem
    assert run.counts["reasons"] == {"PHONE_ROUNDED": 2, "FORMULA": 1, "NOT_A_US_NUMBER": 1}
    listed = set(ListEntry.objects.values_list("number", flat=True))
    assert listed == (set() if is_dry else {15125550142, 15125550143, 15125550144})
    rejects = "".join(runs.rejected_file(run)).splitlines()
    assert len(rejects) == 5
    assert rejects[1].startswith("5.1255501E+09,x,2,")


def test_staff_come_in_without_passwords_and_never_with_wide_rights(organisation, now: datetime) -> None:
    boss = User.objects.create(username="boss", is_staff=True)
    boss.groups.add(Group.objects.get(name="compliance"))
    run = bring(
        "login,first name,email,team,role,languages,most open leads\n"
        'ana,Ana,ana@example.org,Scheduling,scheduler,"en, es",30\n'
        "ben,Ben,,scheduling,administrator,,\n"
        "boss,Ben,,scheduling,caller,,\n",
        now,
        kind="staff",
    )
    assert codes(run) == {3: "NOT_A_CHOICE", 4: "NOT_BY_FILE"}
    ana = Agent.objects.get(user__username="ana")
    assert (ana.team_id, ana.languages, ana.open_cap, ana.daily_cap) == ("scheduling", ["en", "es"], 30, None)
    assert not ana.user.has_usable_password()
    assert [group.name for group in ana.user.groups.all()] == ["scheduler"]


# The page


@pytest.fixture
def administrator(client, organisation) -> User:
    user = User.objects.create(username="admin", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    return user


def test_a_file_goes_through_the_page(client, administrator, now: datetime) -> None:
    raw = b"Name,Mobile\nAna Reed,512-555-0142\nBen,12\n"
    answer = client.post("/admin/leads/importrun/add/", {"kind": "leads", "file": SimpleUploadedFile("a.csv", raw)})
    run = ImportRun.objects.get()
    page = f"/admin/leads/importrun/{run.pk}/change/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert client.get(page).context["columns"].fields["column_1"].initial == "phone"
    given = {"column_0": "full_name", "column_1": "phone", "option_source": "guide", "save_as": "Austin"}
    client.post(f"/admin/leads/importrun/{run.pk}/start/", {**given, "check": ""})
    assert work(run, now).phase == Phase.CHECKED
    assert not Lead.objects.exists()
    client.post(f"/admin/leads/importrun/{run.pk}/start/", {**given, "import": ""})
    run = work(run, now)
    assert (run.phase, run.counts["created"], run.counts["rejected"]) == (Phase.IMPORTED, 1, 1)
    rejects = client.post(f"/admin/leads/importrun/{run.pk}/rejects/")
    assert b"INVALID_PHONE" in b"".join(rejects.streaming_content)
    assert client.get(f"/admin/leads/importrun/{run.pk}/rejects/").status_code == 405
    client.post(f"/admin/leads/importrun/{run.pk}/undo/", {})
    assert work(run, now).phase == Phase.UNDONE
    assert not Lead.objects.exists()


def test_a_file_that_cannot_be_read_is_refused_on_the_page(client, administrator) -> None:
    bad = SimpleUploadedFile("a.xls", b"\xd0\xcf\x11\xe0old")
    answer = client.post("/admin/leads/importrun/add/", {"kind": "leads", "file": bad})
    assert answer.status_code == 200
    assert "Save it as .xlsx" in answer.content.decode()


@pytest.mark.parametrize("role", ["caller", "scheduler", "supervisor", "marketing", "compliance"])
def test_who_may_not_import_cannot(client, organisation, now: datetime, role: str) -> None:
    run = runs.upload("leads", io.BytesIO(b"phone\n512-555-0142\n"), "a.csv", at=now, options={"source": "guide"})
    user = User.objects.create(username=role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    raw = SimpleUploadedFile("a.csv", b"phone\n1\n")
    assert client.post("/admin/leads/importrun/add/", {"kind": "leads", "file": raw}).status_code == 403
    assert client.post(f"/admin/leads/importrun/{run.pk}/start/", {"import": ""}).status_code in (403, 404)
    assert client.post(f"/admin/leads/importrun/{run.pk}/rejects/").status_code in (403, 404)
    run.refresh_from_db()
    assert run.phase == Phase.UPLOADED


def test_the_command_imports_checks_and_writes_rejects(organisation, tmp_path: Path) -> None:
    from django.core.management import call_command

    file, rejects, out = tmp_path / "a.csv", tmp_path / "rejects.csv", io.StringIO()
    file.write_text("who,number\nAna Reed,512-555-0142\nBen,12\n")
    mapping = json.dumps({"who": "full_name", "number": "phone"})
    call_command("import_file", "leads", file, mapping=mapping, set=["source=guide"], dry_run=True, stdout=out)
    assert not Lead.objects.exists()
    call_command("import_file", "leads", file, mapping=mapping, set=["source=guide"], rejects=rejects, stdout=out)
    assert str(Lead.objects.get()) == "Ana Reed"
    assert "INVALID_PHONE" in rejects.read_text()
