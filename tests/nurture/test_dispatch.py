from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from consent import gate, ledger, stopping
from consent.models import Attempt
from consent.request import Decision
from leads import contact
from leads.models import Lead
from leads.services import wishes
from medcrm.lib import bell
from nurture import composing, dispatch, outbox
from nurture.channels import NotSent, Parcel, Receipt, Uncertain
from nurture.channels.sandbox import Sandbox
from nurture.models import CallTask, Enrollment, FrequencyCap, Message, Sequence, Skip
from tests.nurture.factories import make_sequence, put_on_step, stop, walk

DAY = timedelta(days=1)


def codes(row: Enrollment) -> list[str]:
    return list(Skip.objects.filter(enrollment=row).order_by("pk").values_list("code", flat=True))


def test_due_step_is_reserved_sent_and_the_enrollment_moves_on(enrolled: Enrollment, now: datetime) -> None:
    report = dispatch.dispatch_due(at=now)
    assert report.delivered == 1
    message = Message.objects.get()
    assert (message.state, message.provider) == ("delivered", "sandbox")
    assert message.attempt.state == "sent"
    assert message.attempt.content_sha256 == message.content_sha256
    assert "100 Harbor Way, Austin, TX 78701" in message.body
    enrolled.refresh_from_db()
    assert (enrolled.step.position, enrolled.next_due_at, enrolled.claimed_at) == (2, now + DAY, None)
    assert dispatch.dispatch_due(at=now) == dispatch.DispatchReport()


def test_while_all_contact_is_stopped_steps_stay_due(enrolled: Enrollment, now: datetime) -> None:
    row = stopping.stop_contact(owner="Compliance", reason="Restored.")
    assert dispatch.dispatch_due(at=now) == dispatch.DispatchReport()
    assert not Message.objects.exists() and not Skip.objects.exists()
    row.value = False
    row.save()
    assert dispatch.dispatch_due(at=now).delivered == 1


def test_whole_sequence_runs_and_each_step_is_sent_or_has_its_reason(enrolled: Enrollment, now: datetime) -> None:
    for day in range(15):
        dispatch.dispatch_due(at=now + day * DAY)
    enrolled.refresh_from_db()
    assert enrolled.state == "finished"
    sent = [message.step.position for message in Message.objects.order_by("pk")]
    assert sent == [1, 3, 4, 7, 8]
    assert codes(enrolled) == ["CONDITION_NOT_MET"] * 3 + ["FREQUENCY_LIMIT"]
    enrolled.lead.refresh_from_db()
    assert enrolled.lead.advance_due_at is not None  # another sequence may follow


@pytest.mark.parametrize(("limit", "goes_out"), [(0, False), (None, True), (1, True)])
def test_limit_of_zero_is_none_at_all_and_blank_is_no_limit(enrolled, now, limit, goes_out) -> None:
    FrequencyCap.objects.exclude(days=1).delete()
    FrequencyCap.objects.update(limit=limit)
    dispatch.dispatch_due(at=now)
    assert Message.objects.exists() is goes_out
    assert codes(enrolled) == ([] if goes_out else ["FREQUENCY_LIMIT"])


def test_calls_by_people_count_against_the_limit(enrolled: Enrollment, now: datetime) -> None:
    gate.reserve(contact.request_for(enrolled.lead, "voice"), at=now - timedelta(hours=1))
    dispatch.dispatch_due(at=now)
    assert codes(enrolled) == ["FREQUENCY_LIMIT"]
    enrolled.refresh_from_db()
    assert enrolled.step.position == 2


def test_contact_exactly_a_day_old_no_longer_counts(enrolled: Enrollment, now: datetime) -> None:
    gate.reserve(contact.request_for(enrolled.lead, "voice"), at=now - DAY)
    assert dispatch.dispatch_due(at=now).delivered == 1


