"""Compliance sees everything and changes none of the evidence; callers see none of it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from consent import (
    book,
    calling_rules,
    checkpoints,
    gate,
    inbound,
    ledger,
    people,
    seed,
    stopping,
    tasks,
    verify,
    words,
)
from consent.admin.addresses import as_of
from consent.admin.rules import POLICIES
from consent.models import (
    Address,
    Attempt,
    CallingRule,
    Checkpoint,
    ConsentEvent,
    Disclosure,
    ExportLog,
    ListSnapshot,
    Seller,
)
from medcrm import roles
from medcrm.dashboard import Figure
from medcrm.lib.errors import RuleError
from medcrm.middleware import BACKGROUND
from tests.consent.conftest import make_address
from tests.consent.factories import ask, grant, say

pytestmark = pytest.mark.django_db
MODELS = [model for model in admin.site._registry if model._meta.app_label == "consent"]


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    """The pages read the clock; here it stands an hour after everything that happened."""
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def compliance(db: None) -> Client:
    return login("compliance")


def login(role: str) -> Client:
    roles.sync()
    user = User.objects.create_user(f"{role}1", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    if role == "compliance":  # until the matrix of roles names the newest model
        from django.contrib.auth.models import Permission

        user.user_permissions.add(Permission.objects.get(codename="view_verification"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def lived(phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> Address:
    grant(phone, disclosure, now=now)
    gate.reserve(ask(phone), at=now - timedelta(hours=1))
    say(phone, "can you stop by tomorrow?", now=now)
    checkpoints.seal(at=now)
    verify.run(at=now)
    return phone


def url(model: type, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:consent_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.model_name)
def test_every_list_and_page_opens_for_compliance(compliance: Client, lived: Address, model: type) -> None:
    assert compliance.get(url(model)).status_code == 200
    first = model.objects.first()
    if first is not None:
        assert compliance.get(url(model, "change", first.pk)).status_code == 200


@pytest.mark.parametrize("role", ["caller", "marketing"])
@pytest.mark.parametrize("model", [Address, ConsentEvent, Attempt, ExportLog])
def test_other_roles_see_no_evidence(lived: Address, role: str, model: type) -> None:
    client = login(role)
    assert client.get(url(model)).status_code == 403
    assert client.post(url(Address, "evidence", lived.pk)).status_code in (403, 404, 302)
    assert not ExportLog.objects.exists()


@pytest.mark.parametrize("model", [Address, ConsentEvent, Attempt])
def test_nobody_adds_changes_or_deletes_evidence(lived: Address, model: type) -> None:
    User.objects.create_superuser("root")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    first = model.objects.first()
    assert client.get(url(model, "add")).status_code == 403
    assert client.get(url(model, "delete", first.pk)).status_code == 403
    assert client.post(url(model, "change", first.pk), {"value": "x"}).status_code == 403


@pytest.mark.parametrize("model", [Address, ConsentEvent, Attempt])
def test_a_list_costs_the_same_for_three_rows_and_thirty(
    compliance: Client, disclosure: Disclosure, scrub: ListSnapshot, now: datetime, model: type
) -> None:
    def fill(start: int, end: int) -> int:
        for n in range(start, end):
            address = make_address("phone", f"+1212555{n:04}")
            grant(address, disclosure, now=now)
            gate.reserve(ask(address), at=now)
        with CaptureQueriesContext(connection) as queries:
            assert compliance.get(url(model)).status_code == 200
        return len(queries)

    fill(0, 1)  # caches of the first request
    assert fill(1, 3) == fill(3, 30)


def test_the_page_of_an_address_costs_the_same_for_a_long_story(
    compliance: Client, lived: Address, now: datetime
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert compliance.get(url(Address, "change", lived.pk)).status_code == 200
        return len(queries)

    count()
    before = count()
    for _ in range(20):
        say(lived, "hello", now=now)
    assert count() == before


@pytest.mark.parametrize("term", ["(212) 555-0123", "+12125550123", "Ann Lee"])
def test_search_finds_a_number_in_any_format_and_a_person(
    compliance: Client, lived: Address, mailbox: Address, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_finder", lambda name: [lived.pk] if name == "Ann Lee" else [])
    for model in (Address, ConsentEvent, Attempt):
        found = compliance.get(url(model), {"q": term}).context["cl"].result_list
        assert {getattr(row, "address_id", row.pk) for row in found} == {lived.pk}
    assert "+12125550123" not in compliance.get(url(Address), {"q": "212-555-0199"}).content.decode()


def test_permission_is_shown_as_of_any_moment(compliance: Client, lived: Address, now: datetime) -> None:
    page = url(Address, "change", lived.pk)
    after = compliance.get(page, {"at": now.isoformat()}).content.decode()
    before = compliance.get(page, {"at": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")}).content.decode()
    long_ago = compliance.get(page, {"at": "2020-01-01T00:00"}).content.decode()
    assert "may be a request to stop" in after and "can you stop by tomorrow?" in after
    assert "may be a request to stop" not in before and "Permission for calls, texts" in before
    assert "Nothing had happened by then" in long_ago
    assert compliance.get(page, {"at": "nonsense"}).status_code == 200
    to_come = compliance.get(page, {"at": "2099-01-01T00:00"}).content.decode()
    assert "2099" not in to_come, "nobody can say what will be permitted"


def test_the_moment_of_an_as_of_field_is_utc_wherever_the_office_is(settings) -> None:
    settings.TIME_ZONE = "America/Chicago"
    assert as_of("2026-11-24T12:00:00") == datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_page_of_an_address_speaks_in_words(compliance: Client, lived: Address) -> None:
    page = compliance.get(url(Address, "change", lived.pk)).content.decode()
    assert "Calls" in page and "Express written consent" in page and "Harbor Health" in page
    assert not {"PEWC", "voice<", "harbor_health"} & set(re.findall(r"[\w<]+", re.sub(r' title="[^"]*"', "", page)))


def test_a_withdrawal_is_recorded_as_it_was_said(compliance: Client, lived: Address) -> None:
    dialog = f"{url(Address, 'change', lived.pk).removesuffix('change/')}withdraw/"
    assert compliance.get(dialog, follow=True).status_code == 200
    assert not ConsentEvent.objects.filter(kind="internal_dnc").exists(), "asking is not doing"
    answer = compliance.post(dialog, {"scope": "dnc", "said": "letter of 3 May: never again"}, follow=True)
    assert answer.status_code == 200
    event = ConsentEvent.objects.select_related("values").get(kind="internal_dnc")
    assert event.by.username == "compliance1" and "letter of 3 May" in event.values.body
    assert gate.decide(ask(lived, "voice_manual"), at=timezone.now()).code == "INTERNAL_DNC"


def test_what_was_looked_up_said_or_entered_by_mistake_is_written_down(compliance: Client, lived: Address) -> None:
    page = url(Address, "change", lived.pk).removesuffix("change/")
    assert compliance.post(f"{page}number-check/", {"result": "no", "note": "query 7"}, follow=True).status_code == 200
    told = {"kind": "location", "said": "on the call: I live in Phoenix", "state": "AZ"}
    assert compliance.post(f"{page}said/", told, follow=True).status_code == 200
    assert compliance.post(f"{page}line/", {"line_type": "landline", "reason": ""}).status_code == 200
    assert not ConsentEvent.objects.filter(kind="line_type").exists()
    known = {"line_type": "landline", "reason": "the switchboard of their practice answers"}
    assert "Kind of line: landline." in compliance.post(f"{page}line/", known, follow=True).content.decode()
    [checked, place] = ConsentEvent.objects.filter(kind__in=["number_check", "location"]).order_by("seq")
    assert (checked.facts, place.facts, place.by.username) == ({"result": "no"}, {"state": "AZ"}, "compliance1")
    refused = compliance.post(f"{page}said/", {**told, "state": "Arizona"}).content.decode()
    assert ConsentEvent.objects.filter(kind="location").count() == 1, refused
    event = url(ConsentEvent, "change", place.pk).removesuffix("change/")
    assert compliance.post(f"{event}correct/", {"reason": "another person"}, follow=True).status_code == 200
    assert ConsentEvent.objects.get(kind="correction").about == place.pk
    mailbox = url(Address, "change", make_address("email", "ana@example.org").pk)
    assert "number-check/" not in compliance.get(mailbox).content.decode()


def test_the_review_queue_shows_what_waits_and_empties(compliance: Client, lived: Address) -> None:
    queue = compliance.get(url(ConsentEvent), {"review": "waiting"}).content.decode()
    assert "can you stop by tomorrow?" in queue
    [waiting] = inbound.queue()
    dialog = f"{url(ConsentEvent, 'change', waiting.pk).removesuffix('change/')}review/"
    assert compliance.post(dialog, {"verdict": "none", "note": "directions"}, follow=True).status_code == 200
    assert not inbound.queue().exists()


def test_the_review_queue_reads_oldest_first(compliance: Client, lived: Address, now: datetime) -> None:
    say(lived, "can you stop by at noon?", now=now + timedelta(minutes=30))
    queue = compliance.get(url(ConsentEvent), {"review": "waiting"}).context_data["cl"].result_list
    assert [words.said(event) for event in queue] == ["can you stop by tomorrow?", "can you stop by at noon?"]


def test_the_figures_of_compliance_are_those_of_the_lists_behind_them(
    compliance: Client, lived: Address, scrub: ListSnapshot, now: datetime, own_cache: None
) -> None:
    def figures() -> dict[str, Figure]:
        shown = compliance.get("/admin/", headers={BACKGROUND: "1"}).context["homes"][0].figures
        return {figure.link.partition("?")[2]: figure for figure in shown}

    def listed(figure: Figure) -> int:
        return compliance.get(figure.link).context_data["cl"].result_count

    say(lived, "can you stop by for me?", now=now - timedelta(days=30))
    with pytest.raises(gate.NotContactable):
        gate.reserve(ask(lived, "sms"), at=now)
    unread = figures()["review=waiting"]
    assert unread.count == listed(unread) == 2, "however long ago it came"
    for message in inbound.queue():
        inbound.review(message.pk, "none", by=None, at=now)
    assert figures()["review=waiting"].count == 0
    contacts = [figure for query, figure in figures().items() if "kind" in query]
    assert [figure.count for figure in contacts] == [listed(figure) for figure in contacts] == [1, 1]


def test_exports_need_a_post_and_are_logged(compliance: Client, lived: Address, now: datetime) -> None:
    evidence, fhir = url(Address, "evidence", lived.pk), url(Address, "fhir", lived.pk)
    assert compliance.get(evidence).status_code == 405
    for path in (evidence, fhir):
        assert compliance.post(path, {"at": now.isoformat(), "reason": " "}).status_code == 302, "for whom and why?"
    assert not ExportLog.objects.exists()
    made = compliance.post(evidence, {"at": now.isoformat(), "reason": "complaint 7"})
    assert "summary.pdf" in zipfile.ZipFile(io.BytesIO(made.content)).namelist()
    assert "no-store" in made["Cache-Control"]
    assert compliance.post(fhir, {"reason": "transfer"})["Content-Type"] == "application/fhir+json"
    assert list(ExportLog.objects.order_by("pk").values_list("kind", "by__username", "reason")) == [
        ("evidence", "compliance1", "complaint 7"),
        ("fhir", "compliance1", "transfer"),
    ]


def test_a_changed_calling_rule_is_a_new_version(compliance: Client, now: datetime) -> None:
    old = CallingRule.objects.get(state="FL")
    page = url(CallingRule, "change", old.pk)
    form = compliance.get(page).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    ticked, data["overlay_channels"] = data["overlay_channels"], None
    data = {
        name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in data.items() if v not in (None, False)
    }
    data["overlay_channels"] = [*ticked, "sms"]
    answer = compliance.post(page, {**data, "weekday_start": "09:00", "reason": "HB 1 of 2027"}, follow=True)
    assert answer.status_code == 200, answer.content
    versions = list(
        CallingRule.objects.filter(state="FL").order_by("version").values_list("weekday_start", "retired_at")
    )
    assert [v[0].hour for v in versions] == [8, 9] and versions[0][1] and versions[1][1] is None
    made = CallingRule.objects.get(state="FL", retired_at=None)
    assert made.created_by.username == "compliance1" and made.overlay_channels == [*ticked, "sms"]
    with pytest.raises(RuleError, match="replaced"):
        calling_rules.amend(old.pk, {}, by=None, at=now)


def test_a_used_disclosure_and_a_fixed_policy_cannot_be_changed(
    compliance: Client, lived: Address, seller: Seller
) -> None:
    used = Disclosure.objects.get()
    page = compliance.get(url(Disclosure, "change", used.pk)).content.decode()
    assert 'name="text"' not in page and 'name="retired_at_0"' in page
    assert "Names the seller" in page and "names_seller" not in page  # codes are read by their names
    draft = Disclosure.objects.create(code="next", seller=seller, text="t", level="PEC")
    assert 'name="text"' in compliance.get(url(Disclosure, "change", draft.pk)).content.decode()
    from consent.models import PolicySetting

    assert compliance.post(url(PolicySetting, "change", "unknown_tz"), {"value": "1"}).status_code == 403


def test_what_a_disclosure_covers_is_ticked_and_no_input_hides_the_forms_own(
    compliance: Client, seller: Seller
) -> None:
    body = {
        "code": "next", "version": "1", "seller": seller.pk, "text": "You may text me.", "language": "en",
        "level": "PEC",
        "channels": ["sms", "email"], "purposes": ["informational"], "said": ["written", "names_seller"],
    }  # fmt: skip
    page = compliance.get(url(Disclosure, "add")).content.decode()
    assert 'name="elements"' not in page and page.count('name="channels"') == 3
    assert compliance.post(url(Disclosure, "add"), body | {"channels": ["fax"]}).status_code == 200
    assert compliance.post(url(Disclosure, "add"), body).status_code == 302
    made = Disclosure.objects.get(code="next")
    assert (made.channels, made.purposes, made.elements) == (
        ["sms", "email"], ["informational"], ["written", "names_seller"],
    )  # fmt: skip


def test_compliance_stops_all_contact_in_an_emergency(compliance: Client) -> None:
    assert not stopping.is_stopped()
    typed = {"value": "on", "owner": "Counsel", "reason": "A vendor sold us forged consents."}
    page = reverse("admin:consent_policysetting_change", args=[stopping.STOPPED])
    assert compliance.post(page, typed).status_code == 302
    assert stopping.is_stopped()


def test_compliance_lifts_a_stop_of_all_contact_with_a_reason(compliance: Client) -> None:
    row = stopping.stop_contact(owner="Whoever restored", reason="Restored.")
    page = url(type(row), "change", row.pk)
    assert compliance.post(page, {"owner": "Counsel", "reason": ""}).status_code == 200
    assert stopping.is_stopped()
    assert compliance.post(page, {"owner": "Counsel", "reason": "All opt-outs were entered."}).status_code == 302
    assert not stopping.is_stopped()


@pytest.mark.parametrize(
    ("code", "typed", "kept"),
    [
        ("informational_from", "09:30", "09:30"),
        ("informational_from", "9 o'clock", "08:00"),
        ("informational_until", "24:00", "21:00"),
        ("marketing_cap", "2", 2),
        ("marketing_cap", "", None),
        ("marketing_cap", "-1", 3),
        ("marketing_cap_hours", "", 24),
        ("marketing_cap_hours", "[]", 24),
        ("abandon_rate_max", "0.02", 0.02),
        ("abandon_rate_max", "3", 0.03),
    ],
)
def test_a_policy_takes_only_a_value_that_the_gate_can_read(
    compliance: Client, code: str, typed: str, kept: object, now: datetime
) -> None:
    from consent.models import PolicySetting

    page = url(PolicySetting, "change", code)
    before = PolicySetting.objects.get(pk=code)
    answer = compliance.post(page, {"value": typed, "owner": "Counsel", "reason": "Asked on 1 December."})
    is_taken = PolicySetting.objects.get(pk=code).owner == "Counsel"
    assert is_taken == (kept != before.value) == (answer.status_code == 302)
    assert str(getattr(book.load([], at=now).policy, code)) == str(kept)
    if not is_taken:
        assert f'value="{escape(typed)}"' in answer.content.decode() or not typed


def test_a_broken_chain_is_said_on_the_page(compliance: Client, lived: Address) -> None:
    from tests.consent.flush import without_triggers

    with without_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE consent_consentevent SET verdict = 'none' WHERE kind = 'inbound'")
    assert "tampered" in compliance.get(url(Address, "change", lived.pk)).content.decode()


def test_the_projection_follows_the_ledger_on_the_list(compliance: Client, lived: Address, now: datetime) -> None:
    ledger.record(lived.pk, "revoke", occurred_at=now, at=now)
    assert "Withdrawn" in compliance.get(url(Address)).content.decode()


def test_a_rule_that_begins_later_counts_from_then_on_and_the_one_before_it_until_then(
    compliance: Client, now: datetime
) -> None:
    old, day = CallingRule.objects.get(state="FL"), timedelta(days=1)
    law = calling_rules.amend(old.pk, {"weekday_start": time(9), "starts_at": now + 31 * day}, by=None, at=now)

    def opens(at: datetime) -> int:
        return book.load([], at=at).rule("FL").week[0][0].hour

    assert [opens(now + ahead * day) for ahead in (0, 30, 31)] == [8, 8, 9]
    assert book.load([], at=now).version == book.load([], at=now + 30 * day).version
    listed = compliance.get(url(CallingRule, "changelist")).content.decode()
    assert f"/{old.pk}/change" in listed and f"/{law.pk}/change" in listed, "both stand"
    calling_rules.amend(law.pk, {"weekday_start": time(10), "starts_at": now + 60 * day}, by=None, at=now + day)
    assert [opens(now + ahead * day) for ahead in (31, 59, 60)] == [8, 8, 10], "what never began never counts"


def test_what_was_decided_before_a_change_rests_on_the_rules_of_then(compliance: Client, now: datetime) -> None:
    old = CallingRule.objects.get(state="FL")
    calling_rules.amend(old.pk, {"weekday_start": time(9)}, by=None, at=now)
    week = [book.load([], at=now - timedelta(hours=ago)).rule("FL").week[0][0].hour for ago in (1, 0)]
    assert week == [8, 9]


def test_every_policy_setting_has_a_name_of_its_own(compliance: Client) -> None:
    assert POLICIES.keys() == seed.POLICIES.keys()
    assert len({str(name) for name in POLICIES.values()}) == len(POLICIES)
    page = compliance.get(reverse("admin:consent_policysetting_changelist")).content.decode()
    assert "Where the time of day is not known" in page


def test_compliance_has_the_ledger_checked_by_a_worker(compliance, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("medcrm.lib.bell.ring", asked.append)
    start = reverse("admin:consent_verification_start")
    assert start in compliance.get(reverse("admin:consent_verification_changelist")).content.decode()
    assert compliance.get(start).status_code == 405
    assert compliance.post(start).status_code == 302
    assert asked == [tasks.verify_ledger.name]
    assert login("administrator").post(start).status_code == 403
    assert len(asked) == 1


def test_compliance_takes_a_seal_out_with_a_reason_and_it_holds_the_ledger_to_account(compliance, lived) -> None:
    checkpoint = Checkpoint.objects.get()
    page = reverse("admin:consent_checkpoint_change", args=[checkpoint.pk])
    file = reverse("admin:consent_checkpoint_file", args=[checkpoint.pk])
    assert file in compliance.get(page).content.decode()
    assert compliance.post(file, {"reason": " "})["Location"] == page
    assert not ExportLog.objects.exists()
    sent = compliance.post(file, {"reason": "Kept with the auditor"})
    assert verify.verify_exported(json.loads(sent.content)) == ()
    kept = ExportLog.objects.get()
    assert (kept.kind, kept.reason, kept.by.username) == ("checkpoint", "Kept with the auditor", "compliance1")
    assert kept.sha256 == hashlib.sha256(sent.content).hexdigest()
    for role in ("administrator", "caller"):
        assert login(role).post(file, {"reason": "Curious"}).status_code in (403, 404)
    assert ExportLog.objects.count() == 1
