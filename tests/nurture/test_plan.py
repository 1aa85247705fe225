from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from consent.models import Attempt
from medcrm.lib.errors import RuleError
from medcrm.lib.versions import open_draft, start_draft
from nurture import dispatch, plan, publishing
from nurture.models import Enrollment, Message, Sequence, Skip, Template, Wording
from nurture.plan import Fate
from tests.nurture.factories import stop


def test_plan_foretells_what_dispatch_then_does(enrolled: Enrollment, now: datetime) -> None:
    foretold = plan.for_lead(enrolled.lead_id, at=now)
    assert not Attempt.objects.exists()
    for planned in foretold:
        dispatch.dispatch_due(at=planned.at)
    sent = list(Message.objects.order_by("pk").values_list("step__position", "reserved_at"))
    assert [(p.step.position, p.at) for p in foretold if p.fate == Fate.SENT] == sent
    kept = list(Skip.objects.order_by("pk").values_list("step__position", "code", "at"))
    told = [(p.step.position, p.code, p.at) for p in foretold if p.fate in (Fate.SKIPPED, Fate.HELD)]
    assert told == kept


def test_plan_says_what_is_blocked_and_why(enrolled: Enrollment, now: datetime) -> None:
    stop(enrolled.lead, "email", at=now)
    told = {(p.medium, p.code) for p in plan.for_lead(enrolled.lead_id, at=now) if p.fate == Fate.SKIPPED}
    assert ("email", "EMAIL_UNSUBSCRIBED") in told


def test_simulation_of_a_draft_counts_per_day_and_contacts_nobody(guide, enrolled: Enrollment, now) -> None:
    draft = start_draft(Sequence, enrolled.sequence_id, note="Fewer texts.")
    calendar = plan.for_sequence(draft.pk, at=now, days=8)
    assert (calendar.meant, calendar.simulated) == (1, 1)
    assert calendar.days[now.date()] == {"email": 1}
    effects = {(effect.fate.value, effect.code): effect.steps for effect in calendar.effects}
    assert effects["skipped", "CONDITION_NOT_MET"] == 3  # the text for who has no mailbox, the letter, the video
    assert not Attempt.objects.exists()


def test_new_version_is_published_and_leads_finish_the_old_one(enrolled: Enrollment, now: datetime) -> None:
    draft = start_draft(Sequence, enrolled.sequence_id)
    assert open_draft(Sequence, enrolled.sequence_id, note="Again.") == draft
    assert draft.steps.count() == 9
    draft.steps.filter(position__gt=2).delete()
    publishing.publish_sequence(draft.pk, at=now)
    assert list(Sequence.objects.filter(code="first_visit").order_by("version").values_list("status", flat=True)) == [
        "retired",
        "published",
    ]
    enrolled.refresh_from_db()
    assert enrolled.sequence.version == 1


def test_going_back_plans_again_for_whom_the_sequence_means(enrolled: Enrollment, now: datetime, admin_user) -> None:
    draft = start_draft(Sequence, enrolled.sequence_id)
    publishing.publish_sequence(draft.pk, at=now)
    type(enrolled.lead).objects.update(advance_due_at=None)
    later = now + timedelta(hours=1)
    assert publishing.go_back_sequence(draft.pk, at=later, by=admin_user) == enrolled.sequence
    enrolled.refresh_from_db()
    assert (enrolled.sequence.status, enrolled.lead.advance_due_at) == ("published", later)


def test_leads_move_to_the_new_version_where_the_editor_says_so(enrolled: Enrollment, now: datetime) -> None:
    dispatch.dispatch_due(at=now)
    draft = start_draft(Sequence, enrolled.sequence_id)
    publishing.publish_sequence(draft.pk, at=now + timedelta(hours=1), moves_leads=True)
    enrolled.refresh_from_db()
    assert (enrolled.sequence_id, enrolled.step.position) == (draft.pk, 2)


def test_sequence_without_steps_or_words_is_not_published(enrolled: Enrollment, now: datetime) -> None:
    draft = start_draft(Sequence, enrolled.sequence_id)
    draft.steps.all().delete()
    with pytest.raises(RuleError) as refusal:
        publishing.publish_sequence(draft.pk, at=now)
    assert refusal.value.code == "NO_STEPS"
    with pytest.raises(RuleError) as refusal:
        publishing.publish_sequence(enrolled.sequence_id, at=now)
    assert refusal.value.code == "NOT_A_DRAFT"


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ("first_visit_text_bring", "Hello {{ nobody }}. Reply STOP to end."),
        ("first_visit_text_bring", "Hello {{ first_name }}. Reply STOP to end."),
        ("first_visit_text_bring", "Hello without the way out"),
        ("first_visit_text_bring", "Hello " * 60 + "Reply STOP to end."),
        ("first_visit_welcome", 'About your {{ service|default:"visit" }}'),
        ("first_visit_welcome", "{% load static %}"),
        ("first_visit_welcome", "{% if first_name %}Hello"),
        ("first_visit_welcome", "{{ first_name|safe }}"),
    ],
)
def test_unfit_words_are_not_published(enrolled: Enrollment, now: datetime, template: str, body: str) -> None:
    draft = start_draft(Wording, Wording.objects.get(template=template, language="en").pk)
    draft.body = body
    draft.save()
    with pytest.raises(RuleError) as refusal:
        publishing.publish_wording(draft.pk, at=now)
    assert refusal.value.code == "UNFIT_WORDING"


def test_published_words_replace_the_old_ones_and_are_frozen(enrolled: Enrollment, now: datetime) -> None:
    draft = start_draft(Wording, Wording.objects.get(template="first_visit_welcome", language="en").pk)
    draft.body = "Welcome."
    draft.save()
    publishing.publish_wording(draft.pk, at=now)
    dispatch.dispatch_due(at=now)
    assert Message.objects.get().body.startswith("Welcome.")
    with pytest.raises(Exception, match="(?i)cannot update"):
        Wording.objects.filter(pk=draft.pk).update(body="Other.")


def test_every_template_has_its_english_and_its_spanish_words(sequences: None) -> None:
    for language in ("en", "es"):
        worded = Wording.objects.filter(language=language, status="published").values("template")
        assert not Template.objects.exclude(pk__in=worded).exists(), language
