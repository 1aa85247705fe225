"""Data leaves with a reason, within the scope of who asks, harmless to spreadsheets, by a link that ends."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from audit.models import Access
from leads import exporting, fhir
from leads.models import Answer, Export, Lead
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import RuleError

EVIL = "=cmd|' /C calc'!A0"


@pytest.fixture(autouse=True)
def private(tmp_path: Path, settings) -> None:
    storages = json.loads(json.dumps(settings.STORAGES))
    storages["private"]["OPTIONS"]["location"] = str(tmp_path / "private")
    settings.STORAGES = storages


def person(role: str, name: str = "") -> User:
    user = User.objects.create(username=name or role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def taken(what: str, form: str, by: User, at: datetime, **filters: object) -> Export:
    export = exporting.ask(what, form, reason="audit", by=by, at=at, filters=filters)
    while exporting.work_due(at=at):
        pass
    export.refresh_from_db()
    return export


def rows_of(export: Export) -> list[dict[str, object]]:
    raw = export.file.open("rb").read()
    if export.format == "json":
        return json.loads(raw)
    if export.format == "csv":
        return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    header, *rows = openpyxl.load_workbook(io.BytesIO(raw)).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_formula_leaves_as_text(organisation, submit, now, form: str) -> None:
    submit(last_name=EVIL, phone="512-555-0142")
    [row] = rows_of(taken("leads", form, person("compliance"), now))
    assert row["last_name"] == (EVIL if form == "json" else f"'{EVIL}")
    assert "0142" in str(row["phone"])


def test_the_kind_of_an_organisation_leaves_with_it(organisation, submit, now) -> None:
    said = {"organisation_type": "hospital", "specialty": "cardiology", "care_setting": "inpatient"}
    submit("facility", lead_type="b2b", service="screening", npi="1234567893", sites=3, **said)
    [row] = rows_of(taken("leads", "json", person("compliance"), now))
    assert {name: row[name] for name in said} == said
    assert (row["npi"], row["sites"]) == ("1234567893", 3)


def test_a_lead_leaves_with_the_campaign_it_first_came_by(organisation, submit, now) -> None:
    submit(campaign="spring")
    submit(campaign="autumn")
    submit(first_name="Other", last_name="Beta", phone="512-555-0144", email="beta@example.org")
    rows = rows_of(taken("leads", "json", person("compliance"), now))
    assert [row["campaign"] for row in rows] == ["spring", ""]


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_control_character_stops_no_export(organisation, submit, now, form: str) -> None:
    lead = submit(phone="512-555-0142")
    Lead.objects.filter(pk=lead.pk).update(last_name="Re\x0bed\x1f", question="a\ufffe\x08b")
    export = taken("leads", form, person("compliance"), now)
    assert export.state == "ready", export.problem
    if form != "json":
        assert (rows_of(export)[0]["last_name"], rows_of(export)[0]["question"]) == ("Reed", "ab")


@pytest.mark.parametrize("error", [ValueError("Ana\x0bReed cannot be used"), SoftTimeLimitExceeded()])
def test_an_export_that_breaks_fails_with_a_sentence_and_stands_in_nobodys_way(
    organisation, submit, now, monkeypatch, caplog, error: Exception
) -> None:
    def breaks(path: Path, names: object, rows: object) -> int:
        path.write_text("Ana Reed")
        raise error

    submit()
    by = person("compliance")
    monkeypatch.setitem(exporting.WRITERS, "xlsx", breaks)
    first = exporting.ask("leads", "xlsx", reason="audit", by=by, at=now)
    second = taken("leads", "csv", by, now)
    first.refresh_from_db()
    assert (first.state, first.file.name, second.state) == ("failed", "", "ready")
    assert first.problem
    assert "Ana" not in first.problem + caplog.text


def test_a_file_that_a_crash_left_is_known_and_written_over(organisation, submit, now) -> None:
    submit()
    export = exporting.ask("leads", "csv", reason="audit", by=person("compliance"), at=now)
    export.refresh_from_db()
    export.file.storage.save(export.file.name, ContentFile(b"half"))
    assert exporting.work_due(at=now)
    done = Export.objects.get()
    assert (done.state, done.file.name) == ("ready", export.file.name)
    assert done.file.open("rb").read() != b"half"


def test_a_draft_lies_with_the_private_files_and_one_that_a_kill_left_is_swept(
    organisation, submit, now, monkeypatch, tmp_path
) -> None:
    written = []

    def note(path: Path, names: object, rows: object) -> int:
        written.append(path)
        return exporting.write_csv(path, names, rows)

    submit()
    monkeypatch.setitem(exporting.WRITERS, "csv", note)
    taken("leads", "csv", person("compliance"), now)
    folder = tmp_path / "private" / exporting.DRAFTS
    assert written[0].is_relative_to(folder)
    assert list(folder.iterdir()) == []
    (folder / "killed").mkdir()
    (folder / "killed" / "file.csv").write_text("Ana Reed")
    exporting.expire(at=timezone.now())
    assert (folder / "killed").exists(), "somebody may be writing it"
    exporting.expire(at=timezone.now() + exporting.DRAFTS_LIVE + timedelta(minutes=1))
    assert list(folder.iterdir()) == []


def test_the_reason_and_the_file_are_on_record(organisation, submit, now) -> None:
    submit()
    export = taken("leads", "csv", person("compliance"), now)
    assert (export.reason, export.rows, export.state, len(export.sha256)) == ("audit", 1, "ready", 64)
    with pytest.raises(RuleError) as error:
        exporting.ask("leads", "csv", reason=" ", by=export.by, at=now)
    assert error.value.code == "REASON_MISSING"


@pytest.mark.parametrize("what", ["leads", "timeline", "consent"])
def test_everyone_in_a_file_is_on_the_access_log_once(organisation, submit, now, monkeypatch, what: str) -> None:
    monkeypatch.setattr(exporting, "MOST_SUBJECTS", 2)
    leads = [submit(phone=f"+1512555030{n}", email="", last_name=f"Alpha{n}") for n in range(3)]
    submit(phone="+15125550300", email="", last_name="Alpha0")
    export = taken(what, "json", person("compliance"), now)
    rows = Access.objects.filter(action="export", query=f"leads.export:{export.pk}", user=export.by)
    noted = [name for row in rows for name in row.subjects]
    persons = [f"consent.address:{lead.phone_id}" if what == "consent" else f"leads.lead:{lead.pk}" for lead in leads]
    assert (sorted(noted), rows.count()) == (sorted(persons), 2)


@pytest.mark.parametrize(
    ("role", "what", "may"),
    [
        ("caller", "leads", False),
        ("marketing", "leads", False),
        ("supervisor", "leads", True),
        ("supervisor", "consent", False),
        ("compliance", "consent", True),
        ("compliance", "attempts", True),
        ("administrator", "timeline", True),
    ],
)
def test_each_role_takes_out_what_it_may(organisation, submit, now, role: str, what: str, may: bool) -> None:
    submit()
    by = person(role)
    assert (what in [each.code for each in exporting.offered(by)]) is may
    if may:
        assert taken(what, "json", by, now).state == "ready"
    else:
        with pytest.raises(RuleError) as error:
            exporting.ask(what, "json", reason="audit", by=by, at=now)
        assert error.value.code == "NOT_YOURS_TO_EXPORT"


def test_contact_data_is_shortened_for_who_may_not_take_it_out(organisation, submit, now) -> None:
    submit(phone="512-555-0142", email="ana@example.org")
    [shortened] = rows_of(taken("leads", "json", person("supervisor"), now))
    assert (shortened["phone"], shortened["email"]) == ("•••-0142", "a•••@example.org")
    [full] = rows_of(taken("leads", "json", person("compliance"), now))
    assert (full["phone"], full["email"]) == ("+15125550142", "ana@example.org")


def test_numbers_in_free_text_are_shortened_too(organisation, submit, now) -> None:
    lead = submit(question="Call my sister at 512-555-0177")
    events.record_activity(lead.pk, InteractionKind.SMS_REPLY, at=now, text="or write ana@example.org")
    supervisor, compliance = person("supervisor"), person("compliance")
    [shortened] = rows_of(taken("leads", "json", supervisor, now))
    assert shortened["question"] == "Call my sister at (512) •••-0177"
    assert "or write a•••@example.org" in [row["text"] for row in rows_of(taken("timeline", "json", supervisor, now))]
    [full] = rows_of(taken("leads", "json", compliance, now))
    assert full["question"] == "Call my sister at 512-555-0177"


def test_who_lost_the_right_fetches_nothing_any_more(organisation, submit, now) -> None:
    submit()
    by = person("compliance")
    export = taken("leads", "csv", by, now)
    token = exporting.token_of(export)
    assert exporting.open_by(token, user=by, at=now) == export
    by.groups.clear()
    with pytest.raises(RuleError) as error:
        exporting.open_by(token, user=User.objects.get(pk=by.pk), at=now)
    assert error.value.code == "NOT_YOURS_TO_EXPORT"


def test_sensitive_leads_stay_inside_for_who_does_not_see_them(organisation, submit, now) -> None:
    submit(service="bh")
    assert rows_of(taken("leads", "json", person("supervisor"), now)) == []
    assert len(rows_of(taken("leads", "json", person("compliance"), now))) == 1


def test_the_link_is_for_one_person_and_ends(client, organisation, submit, now) -> None:
    from django.utils import timezone

    submit()
    by, other = person("compliance"), person("compliance", "other")
    export = taken("leads", "csv", by, timezone.now())
    url = f"/admin/leads/export/file/?link={exporting.token_of(export)}"
    client.force_login(other)
    assert client.get(url).status_code == 403
    client.force_login(by)
    answer = client.get(url)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == export.file.open("rb").read()
    assert client.get(url[:-3] + "abc").status_code == 403
    assert exporting.expire(at=export.expires_at + timedelta(seconds=1)) == 1
    export.refresh_from_db()
    assert not export.file
    assert client.get(url).status_code == 403


def test_one_person_leaves_as_a_valid_fhir_bundle(organisation, submit, now) -> None:
    lead = submit(first_name="Ana", last_name="Reed")
    Answer.objects.create(
        lead=lead, code="referral_held", cycle=1, value="yes", origin="call", answered_at=now, is_current=True
    )
    events.record_appointment(
        lead.pk, service="ortho", clinic="aus", on=now.date() + timedelta(days=2), status="booked", at=now
    )
    text = fhir.export(lead.pk, at=now, by=person("compliance"), reason="transfer of care")
    bundle = Bundle.model_validate_json(text)
    kinds = [entry.resource.__class__.__name__ for entry in bundle.entry]
    assert kinds == ["Patient", "Consent", "Consent", "Consent", "Appointment", "QuestionnaireResponse"]
    assert bundle.entry[0].resource.name[0].family == "Reed"
    urls = [entry.fullUrl for entry in bundle.entry]
    assert (urls[0], len(set(urls))) == (f"urn:uuid:{lead.public_id}", len(urls))
    assert {entry.resource.patient.reference for entry in bundle.entry[1:4]} == {urls[0]}
    visit = bundle.entry[4].resource
    assert (visit.status, visit.end - visit.start) == ("booked", timedelta(days=1)), "no hour agreed: the day [app-3]"
    assert Export.objects.get(format="fhir").lead == lead
    with pytest.raises(RuleError):
        fhir.export(lead.pk, at=now, by=person("supervisor"), reason="curious")


def test_addresses_of_merged_leads_leave_with_the_person(organisation, submit, now) -> None:
    lead = submit(phone="512-555-0142", email="ana@example.org")
    other = submit(phone="512-555-0143", email="reed@example.org", last_name="Old")
    Lead.objects.filter(pk=other.pk).update(merged_into=lead)
    bundle = Bundle.model_validate_json(fhir.export(lead.pk, at=now, by=person("compliance"), reason="transfer"))
    values = [contact.value for contact in bundle.entry[0].resource.telecom]
    assert values == ["+15125550142", "ana@example.org", "+15125550143", "reed@example.org"]
    ids = [entry.resource.id for entry in bundle.entry if entry.resource.__class__.__name__ == "Consent"]
    assert len(ids) == len(set(ids)) == 6
