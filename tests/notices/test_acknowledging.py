"""Whoever has just asked is told at once that it arrived, by the best way open; no clock takes it for an act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from consent import gate, ledger, stopping
from consent.models import Attempt
from leads import criteria
from leads.models import Inquiry, Interaction, Lead, Milestone, Source
from leads.services import calls
from leads.services.calls import CallReport
from leads.services.intake import Delivery, Heard, receive
from leads.services.source_keys import issue_key
from medcrm import journey, reference
from nurture import acknowledging, dispatch, notices, outbox, personal, publishing
from nurture.models import AcknowledgedSource, Acknowledgement, Enrollment, FrequencyCap, Message, Sequence, Skip
from nurture.querysets import LEASE
from routing.models import Clock

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHT = datetime.fromisoformat("2026-12-02T04:00:00Z")  # 22:00 on Tuesday in Austin
MORNING = datetime.fromisoformat("2026-12-02T14:00:00Z")  # 8:00: texts may go out, and the teams open


@pytest.fixture
def ask(organisation: None, submit: Callable[..., Lead], now: datetime) -> Callable[..., Lead]:
    """An inquiry through the real intake, then everything that is due at that moment."""

    def send(source: str = "web_consult", *, at: datetime = now, **fields: object) -> Lead:
        lead = submit(source, at=at, **fields)
        run(at)
        return lead

    return send


def run(at: datetime) -> dispatch.DispatchReport:
    journey.advance_due(at=at)
    return dispatch.dispatch_due(at=at)


def codes() -> list[tuple[str, str]]:
    return list(Skip.objects.order_by("pk").values_list("kind", "code"))


def templates() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("step__template", flat=True))


def test_a_form_is_acknowledged_by_mail_with_when_a_person_answers(ask, now: datetime) -> None:
    lead = ask()
    message = Message.objects.get()
    assert (message.state, message.step.template_id) == ("delivered", "acknowledgement_email")
    attempt = message.attempt
    assert (attempt.purpose, attempt.state, attempt.automation) == ("informational", "sent", acknowledging.AUTOMATION)
    assert attempt.address_id == lead.email_id
    clock = Clock.objects.get(lead=lead)
    assert clock.due_at == now + 4 * HOUR
    assert "by Dec 1, 2026, 2:00 PM CST" in message.body  # four working hours to book
    assert "open again" not in message.body and "911" in message.body
    assert "rthop" not in message.subject + message.body  # nothing of what they asked for [H20]
    acknowledged = Interaction.objects.get(lead=lead, attempt=attempt)
    assert (acknowledged.kind, acknowledged.direction, acknowledged.by) == ("system", "outbound", None)
    assert Acknowledgement.objects.get().due_at is None


def test_no_clock_is_met_by_it_and_no_try_counted(ask, now: datetime) -> None:
    lead = ask()
    run(now + MINUTE)
    clock = Clock.objects.get(lead=lead)
    assert (clock.met_at, clock.ended_at, clock.due_at) == (None, None, now + 4 * HOUR)
    tried = [[{"fact": "unanswered_attempts", "op": "gte", "value": 1}]]
    assert criteria.holding(Lead.objects.all(), [tried], at=now + MINUTE) == {lead.pk: [False]}
    assert list(Milestone.objects.values_list("attempts", "first_attempt_at")) == [(0, None)]


def test_it_stands_beside_the_sequence_the_plan_chose(ask, now: datetime) -> None:
    lead = ask("web_consult", timing="not_sure", request="info")
    assert Enrollment.objects.active().filter(lead=lead).count() == 1
    own = Enrollment.objects.get(acknowledgement__isnull=False)
    assert (own.state, own.sequence.code) == ("finished", "acknowledgement")
    assert templates()[0] == "acknowledgement_email"


def test_after_hours_it_says_when_we_open(ask) -> None:
    ask(at=NIGHT)
    body = Message.objects.get().body
    assert "open again on Dec 2, 2026, 8:00 AM CST" in body
    assert "by Dec 2, 2026, 12:00 PM CST" in body


@pytest.mark.parametrize(
    ("language", "subject"), [("es", "Hemos recibido su solicitud"), ("fr", "We have your request")]
)
def test_it_speaks_the_language_of_the_lead_or_english(ask, language: str, subject: str) -> None:
    ask(language=language)
    message = Message.objects.get()
    assert message.subject == subject
    assert ("1 de diciembre de 2026 a las 14:00 CST" in message.body) is (language == "es")


def test_without_an_answer_owed_nothing_is_promised(ask) -> None:
    ask(zip="99501")  # far from every clinic
    message = Message.objects.get()
    assert message.step.template_id == "acknowledgement_email"
    assert not Clock.objects.exists()
    assert "get back to you" not in message.body


def test_who_left_no_mailbox_gets_a_text(ask) -> None:
    ask(email="")
    assert templates() == ["acknowledgement_text"]
    assert codes() == [("skipped", "NO_ADDRESS")]


def test_who_prefers_texts_gets_one_and_at_night_a_mail(ask) -> None:
    ask(preferred_channel="sms")
    ask(preferred_channel="sms", at=NIGHT, phone="+15125550102", email="beta@example.org", last_name="Beta")
    assert templates() == ["acknowledgement_text", "acknowledgement_email"]
    assert codes() == [("skipped", "QUIET_HOURS_POLICY")]


def test_a_text_alone_waits_for_the_morning_and_then_says_what_is_still_to_come(ask) -> None:
    ask(email="", at=NIGHT)
    assert codes() == [("skipped", "NO_ADDRESS"), ("held", "QUIET_HOURS_POLICY")]
    assert Acknowledgement.objects.get().due_at == MORNING
    assert run(MORNING - MINUTE) == dispatch.DispatchReport()
    assert run(MORNING).delivered == 1
    body = Message.objects.get().body
    assert "We open" not in body and "by Dec 2, 2026, 12:00 PM CST" in body


def test_a_person_who_was_quicker_has_said_it_all(ask) -> None:
    lead = ask(email="", at=NIGHT)
    calls.record_call(lead.pk, CallReport(disposition="needs_to_think"), attempt=None, at=NIGHT + MINUTE)
    assert run(MORNING).skipped == 1
    assert codes()[-1] == ("skipped", "ANSWERED")
    assert not Message.objects.exists() and Acknowledgement.objects.get().due_at is None


def test_who_withdrew_meanwhile_gets_none_and_the_reason_is_kept(organisation, submit, now) -> None:
    lead = submit(email="")
    journey.advance_due(at=now)
    ledger.record(lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP", facts={"channel": "sms"})
    Lead.objects.update(advance_due_at=None)
    assert dispatch.dispatch_due(at=now).skipped == 1
    assert codes() == [("skipped", "NO_ADDRESS"), ("skipped", "REVOKED")]
    assert [(a.state, a.code) for a in Attempt.objects.all()] == [("refused", "REVOKED")]
    assert not Message.objects.exists() and Acknowledgement.objects.get().due_at is None


def test_a_mailbox_that_does_not_exist_leaves_the_text(organisation, submit, now) -> None:
    lead = submit()
    ledger.record(lead.email_id, "email_hard_bounce", occurred_at=now, at=now)
    run(now)
    assert templates() == ["acknowledgement_text"]
    assert codes() == [("skipped", "EMAIL_HARD_BOUNCE")]


def test_an_unboxed_number_is_not_texted(ask) -> None:
    ask(email="", consent=["voice"])
    assert codes() == [("skipped", "NO_ADDRESS"), ("skipped", "CONSENT_CHANNEL_MISMATCH")]
    assert not Message.objects.exists()


@pytest.mark.parametrize("source", ["guide", "webinar", "partner", "phone", "front_desk", "purchased"])
def test_a_source_where_nobody_waits_for_an_answer_acknowledges_none(ask, source: str) -> None:
    ask(source)
    assert not Acknowledgement.objects.exists()


def test_bought_leads_get_none_whatever_the_row_says(ask) -> None:
    AcknowledgedSource.objects.filter(source="purchased").update(is_active=True)
    ask("purchased")
    assert not Acknowledgement.objects.exists()


def test_imported_leads_get_none(organisation, submit, now) -> None:
    submit()
    run_of_a_file = make_run()
    Inquiry.objects.update(import_run=run_of_a_file)
    journey.advance_due(at=now)
    assert not Acknowledgement.objects.exists()


def make_run() -> object:
    from leads.models import ImportRun
    from tests.rows import make

    return make(ImportRun)


@pytest.mark.parametrize("has_row", [True, False])
def test_the_row_of_a_source_decides_and_without_one_its_kind(ask, has_row: bool) -> None:
    AcknowledgedSource.objects.filter(source="web_consult").update(is_active=False)
    if not has_row:
        AcknowledgedSource.objects.all().delete()
    ask()
    assert Acknowledgement.objects.exists() is not has_row


def test_a_source_may_be_switched_on(ask) -> None:
    AcknowledgedSource.objects.filter(source="guide").update(is_active=True)
    ask("guide")
    assert Acknowledgement.objects.count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"status": "retired"}])
def test_without_its_sequence_nothing_is_acknowledged(ask, change: dict[str, object]) -> None:
    Sequence.objects.filter(code="acknowledgement").update(**change)
    ask()
    assert not Acknowledgement.objects.exists()


def test_its_criteria_may_narrow_whom_it_means(ask) -> None:
    draft = Sequence.objects.get(code="acknowledgement")
    draft.pk, draft.version, draft.status = None, 2, "draft"
    draft.criteria = [[{"fact": "lead_type", "op": "is", "value": "b2b"}]]
    draft.save()
    for step in Sequence.objects.get(code="acknowledgement", version=1).steps.all():
        step.pk, step.sequence = None, draft
        step.save()
    before = Lead.objects.filter(advance_due_at__isnull=False).count()
    publishing.publish_sequence(draft.pk, at=NIGHT)
    assert Lead.objects.filter(advance_due_at__isnull=False).count() == before == 0  # nobody is planned anew for it
    ask()
    assert not Acknowledgement.objects.exists()


def test_who_asks_again_within_a_day_hears_it_once(ask, now: datetime) -> None:
    ask()
    ask("landing", at=now + 23 * HOUR)  # the same person by another form
    ask(at=now + 23 * HOUR, last_name="Omega", phone="+15125550102")  # another one at the same mailbox
    run(now + 24 * HOUR + MINUTE)
    assert Message.objects.filter(step__sequence__code="acknowledgement").count() == 1
    ask(at=now + 2 * DAY)
    assert Message.objects.filter(step__sequence__code="acknowledgement").count() == 2
    assert Acknowledgement.objects.count() == 2


def test_how_soon_again_is_said_by_the_row_of_the_source(ask, now: datetime) -> None:
    AcknowledgedSource.objects.filter(source="landing").update(again_after_hours=2)
    ask()
    ask(at=now + 3 * HOUR)
    ask("landing", at=now + 3 * HOUR)
    assert Message.objects.filter(step__sequence__code="acknowledgement").count() == 2
    assert Acknowledgement.objects.get(enrollment__started_at__gt=now).inquiry.source_id == "landing"


def test_two_at_one_mailbox_in_one_walk_hear_it_once(organisation, submit, now) -> None:
    submit()
    submit(last_name="Omega", phone="+15125550102")
    run(now)
    assert Acknowledgement.objects.count() == 1


def test_a_second_walk_writes_nothing(ask, now: datetime) -> None:
    lead = ask()
    journey.advance([lead.pk], at=now)
    journey.advance([lead.pk], at=now + MINUTE)
    assert Acknowledgement.objects.count() == Enrollment.objects.filter(acknowledgement__isnull=False).count() == 1


def test_who_asked_long_ago_hears_from_a_person(organisation, submit, now) -> None:
    submit()
    run(now + HOUR)
    assert not Acknowledgement.objects.exists()


def test_what_staff_type_in_is_not_acknowledged(organisation, now, admin_user) -> None:
    heard = Heard(by=admin_user, channels=["voice"], words="Yes, call me.")
    body = b'{"lead_type": "patient", "first_name": "Ana", "email": "ana@example.org", "request": "appointment"}'
    receive(Source.objects.get(pk="phone"), body, Delivery(), at=now, heard=heard)
    run(now)
    assert not Acknowledgement.objects.exists()


def test_what_comes_by_the_api_is_acknowledged(organisation, client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    key = issue_key(Source.objects.get(pk="landing"), label="Website")
    fields = {"lead_type": "patient", "first_name": "Ana", "email": "ana@example.org", "service": "ortho"}
    answer = client.post(
        "/api/v1/inquiries/", fields, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201
    run(Inquiry.objects.get().received_at)
    assert templates()[0] == "acknowledgement_email"


def test_while_all_contact_is_stopped_it_stays_due(organisation, submit, now) -> None:
    row = stopping.stop_contact(owner="Compliance", reason="Restored.")
    submit()
    assert run(now) == dispatch.DispatchReport()
    assert Acknowledgement.objects.get().due_at == now
    row.value = False
    row.save()
    assert run(now + MINUTE).delivered == 1


def test_a_limit_on_information_is_kept_and_one_on_marketing_does_not_count_it(ask, now: datetime) -> None:
    FrequencyCap.objects.update(limit=0)
    ask()
    assert templates() == ["acknowledgement_email"]
    FrequencyCap.objects.create(name="Nothing", purpose="informational", days=1, limit=0)
    ask(last_name="Omega", phone="+15125550102", email="omega@example.org")
    assert templates() == ["acknowledgement_email"]
    assert codes() == [("skipped", "FREQUENCY_LIMIT")] * 2


def test_what_staff_owe_to_who_rang_is_still_theirs_to_write(organisation, submit, now: datetime, admin_user) -> None:
    lead = submit()
    Interaction.objects.create(lead=lead, kind="inbound_call", direction="inbound", at=now - MINUTE)
    run(now)
    assert Message.objects.count() == 1
    FrequencyCap.objects.update(limit=0)
    personal.write(lead.pk, "email", subject="Your call", body="Tuesday?", by=admin_user, clock=lambda: now + MINUTE)
    assert Attempt.objects.filter(by=admin_user, state="sent").count() == 1


# The worker dies


@pytest.fixture
def planned(organisation: None, submit: Callable[..., Lead], now: datetime) -> Lead:
    lead = submit()
    journey.advance_due(at=now)
    return lead


def test_before_the_reservation_the_claim_runs_out(planned: Lead, dying, now: datetime) -> None:
    dying(gate, "reserve_many", now)
    assert not Message.objects.exists()
    assert dispatch.dispatch_due(at=now + MINUTE) == dispatch.DispatchReport()
    assert dispatch.dispatch_due(at=now + LEASE + MINUTE).delivered == 1
    assert Message.objects.count() == 1


def test_between_reservation_and_hand_over_it_is_tried_under_a_new_reservation(planned, dying, now) -> None:
    dying(outbox, "send_many", now)
    assert Message.objects.get().state == "reserved"
    later = now + outbox.FORGOTTEN_AFTER + MINUTE
    assert dispatch.dispatch_due(at=later) == dispatch.DispatchReport(failed=1)
    assert dispatch.dispatch_due(at=later + outbox.RETRY_AFTER).delivered == 1
    assert sorted(Message.objects.values_list("state", flat=True)) == ["delivered", "failed"]
    assert dispatch.dispatch_due(at=later + DAY) == dispatch.DispatchReport()


def test_after_the_hand_over_it_is_unknown_and_never_sent_again(planned: Lead, dying, now: datetime) -> None:
    dying(outbox, "_hand_over", now)
    assert dispatch.dispatch_due(at=now + outbox.FORGOTTEN_AFTER + MINUTE).unknown == 1
    assert dispatch.dispatch_due(at=now + DAY) == dispatch.DispatchReport()
    assert Message.objects.get().state == "unknown"


def test_one_that_breaks_does_not_hold_up_the_others(organisation, submit, now, monkeypatch) -> None:
    submit()
    poisoned = submit(last_name="Omega", phone="+15125550102", email="omega@example.org", first_name="Broken")
    journey.advance_due(at=now)
    compose = notices.composing.compose

    def break_for_one(row: Enrollment, *args: object) -> object:
        if row.lead_id == poisoned.pk:
            raise ZeroDivisionError
        return compose(row, *args)

    monkeypatch.setattr(notices.composing, "compose", break_for_one)
    report = dispatch.dispatch_due(at=now)
    assert (report.delivered, report.errors) == (1, 1)


def test_loading_again_keeps_what_staff_switched_off(organisation, now: datetime) -> None:
    AcknowledgedSource.objects.filter(source="web_consult").update(is_active=False)
    reference.load(at=now)
    found = dict(AcknowledgedSource.objects.values_list("source", "is_active"))
    assert found.keys() == set(Source.objects.values_list("pk", flat=True))
    assert {code for code, is_active in found.items() if is_active} == {"landing", "ads", "facility"}