def test_nothing_that_sells_goes_out_on_the_day_on_which_a_person_is_due(enrolled: Enrollment, now) -> None:
    midnight = datetime.fromisoformat("2026-12-02T06:00:00Z")  # in Austin
    for due_at, held in ((midnight - timedelta(minutes=1), 1), (midnight, 0)):
        Lead.objects.update(next_action_due_at=due_at)
        Enrollment.objects.update(next_due_at=now)
        assert dispatch.dispatch_due(at=now).held == held
    assert Message.objects.count() == 1
    skip = Skip.objects.get()
    assert (skip.code, skip.until) == ("PERSON_DUE_TODAY", midnight)


def test_what_answers_their_request_goes_out_though_a_person_is_due(sequences, submit, now: datetime) -> None:
    lead = submit(service="cardio")
    walk([lead.pk], at=now)
    assert Enrollment.objects.active().get().sequence.code == "documents"
    Lead.objects.update(next_action_due_at=now + timedelta(hours=4))
    assert dispatch.dispatch_due(at=now).delivered == 1


def test_quiet_hours_hold_the_step_until_the_next_allowed_instant(enrolled: Enrollment, now: datetime) -> None:
    night = datetime.fromisoformat("2026-12-02T05:30:00Z")  # 23:30 in Austin
    Enrollment.objects.filter(pk=enrolled.pk).update(
        sequence=make_sequence("texts", "first_visit_text_bring"), next_due_at=night, started_at=night
    )
    row = Enrollment.objects.get()
    Enrollment.objects.update(step=row.sequence.steps.get())
    assert dispatch.dispatch_due(at=night).held == 1
    row.refresh_from_db()
    skip = Skip.objects.get()
    assert (skip.kind, skip.code) == ("held", "QUIET_HOURS_FEDERAL")
    assert row.next_due_at == skip.until == datetime.fromisoformat("2026-12-02T15:00:00Z")  # Texas: 9 to 21
    assert Attempt.objects.get().state == "refused"
    assert dispatch.dispatch_due(at=row.next_due_at).delivered == 1


def test_own_hours_of_a_step_hold_it(enrolled: Enrollment, now: datetime) -> None:
    late = datetime.fromisoformat("2026-12-02T03:00:00Z")  # 21:00 in Austin
    put_on_step(enrolled, 7, due_at=late)
    assert dispatch.dispatch_due(at=late).held == 1
    enrolled.refresh_from_db()
    assert codes(enrolled) == ["OUTSIDE_WINDOW"]
    assert enrolled.next_due_at == datetime.fromisoformat("2026-12-02T14:00:00Z")  # 08:00


def test_denied_step_is_skipped_with_the_gates_reason_and_the_sequence_goes_on(enrolled, now) -> None:
    stop(enrolled.lead, "email", at=now)
    assert dispatch.dispatch_due(at=now).skipped == 1
    enrolled.refresh_from_db()
    assert codes(enrolled) == ["EMAIL_UNSUBSCRIBED"]
    assert enrolled.step.position == 2
    assert not Message.objects.exists()


def test_step_without_an_address_is_skipped(guide, now: datetime) -> None:
    lead = guide(email="")
    walk([lead.pk], at=now)
    dispatch.dispatch_due(at=now)
    assert codes(Enrollment.objects.get()) == ["NO_ADDRESS"]


def test_step_later_than_its_cutoff_is_skipped(enrolled: Enrollment, now: datetime) -> None:
    dispatch.dispatch_due(at=now + timedelta(days=2, minutes=1))
    assert "TOO_LATE" in codes(enrolled)


def test_condition_is_asked_when_the_step_falls_due(enrolled: Enrollment, now: datetime) -> None:
    put_on_step(enrolled, 4, due_at=now)  # quiet for three days
    dispatch.dispatch_due(at=now)
    assert codes(enrolled) == ["CONDITION_NOT_MET"] * 3  # and neither of the two of the same day


