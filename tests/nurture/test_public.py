"""The pages without a login: a source's own form and the preference page, as people and programs meet them."""

from __future__ import annotations

import gettext
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from django.test import Client

from consent.models import ConsentEvent, Disclosure
from leads import questions
from leads.models import Inquiry, Lead, Source
from medcrm.embedded import BASE_DIR
from medcrm.lib import clients
from nurture import hosted, links, public, rendering
from nurture.models import Enrollment, MutedTopic, Wording
from tests.nurture.factories import walk

SPANISH = BASE_DIR / "locale" / "es" / "LC_MESSAGES"
SPOKEN = (
    "nurture/forms.py",
    "nurture/hosted.py",
    "nurture/public.py",
    *(f"templates/nurture/{name}.html" for name in ("page", "field", "form", "thanks", "preferences", "unsubscribe")),
)
GOOD = {"first_name": "Alpha", "phone": "512-555-0101", "zip": "78704", "service": "ortho", "request": "appointment"}


@pytest.fixture(autouse=True)
def fresh(settings: object, own_cache: None) -> None:
    settings.SECURE_SSL_REDIRECT = False


def show(client: Client, source: str = "web_consult", language: str = "en") -> dict[str, str]:
    """Open a form and return its hidden fields."""
    page = client.get(f"/f/{source}/?language={language}")
    assert page.status_code == 200
    html = page.content.decode()
    return {name: re.search(rf'name="{name}" value="([^"]*)"', html).group(1) for name in ("shown", "key")}


def send(client: Client, source: str = "web_consult", language: str = "en", **fields: str) -> object:
    hidden = show(client, source, language)
    return client.post(f"/f/{source}/?language={language}", {**hidden, **fields})


def test_form_asks_what_its_source_asks_and_shows_its_disclosure(sequences, client: Client) -> None:
    page = client.get("/f/guide/").content.decode()
    assert re.findall(r'<(?:input|select)[^>]* name="(\w+)"', page) == [
        "first_name", "email", "zip", "service", "consent_email", "website", "shown", "key",
    ]  # fmt: skip
    disclosure = Source.objects.get(pk="guide").disclosure
    assert disclosure.text in unescape(page)
    assert "checked" not in page
    assert not Inquiry.objects.exists()


def test_sent_form_becomes_a_lead_with_proof_of_what_was_shown(sequences, client: Client) -> None:
    answer = send(client, **GOOD, consent_sms="on")
    assert (answer.status_code, answer["Location"]) == (303, "/f/web_consult/thanks/appointment/?language=en")
    lead = Lead.objects.get()
    assert (lead.first_name, lead.zip, lead.service_id, lead.request) == ("Alpha", "78704", "ortho", "appointment")
    assert (lead.lead_type, lead.language, lead.source_id) == ("patient", "en", "web_consult")
    grant = ConsentEvent.objects.get(kind="grant")
    assert (grant.channels, grant.disclosure) == (["sms"], lead.source.disclosure)
    thanks = client.get(answer["Location"]).content.decode()
    assert "What happens next" in thanks


def test_what_the_source_knows_is_not_asked(sequences, client: Client) -> None:
    fields = {"organisation": "Alpha Clinic", "first_name": "Alpha", "email": "alpha@example.org"}
    send(client, "facility", **fields, service="screening", request="quote", lead_type="patient")
    assert Lead.objects.get().lead_type == "b2b"


def test_the_campaign_is_what_the_source_knows_or_the_address_of_its_form_says(sequences, client: Client) -> None:
    said = {"first_name": "Alpha", "phone": "512-555-0101", "service": "ortho"}
    path = "/f/landing/?utm_campaign=spring"
    assert client.post(path, {**show(client, "landing"), **said}).status_code == 303
    landing = Source.objects.get(pk="landing")
    landing.questions.append({"field": "campaign", "value": "leaflet"})
    landing.save()
    assert client.post(path, {**show(client, "landing"), **said}).status_code == 303
    told = Inquiry.objects.order_by("pk").values_list("campaign", "page_url")
    assert list(told) == [("spring", "http://testserver/f/landing/"), ("leaflet", "http://testserver/f/landing/")]


