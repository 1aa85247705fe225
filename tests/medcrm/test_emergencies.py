"""Words of an emergency, in a reply or in a form, bring a person to the telephone at once and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from leads import contact, emergencies
from leads.models import EmergencyPhrase, Interaction, Lead
from leads.services import calls, emergency_phrases, events
from leads.services.calls import CallReport
from leads.vocabulary import InteractionKind
from medcrm import journey
from nurture.models import Enrollment
from routing.models import Clock

READING = {"timing": "not_sure", "request": "info", "payer": "", "preferred_clinic": ""}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reader(organisation, submit, now) -> Lead:
    """A lead in nurture, in the first-visit sequence."""
    lead = submit("guide", **READING)
    journey.advance([lead.pk], at=now)
    return lead


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("I have chest pain since this morning", True),
        ("I can’t breathe", True),
        ("i want to kill myself", True),
        ("There is no chest pain any more", True),  # nobody here judges
        ("¡No puedo respirar!", True),
        ("mi mamá se desmayó", True),
        ("My knee won't stop bleeding", True),
        ("I hurt myself at the gym and have severe pain in my shoulder", False),
        ("I am allergic to latex", False),
        ("Me duele la rodilla", False),
        ("¿Piden un análisis de sangre?", False),
        ("My chest of drawers is empty", False),
        ("I had a stroke last year, do you do rehab?", False),
        ("Do I need an X-ray first?", False),
        ("", False),
    ],
)
def test_words_of_an_emergency(catalogue, text: str, is_one: bool) -> None:
    assert bool(emergencies.found_in(text)) is is_one


def test_a_quote_below_a_mail_is_not_said_again(catalogue) -> None:
    mail = "Thank you, all is well.\n\nOn Tue, Dec 1, 2026 Ana <ana@example.org> wrote:\n> I have chest pain"
    assert not emergencies.found_in(mail, is_mail=True)


def test_a_reply_takes_the_lead_out_of_its_sequence_to_a_person_within_minutes(reader: Lead, now: datetime) -> None:
    at = now + MINUTE
    events.record_activity(reader.pk, InteractionKind.SMS_REPLY, at=at, text="No puedo respirar")
    journey.advance([reader.pk], at=at)
    reader.refresh_from_db()
    assert (reader.decision, reader.next_step, reader.team) == ("forward", "callback", "intake")
    clock = Clock.objects.open().get(lead=reader)
    assert (clock.owed, clock.due_at) == ("first_attempt", at + 5 * MINUTE)
    assert not Enrollment.objects.active().exists()
    assert reader.handoffs.latest("pk").packet["script"] == "emergency"
    assert Interaction.objects.get(kind="sms_reply").facts == {"emergency": "no puedo respirar"}


def test_a_second_message_is_of_the_same_cycle_and_a_talk_ends_it(reader: Lead, now: datetime) -> None:
    for minutes in (1, 2):
        at = now + minutes * MINUTE
        events.record_activity(reader.pk, InteractionKind.SMS_REPLY, at=at, text="chest pain!")
        journey.advance([reader.pk], at=at)
    assert Lead.objects.get().cycle == 2
    lead = Lead.objects.select_related("source").get()
    later = now + 4 * MINUTE
    attempt = contact.reserve_call(lead, at=later)
    calls.record_call(lead.pk, CallReport("emergency_directed"), at=later, attempt=attempt)
    journey.advance([lead.pk], at=later)
    lead.refresh_from_db()
    assert (lead.decision, lead.next_step) == ("hold", "nurture")


def test_who_is_not_reached_is_texted_by_no_sequence(reader: Lead, now: datetime) -> None:
    events.record_activity(reader.pk, InteractionKind.SMS_REPLY, at=now, text="chest pain!")
    journey.advance([reader.pk], at=now)
    lead, at = Lead.objects.select_related("source").get(), now + MINUTE
    Lead.objects.update(score_band="high")
    calls.record_call(lead.pk, CallReport("no_answer"), at=at, attempt=contact.reserve_call(lead, at=at))
    journey.advance([lead.pk], at=at)
    assert not Enrollment.objects.active().exists()


@pytest.mark.parametrize("outcome", ["hold", "disqualified"])
def test_a_wait_and_a_stop_that_a_person_decided_end_at_once(reader: Lead, now: datetime, outcome: str) -> None:
    report = {
        "hold": CallReport("needs_to_think", outcome="hold", reason="timing_later"),
        "disqualified": CallReport("not_interested", reason="not_interested"),
    }[outcome]
    attempt = contact.reserve_call(Lead.objects.select_related("source").get(), at=now)
    calls.record_call(reader.pk, report, at=now, attempt=attempt)
    journey.advance([reader.pk], at=now)
    at = now + MINUTE
    events.record_activity(reader.pk, InteractionKind.EMAIL_REPLY, at=at, text="I want to die")
    journey.advance([reader.pk], at=at)
    reader.refresh_from_db()
    assert (reader.decision, reader.next_step, reader.team) == ("forward", "callback", "intake")


def test_a_typed_question_is_treated_as_a_reply_is(organisation, submit, now: datetime) -> None:
    lead = submit(question="I have chest pain, when can I come?")
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.decision, lead.next_step, lead.team, lead.cycle) == ("forward", "callback", "intake", 1)
    submit(question="And what does it cost?", key="again")
    journey.advance([lead.pk], at=now + MINUTE)
    lead.refresh_from_db()
    assert lead.team == "intake", "another form says nothing of how it went"


def test_about_a_sensitive_service_only_trained_staff_hear(organisation, submit, now: datetime) -> None:
    lead = submit(service="bh", question="I want to kill myself")
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert lead.team == "sensitive"
    assert Clock.objects.open().get(lead=lead).due_at == now + 5 * MINUTE


# 3.5: the words are rows of the clinic

PHRASES = "/admin/leads/emergencyphrase/"


@pytest.fixture
def signed_in(db):
    def make(role: str) -> Client:
        user = User.objects.create(username=role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return make


def test_texts_are_matched_without_a_query_until_the_words_change(
    catalogue, own_cache, django_assert_num_queries, django_capture_on_commit_callbacks
) -> None:
    with django_assert_num_queries(1):
        assert [emergencies.found_in("Chest pain!") for _ in range(3)] == ["chest pain"] * 3
    with django_assert_num_queries(0):
        assert (emergencies.found_in(""), emergencies.found_in("My knee hurts")) == ("", "")
    phrase = EmergencyPhrase.objects.get(words="chest pain*")
    phrase.is_active = False
    with django_capture_on_commit_callbacks(execute=True):
        emergency_phrases.keep_phrase(phrase)
    assert emergencies.found_in("Chest pain!") == ""


def test_words_are_found_without_the_cache_too(catalogue, settings) -> None:
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": away}
    assert emergencies.found_in("no puedo respirar") == "no puedo respirar"


def test_where_no_words_are_loaded_nothing_is_found_and_the_first_ones_count_at_once(db, own_cache) -> None:
    assert emergencies.found_in("chest pain") == ""
    EmergencyPhrase.objects.create(words="chest pain")
    assert emergencies.found_in("chest pain") == "chest pain"


def test_compliance_adds_words_as_people_write_them_and_they_count_from_then_on(
    catalogue, own_cache, signed_in, django_capture_on_commit_callbacks
) -> None:
    assert emergencies.found_in("Mi brazo está dormido.") == ""
    client = signed_in("compliance")
    with django_capture_on_commit_callbacks(execute=True):
        added = client.post(f"{PHRASES}add/", {"language": "es", "words": " Brazo está  DORMID*", "is_active": "on"})
    assert added.status_code == 302
    phrase = EmergencyPhrase.objects.get(words="brazo esta dormid*")
    assert (phrase.language, phrase.is_active, phrase.reviewed_at) == ("es", True, None)
    assert emergencies.found_in("Mi brazo está dormido.") == "brazo esta dormido"
    again = client.post(f"{PHRASES}add/", {"language": "es", "words": "brazo esta dormid*", "is_active": "on"})
    assert again.status_code == 200, "the same words in the same language"


def test_who_reviewed_a_phrase_is_kept_until_it_is_switched(catalogue, own_cache, signed_in) -> None:
    client, phrase = signed_in("compliance"), EmergencyPhrase.objects.get(words="choking")
    data = {"action": "review", "_selected_action": [phrase.pk], "_confirmed": "1"}
    client.post(PHRASES, data)
    phrase.refresh_from_db()
    assert (phrase.reviewed_by.username, phrase.is_active) == ("compliance", True)
    client.post(f"{PHRASES}{phrase.pk}/change/", {"words": "anything", "language": "xx"})
    phrase.refresh_from_db()
    assert (phrase.words, phrase.language, phrase.is_active, phrase.reviewed_at) == ("choking", "en", False, None)
    client.post(f"{PHRASES}{phrase.pk}/review/")
    phrase.refresh_from_db()
    assert phrase.reviewed_by.username == "compliance"
    client.post(f"{PHRASES}{phrase.pk}/change/", {})
    phrase.refresh_from_db()
    assert phrase.reviewed_by.username == "compliance", "nothing changed"


@pytest.mark.parametrize("role", ["supervisor", "administrator"])
def test_others_read_the_words_and_change_none(catalogue, signed_in, role) -> None:
    client, phrase = signed_in(role), EmergencyPhrase.objects.get(words="choking")
    assert client.get(PHRASES).status_code == 200
    for path in (f"{PHRASES}add/", f"{PHRASES}{phrase.pk}/change/", f"{PHRASES}{phrase.pk}/delete/"):
        assert client.post(path, {"words": "help me please"}).status_code in (302, 403)
    client.post(f"{PHRASES}{phrase.pk}/review/")
    assert not EmergencyPhrase.objects.exclude(reviewed_at=None, is_active=True).exists()
    assert not EmergencyPhrase.objects.filter(words="help me please").exists()