def test_revocation_between_reservation_and_hand_over_stops_it(enrolled, now, monkeypatch) -> None:
    real = outbox.send_many

    def revoke_first(messages: list[Message], **kwargs: object) -> object:
        stop(enrolled.lead, "email", at=now)
        return real(messages, **kwargs)

    monkeypatch.setattr(outbox, "send_many", revoke_first)
    assert dispatch.dispatch_due(at=now).cancelled == 1
    message = Message.objects.get()
    assert (message.state, message.attempt.state, message.provider) == ("cancelled", "cancelled", "")
    assert codes(enrolled) == ["EMAIL_UNSUBSCRIBED"]


def test_a_message_whose_window_closed_while_it_waited_goes_out_another_time(enrolled, now, monkeypatch) -> None:
    step = enrolled.step

    def too_late(attempt_ids: list[int], *, at: datetime) -> list[gate.HandedOver]:
        night = Decision(
            allowed=False, kind="hold", code="QUIET_HOURS_STATE", sentence="Too late.", at=at, rules_version="x"
        )
        Attempt.objects.filter(pk__in=attempt_ids).update(state="cancelled")
        return [gate.HandedOver(pk, "cancelled", night) for pk in attempt_ids]

    monkeypatch.setattr(gate, "hand_over_many", too_late)
    assert dispatch.dispatch_due(at=now).cancelled == 1
    monkeypatch.undo()
    enrolled.refresh_from_db()
    assert (enrolled.step, enrolled.next_due_at) == (step, now + outbox.RETRY_AFTER)
    assert codes(enrolled) == ["QUIET_HOURS_STATE"]
    dispatch.dispatch_due(at=now + outbox.RETRY_AFTER)
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "delivered"]


def test_crash_before_the_handing_over_brings_the_step_back(enrolled, now, monkeypatch) -> None:
    def die(messages: list[Message], **kwargs: object) -> None:
        raise SystemExit

    step = enrolled.step
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(outbox, "send_many", die)
        dispatch.dispatch_due(at=now)
    later = now + outbox.FORGOTTEN_AFTER + timedelta(minutes=1)
    assert dispatch.dispatch_due(at=later) == dispatch.DispatchReport(failed=1)
    message = Message.objects.get()
    assert (message.state, message.attempt.state) == ("failed", "failed")
    enrolled.refresh_from_db()
    assert (enrolled.step, enrolled.next_due_at) == (step, later + outbox.RETRY_AFTER)
    assert dispatch.dispatch_due(at=later + outbox.RETRY_AFTER).delivered == 1