@pytest.mark.parametrize(
    ("source", "lead_type", "offered", "not_offered"),
    [
        ("web_consult", "patient", {"availability", "appointment", "price"}, {"referral", "quote", "demo"}),
        ("facility", "partner", {"referral", "callback", "question"}, {"availability", "appointment", "quote", "demo"}),
        ("facility", "b2b", {"quote", "demo", "callback"}, {"availability", "appointment", "referral"}),
    ],
)
def test_what_may_be_asked_for_is_that_of_the_kind_of_lead(
    sequences, client: Client, source, lead_type, offered, not_offered
) -> None:
    row = Source.objects.get(pk=source)
    row.questions = [{"field": "lead_type", "value": lead_type}, {"field": "request", "required": True}]
    row.save()
    choices = {code for code, _words in hosted.HostedForm(row).fields["request"].choices}
    assert offered <= choices
    assert not not_offered & choices


def test_no_tick_is_no_permission_and_the_request_counts(sequences, client: Client) -> None:
    assert send(client, **GOOD).status_code == 303
    assert not ConsentEvent.objects.filter(kind="grant").exists()
    assert Lead.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"zip": "7870"}, "zip"),
        ({"service": ""}, "service"),
        ({"request": "gold"}, "request"),
    ],
)
def test_problem_stands_beside_its_field_and_nothing_typed_is_lost(sequences, client, fields, field) -> None:
    page = send(client, **{**GOOD, "question": "How soon?", **fields})
    html = page.content.decode()
    assert page.status_code == 422
    assert re.search(rf'id="id_{field}_error"', html), html
    assert 'value="How soon?"' in html
    assert 'value="Alpha"' in html
    assert not Lead.objects.exists()


def test_form_in_spanish_speaks_spanish_also_about_mistakes(sequences, client: Client) -> None:
    page = send(client, language="es", **{**GOOD, "phone": "12"}).content.decode()
    assert '<html lang="es">' in page
    assert "Revise el número" in page
    assert "No se ha perdido nada" in page
    send(client, language="es", **GOOD)
    assert Lead.objects.get().language == "es"


def test_who_reads_spanish_is_shown_the_text_in_spanish_and_it_is_kept_as_proof(sequences, client: Client) -> None:
    own = Source.objects.get(pk="web_consult").disclosure
    spanish = Disclosure.objects.get(code=own.code, version=own.version, language="es")
    page = client.get("/f/web_consult/?language=es").content.decode()
    assert spanish.text in unescape(page) and own.text not in unescape(page)
    assert 'class="disclosure" lang="es"' in page
    assert send(client, language="es", **GOOD, consent_sms="on").status_code == 303
    grant = ConsentEvent.objects.get(kind="grant")
    assert (grant.disclosure, grant.shown_sha256, grant.level) == (spanish, spanish.sha256, "PEWC")
    assert Inquiry.objects.get().disclosure == spanish