def test_crash_while_handing_over_leaves_unknown_and_is_never_sent_again(enrolled, now, monkeypatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(outbox, "channel_for", lambda medium: Broken(SystemExit()))
        dispatch.dispatch_due(at=now)
    assert dispatch.dispatch_due(at=now + outbox.FORGOTTEN_AFTER + timedelta(minutes=1)).unknown == 1
    message = Message.objects.get()
    assert (message.state, message.attempt.state) == ("unknown", "unknown")
    dispatch.dispatch_due(at=now + DAY)
    assert Message.objects.filter(step=message.step).count() == 1


def test_a_worker_that_must_stop_loses_no_message_that_it_had_not_handed_over(guide, now, monkeypatch) -> None:
    walk([guide(number).pk for number in range(1, 5)], at=now)
    sent: list[str] = []

    class Slow(Sandbox):
        group = 1

        def send(self, parcel: Parcel) -> Receipt:
            if len(sent) == 1:
                raise SoftTimeLimitExceeded
            sent.append(parcel.to)
            return Receipt(self.name, parcel.key)

    with monkeypatch.context() as patch, pytest.raises(SoftTimeLimitExceeded):
        patch.setattr(outbox, "channel_for", lambda medium: Slow())
        dispatch.dispatch_due(at=now)
    later = now + outbox.FORGOTTEN_AFTER + timedelta(minutes=1)
    report = dispatch.dispatch_due(at=later)
    assert (report.unknown, report.failed) == (1, 2)
    assert dispatch.dispatch_due(at=later + outbox.RETRY_AFTER).delivered == 2


def test_a_worker_that_must_stop_while_it_decides_is_no_poisoned_row(enrolled, now, monkeypatch) -> None:
    def stop_now(*args: object) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(composing, "compose", stop_now)
    with pytest.raises(SoftTimeLimitExceeded):
        dispatch.dispatch_due(at=now)


def test_a_long_run_ends_after_a_while_and_rings_for_the_next(guide, now, monkeypatch) -> None:
    walk([guide(number).pk for number in range(1, 4)], at=now)
    rung: list[str] = []
    monkeypatch.setattr(dispatch, "BATCH", 1)
    monkeypatch.setattr(bell, "ring", rung.append)
    clock = iter(range(99))
    report = dispatch.dispatch_due(at=now, clock=lambda: now + timedelta(seconds=5 * next(clock)))
    assert 0 < report.delivered < 3
    assert rung == [dispatch.TASK]


def test_crash_before_the_reservation_frees_the_claim_after_its_lease(enrolled, now) -> None:
    assert dispatch.claim_due(at=now) == [enrolled.pk]
    assert dispatch.dispatch_due(at=now).delivered == 0
    assert dispatch.dispatch_due(at=now + timedelta(minutes=11)).delivered == 1


class Broken(Sandbox):
    """A provider in trouble."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, parcel: Parcel) -> Receipt:
        raise self.error


def test_line_that_breaks_leaves_unknown(enrolled, now, monkeypatch) -> None:
    monkeypatch.setattr(outbox, "channel_for", lambda medium: Broken(Uncertain("timeout")))
    assert dispatch.dispatch_due(at=now).unknown == 1
    assert (Message.objects.get().state, Message.objects.get().error) == ("unknown", "timeout")


def test_provider_that_is_away_is_tried_again_three_times_at_most(enrolled, now, monkeypatch) -> None:
    monkeypatch.setattr(outbox, "channel_for", lambda medium: Broken(NotSent("connection refused", may_retry=True)))
    for minutes in (0, 15, 30, 45):
        dispatch.dispatch_due(at=now + timedelta(minutes=minutes))
    assert list(Message.objects.values_list("state", flat=True)) == ["failed"] * 3
    assert set(Attempt.objects.values_list("state", flat=True)) == {"failed"}
    enrolled.refresh_from_db()
    assert enrolled.step.position == 2


def test_call_step_opens_a_task_and_contacts_nobody(guide, now: datetime) -> None:
    lead = guide()
    walk([lead.pk], at=now)
    sequence = make_sequence("calls", "not_reached_call_1")
    Enrollment.objects.update(sequence=sequence, step=sequence.steps.get())
    assert dispatch.dispatch_due(at=now).called == 1
    assert CallTask.objects.get().lead == lead
    assert not Attempt.objects.exists()


def test_lead_that_changed_walks_the_road_first(enrolled: Enrollment, now: datetime) -> None:
    Lead.objects.update(advance_due_at=now)
    assert dispatch.dispatch_due(at=now) == dispatch.DispatchReport()
    Lead.objects.update(advance_due_at=None)
    ids = dispatch.claim_due(at=now)
    loaded = dispatch.batches.load(ids, at=now)
    Lead.objects.update(advance_due_at=now)
    assert dispatch.take_many(loaded, at=now) == ([], {"lost": 1})
    enrolled.refresh_from_db()
    assert enrolled.claimed_at is None


def test_one_poisoned_step_does_not_stop_the_others(guide, now, monkeypatch) -> None:
    ids = [guide(number).pk for number in (1, 2)]
    walk(ids, at=now)
    real, bad = composing.compose, Enrollment.objects.first().pk

    def poisoned(row: Enrollment, *args: object) -> object:
        if row.pk == bad:
            raise ZeroDivisionError
        return real(row, *args)

    monkeypatch.setattr(composing, "compose", poisoned)
    report = dispatch.dispatch_due(at=now)
    assert (report.errors, report.delivered) == (1, 1)


def test_spanish_lead_gets_spanish_words_where_there_are_some(enrolled: Enrollment, now: datetime) -> None:
    Lead.objects.update(language="es")
    dispatch.dispatch_due(at=now)
    message = Message.objects.get()
    assert (message.subject, message.wording.language) == ("Cómo es una primera visita", "es")
    assert "No recibir más estos correos" in message.body


def test_lead_of_another_language_gets_english(enrolled: Enrollment, now: datetime) -> None:
    Lead.objects.update(language="fr")
    dispatch.dispatch_due(at=now)
    assert Message.objects.get().wording.language == "en"


def test_words_about_health_go_only_where_provider_and_person_allow_it(enrolled, now, settings) -> None:
    sequence = make_sequence("health", "education_service")
    Enrollment.objects.update(sequence=sequence, step=sequence.steps.get())
    dispatch.dispatch_due(at=now)
    assert codes(enrolled) == ["NO_BAA"]
    Lead.objects.update(advance_due_at=None)
    settings.NURTURE_VENDOR_AGREEMENTS = ["email"]
    again = Enrollment.objects.create(
        lead=enrolled.lead, sequence=sequence, cycle=1, step=sequence.steps.get(), next_due_at=now, started_at=now
    )
    dispatch.dispatch_due(at=now)
    assert codes(again) == ["PHI_IN_CONTENT"]
    wishes.accept_unencrypted(enrolled.lead, at=now, source="test")
    Lead.objects.update(advance_due_at=None)
    accepted = Enrollment.objects.create(
        lead=enrolled.lead, sequence=sequence, cycle=1, step=sequence.steps.get(), next_due_at=now, started_at=now
    )
    dispatch.dispatch_due(at=now)
    assert codes(accepted) == []
    assert "you asked us about Orthopedic consult" in Message.objects.get().body


@pytest.mark.parametrize(
    ("service", "template"),
    [("ortho", "first_visit_questions"), ("mri", "first_visit_letter"), ("derm", "first_visit_video")],
)
def test_the_fourth_day_tells_what_the_service_asks_for_without_naming_it(guide, now, service, template) -> None:
    lead = guide(service=service)
    walk([lead.pk], at=now)
    row = Enrollment.objects.active().get(lead=lead)
    put_on_step(row, 4, due_at=now + 4 * DAY)
    dispatch.dispatch_due(at=now + 4 * DAY)
    message = Message.objects.get()
    assert message.step.template_id == template
    assert lead.service.name not in message.body


def test_message_without_reservation_or_out_of_state_is_refused_by_the_database(enrolled, now) -> None:
    dispatch.dispatch_due(at=now)
    message = Message.objects.get()
    for change in ({"state": "reserved"}, {"state": "failed"}, {"content_sha256": "0"}):
        with pytest.raises(Exception, match="(?i)cannot|invalid"), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(
            attempt=None, enrollment=enrolled, step=message.step, wording=message.wording, body="x", reserved_at=now
        )


def test_claim_reads_the_partial_index(enrolled: Enrollment, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Enrollment.objects.claimable(now).values_list("pk")[:100].explain()
    assert "enrollment_due" in plan


def test_claim_and_load_take_the_same_number_of_queries_for_one_and_for_ten(guide, now: datetime) -> None:
    counts = []
    for numbers in (range(1, 2), range(2, 12)):
        walk([guide(number).pk for number in numbers], at=now)
        with CaptureQueriesContext(connection) as queries:
            ids = dispatch.claim_due(at=now)
            dispatch.batches.load(ids, at=now)
        assert len(ids) == len(numbers)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_two_people_of_one_mailbox_are_counted_one_after_the_other(guide, now: datetime) -> None:
    ids = [guide(number, email="family@example.org", last_name=f"N{number}").pk for number in (1, 2)]
    assert len(set(ids)) == 2
    walk(ids, at=now)
    assert dispatch.dispatch_due(at=now).delivered == 1
    assert list(Skip.objects.values_list("code", flat=True)) == ["FREQUENCY_LIMIT"]


def test_dispatch_takes_the_same_number_of_queries_for_one_and_for_ten(guide, now: datetime) -> None:
    counts = []
    for numbers in (range(1, 2), range(2, 12)):
        walk([guide(number).pk for number in numbers], at=now)
        with CaptureQueriesContext(connection) as queries:
            assert dispatch.dispatch_due(at=now).delivered == len(numbers)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_words_are_kept_as_they_were_said_whatever_is_in_them(enrolled: Enrollment, now: datetime) -> None:
    name = 'Ana\t\\N "Zoë" {1}\r\n\\.'
    Lead.objects.update(first_name=name)
    dispatch.dispatch_due(at=now)
    message = Message.objects.select_related("attempt").get()
    assert f"Hello {name}," in message.body
    said = message.attempt.basis["request"]["content"]
    assert said["sha256"] == message.content_sha256 == message.attempt.content_sha256
    assert message.attempt.by_id is None
    assert message.attempt.events or message.attempt.code == "OK_EMAIL_OPTOUT_REGIME"


def test_no_call_is_asked_for_where_calls_are_withdrawn(sequences, submit, now) -> None:
    lead = submit(service="cardio")
    walk([lead.pk], at=now)
    row = Enrollment.objects.active().get(lead=lead)
    ledger.record(lead.phone_id, "internal_dnc", occurred_at=now, at=now)
    put_on_step(row, row.sequence.steps.get(template="documents_call_1").position, due_at=now)
    Lead.objects.update(advance_due_at=None)
    dispatch.dispatch_due(at=now)
    assert not CallTask.objects.exists()
    assert codes(row) == ["INTERNAL_DNC"]


@pytest.mark.parametrize(
    ("wish", "closes", "skipped"),
    [("sms", None, True), ("sms", "sms", False), ("email", None, False), ("voice", None, False), ("", None, False)],
)
def test_a_step_goes_the_way_the_person_prefers_where_that_is_open(enrolled, now, wish, closes, skipped) -> None:
    Lead.objects.update(preferred_channel=wish)
    if closes:
        stop(enrolled.lead, closes, at=now)
    dispatch.dispatch_due(at=now)
    assert codes(enrolled) == (["PREFERS_OTHER"] if skipped else [])
    assert Message.objects.exists() is not skipped


def test_an_organisation_that_reads_gets_what_organisations_ask_and_nothing_for_patients(
    sequences, submit, now
) -> None:
    organisation = {
        "lead_type": "b2b",
        "organisation": "Plant",
        "service": "screening",
        "payer": "",
        "timing": "not_sure",
    }
    lead = submit("guide", **organisation, request="info", preferred_clinic="", email="plant@example.org")
    walk([lead.pk], at=now)
    row = Enrollment.objects.active().get(lead=lead)
    for day in range(72):
        dispatch.dispatch_due(at=now + day * DAY)
    sent = Message.objects.filter(enrollment=row).order_by("pk").values_list("step__template", flat=True)
    assert list(sent) == [f"education_organisation_{n}" for n in (1, 2, 3)] + ["education_4"]


@pytest.mark.parametrize(
    ("days", "template"),
    [(90, "recycle_1"), (180, "recycle_half_year"), (364, "recycle_half_year"), (365, "recycle_year")],
)
def test_who_was_quiet_for_longer_is_taken_up_in_other_words(enrolled: Enrollment, now, days, template) -> None:
    later = now + days * DAY
    recycle = Sequence.objects.get(code="recycle")
    Enrollment.objects.update(sequence=recycle, step=recycle.steps.first(), next_due_at=later, started_at=later)
    for _ in range(3):
        dispatch.dispatch_due(at=later)
    assert [message.step.template_id for message in Message.objects.all()] == [template]