@pytest.mark.parametrize("change", [{"retired_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"version": 2}, {"level": "PEC"}])
def test_without_a_translation_in_force_of_the_same_version_the_own_text_is_shown(sequences, client, change) -> None:
    own = Source.objects.get(pk="web_consult").disclosure
    Disclosure.objects.filter(language="es").update(**change)
    assert f'lang="en">{own.text}' in unescape(client.get("/f/web_consult/?language=es").content.decode())
    send(client, language="es", **GOOD, consent_sms="on")
    assert ConsentEvent.objects.get(kind="grant").disclosure == own


def test_boxes_ticked_beside_the_text_in_another_language_are_not_taken(sequences, client: Client) -> None:
    hidden = show(client)
    assert client.post("/f/web_consult/?language=es", {**hidden, **GOOD, "consent_sms": "on"}).status_code == 422
    assert not Inquiry.objects.exists()


def test_browser_language_counts_where_none_is_asked_for(sequences, client: Client) -> None:
    page = client.get("/f/guide/", headers={"Accept-Language": "es-MX,es;q=0.9"})
    assert page["Content-Language"] == "es"


def test_button_pressed_twice_is_one_inquiry(sequences, client: Client) -> None:
    hidden = show(client)
    for _ in range(2):
        assert client.post("/f/web_consult/", {**hidden, **GOOD}).status_code == 303
    assert Inquiry.objects.count() == 1


def test_boxes_ticked_beside_an_older_text_are_not_taken(sequences, client: Client) -> None:
    hidden = show(client)
    source = Source.objects.get(pk="web_consult")
    old = source.disclosure
    new = {**{f.name: getattr(old, f.name) for f in Disclosure._meta.fields}, "id": None, "version": 2, "text": "New."}
    new.pop("created_at")
    source.disclosure = Disclosure.objects.create(**new)
    source.save()
    page = client.post("/f/web_consult/", {**hidden, **GOOD, "consent_sms": "on"})
    assert page.status_code == 422
    assert "The text beside the boxes has changed" in page.content.decode()
    assert "checked" not in page.content.decode()
    assert not Inquiry.objects.exists()


def test_program_that_fills_in_everything_makes_no_lead_and_is_kept_for_a_look(sequences, client: Client) -> None:
    assert send(client, **GOOD, website="https://spam.example").status_code == 303
    inquiry = Inquiry.objects.get()
    assert (inquiry.status, list(inquiry.errors)) == ("refused", [hosted.HONEYPOT])
    assert not Lead.objects.exists()


def test_flood_is_turned_away_with_everything_typed_still_there(sequences, client, monkeypatch) -> None:
    monkeypatch.setattr(public, "FORMS_PER_SPAN", 1)
    monkeypatch.setattr(public, "time", SimpleNamespace(time=lambda: 900.0))  # no span ends between the two
    assert send(client, **GOOD).status_code == 303
    page = send(client, **{**GOOD, "first_name": "Beta"})
    assert page.status_code == 429
    assert 'value="Beta"' in page.content.decode()
    assert Inquiry.objects.count() == 1


def test_proxy_of_ours_says_who_it_saw(rf, settings) -> None:
    request = rf.get("/", headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}, REMOTE_ADDR="10.0.0.1")
    assert clients.address_of(request) == "10.0.0.1"
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert clients.address_of(request) == "203.0.113.7"


@pytest.mark.parametrize("source", ["purchased", "phone", "nothing"])
def test_sources_without_a_form_have_no_page(sequences, client: Client, source: str) -> None:
    assert client.get(f"/f/{source}/").status_code == 404


def test_thanks_are_for_known_wishes_only(sequences, client: Client) -> None:
    assert client.get("/f/guide/thanks/gold/").status_code == 404
    assert client.post("/f/guide/thanks/info/").status_code == 405


def test_every_source_asks_what_its_form_knows_how_to_ask(sequences) -> None:
    for source in Source.objects.all():
        assert questions.problems(source.questions) == []
        assert {row.field for row in hosted.questions(source) if row.value is None} <= hosted.FIELDS.keys()


def test_every_question_that_a_source_may_ask_is_on_its_form(sequences, client: Client) -> None:
    asked = [name for name in questions.NAMES if name not in questions.KNOWN_ONLY]
    assert hosted.FIELDS.keys() == set(asked)
    Source.objects.filter(pk="landing").update(questions=[{"field": name, "required": True} for name in asked])
    page = client.get("/f/landing/").content.decode()
    shown = set(re.findall(r'<(?:input|select)[^>]* name="(\w+)"', page))
    assert set(asked) <= shown


def test_what_the_form_asks_reaches_the_lead(sequences, client: Client) -> None:
    asked = ["first_name", "phone", "urgency", "is_existing_patient", "preferred_channel", "budget", "agreement"]
    Source.objects.filter(pk="landing").update(questions=asked)
    told = {"urgency": "urgent", "is_existing_patient": "no", "preferred_channel": "sms", "budget": "planned"}
    answer = send(client, "landing", first_name="Alpha", phone="512-555-0101", agreement="sent", **told)
    assert answer.status_code == 303
    lead = Lead.objects.get()
    assert (lead.urgency, lead.is_existing_patient, lead.preferred_channel) == ("urgent", False, "sms")
    assert (lead.budget, lead.agreement) == ("planned", "sent")


@pytest.mark.parametrize(
    "asked",
    ["phone", ["nobody"], ["lead_type"], ["campaign"], ["zip", "zip"], [{"field": "zip", "colour": "red"}], [3]],
)
def test_questions_that_no_form_can_ask_are_refused(asked: object) -> None:
    assert len(questions.problems(asked)) == 1


def preferences(row: Enrollment) -> str:
    from nurture import links
    from nurture.links import Recipient

    recipient = Recipient(row.lead.email_id, row.lead.source.seller_id, row.lead_id)
    return links.preferences_url(recipient).partition("//")[2].partition("/")[2]


def test_topic_that_is_not_wanted_ends_its_sequence_and_keeps_the_others(enrolled, client, now: datetime) -> None:
    path = f"/{preferences(enrolled)}"
    page = client.get(path).content.decode()
    assert page.count("checked") == 3
    client.post(path, {"topic_education": "on", "topic_recycle": "on", "preferred_time": "evening"})
    assert set(MutedTopic.objects.values_list("topic", flat=True)) == {"first_visit"}
    lead = Lead.objects.get()
    assert lead.preferred_time == "evening"
    walk([lead.pk], at=now)
    enrolled.refresh_from_db()
    assert enrolled.exit_code == "unwanted"
    assert Enrollment.objects.active().get().sequence.code == "education"
    assert client.get(path).content.decode().count("checked") == 2
    client.post(path, {"topic_first_visit": "on", "topic_education": "on", "topic_recycle": "on"})
    assert not MutedTopic.objects.exists()


def test_preference_page_speaks_the_language_of_its_lead(enrolled: Enrollment, client: Client) -> None:
    Lead.objects.update(language="es")
    assert "Sus preferencias" in client.get(f"/{preferences(enrolled)}").content.decode()


@pytest.mark.parametrize("code", ["documents_email_1", "documents_email_2"])
def test_mail_names_the_missing_documents_in_its_language(enrolled: Enrollment, now: datetime, code: str) -> None:
    lead = enrolled.lead
    for kind in ("referral_letter", "insurance_card"):
        lead.missing_items.create(kind_id=kind, origin="check", opened_at=now)
    to = links.Recipient(lead.email_id, lead.source.seller_id, lead.pk)
    said = {}
    for row in Wording.objects.filter(template=code):
        words = rendering.render("", row.body, medium="email", lead=lead, recipient=to, language=row.language).body
        said[row.language] = words
    assert "referral letter, insurance card" in said["en"]
    assert "carta de referencia, tarjeta del seguro" in said["es"]
    assert "No recibir más estos correos" in said["es"]


def test_every_word_of_the_public_pages_has_its_spanish() -> None:
    with (SPANISH / "django.mo").open("rb") as file:
        spoken = gettext.GNUTranslations(file)._catalog
    said = set()
    for path in SPOKEN:
        text = Path(BASE_DIR / path).read_text()
        said |= set(re.findall(r'\b_\(\s*"([^"]+)"', text)) | set(re.findall(r'{% translate "([^"]+)" %}', text))
        blocks = re.findall(r"{% blocktranslate[^%]*%}(.+?){% endblocktranslate %}", text, re.DOTALL)
        said |= {re.sub(r"{{ (\w+) }}", r"%(\1)s", block) for block in blocks}
    assert len(said) > 80
    assert sorted(said - spoken.keys()) == []


def test_compiled_spanish_is_that_of_its_source() -> None:
    source = (SPANISH / "django.po").read_text()
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', source, re.MULTILINE)
    with (SPANISH / "django.mo").open("rb") as file:
        spoken = gettext.GNUTranslations(file)._catalog
    assert {k: v for k, v in spoken.items() if k} == {k.replace('\\"', '"'): v.replace('\\"', '"') for k, v in pairs}


def test_what_was_stopped_is_confirmed_and_still_said_when_the_page_is_opened_again(
    enrolled, client: Client, now: datetime
) -> None:
    path = f"/{preferences(enrolled)}"
    assert "We have recorded" not in client.get(path).content.decode()
    with time_machine.travel(now + timedelta(hours=1)):
        for page in (client.post(path, {"stops_texts": "on"}), client.get(path)):
            assert "We have recorded: No more texts." in page.content.decode()


def test_who_is_unsubscribed_already_is_told_so_and_not_asked_again(enrolled, client: Client, settings, now) -> None:
    lead = enrolled.lead
    to = links.Recipient(lead.email_id, lead.source.seller_id, lead.pk)
    path = links.unsubscribe_url(to).removeprefix(settings.PUBLIC_URL)
    assert "Stop these messages?" in client.get(path).content.decode()
    with time_machine.travel(now + timedelta(hours=1)):
        client.post(path)
    assert "You are unsubscribed." in client.get(path).content.decode()
