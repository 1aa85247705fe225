"""What is older than its rule is forgotten, unless somebody holds it; a dry run counts first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils import timezone

from audit.models import Access
from consent import verify
from consent.models import Address
from leads.importing import runs
from leads.models import (
    Appointment,
    Inquiry,
    Interaction,
    Lead,
)
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from medcrm.workspace.models import Draft
from privacy import erasure, retention
from privacy.models import RetentionRule
from privacy.tasks import forget_sessions
from tests.privacy.person import PERSON, STATED, traces
from tests.rows import make

pytestmark = pytest.mark.django_db


def test_retention_counts_first_then_forgets_what_is_older_and_not_on_hold(told, submit, now):
    retention.load_rules()
    assert retention.apply(at=now).results == {}, "no days: kept for ever"
    RetentionRule.objects.filter(pk="raw_inquiries").update(days=30)
    held = submit(at=now, last_name="Held", phone="+15125550144", email="held@example.org")
    young = submit(at=now + timedelta(days=20), last_name="Young", phone="+15125550145", email="young@example.org")
    erasure.place_holds(erasure.person_of([held.pk]), reason="Matter 1", by=None, at=now)
    at = now + timedelta(days=31)
    dry = retention.apply(at=at, dry=True)
    assert dry.results == {"raw_inquiries": {"due": 3, "on_hold": 1, "done": 0}}
    assert retention.apply(at=at).results == {"raw_inquiries": {"due": 3, "on_hold": 1, "done": 2}}
    kept = Inquiry.objects.exclude(raw_body="").values_list("lead", flat=True)
    assert set(kept) == {held.pk, young.pk}
    RetentionRule.objects.filter(pk="raw_inquiries").update(days=0)
    assert retention.apply(at=at).results["raw_inquiries"] == {"due": 2, "on_hold": 1, "done": 1}


def test_the_parts_of_a_note_go_with_its_words_and_won_leads_have_a_rule_of_their_own(told, now):
    retention.load_rules()
    RetentionRule.objects.filter(pk="timeline_words").update(days=0)
    for stage in ("working", "converted"):
        Lead.objects.filter(pk=told.pk).update(stage=stage)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words"]["due"] == 0
    RetentionRule.objects.filter(pk="timeline_words_won").update(days=0)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words_won"]["done"] >= 2
    call = Interaction.objects.get(lead=told, kind="call")
    assert (call.text, "told" in call.facts) == ("", False)
    assert retention.apply(at=now + timedelta(days=1)).results["timeline_words_won"]["due"] == 0


@pytest.fixture
def closed(written, submit, now) -> dict[str, Lead]:
    """Leads that ended: the person, their sister on the same number, one on hold, one who is expected; one goes on."""
    Lead.objects.filter(pk=written.enrollment.lead_id).update(stage="lost", advance_due_at=None)
    others = {
        "sister": submit(at=now, **(PERSON | {"first_name": "Hyacinth", "email": "hyacinth@example.org"})),
        "held": submit(at=now, last_name="Held", phone="+15125550144", email="held@example.org"),
        "expected": submit(at=now, last_name="Expected", phone="+15125550145", email="expected@example.org"),
        "open": submit(at=now, last_name="Open", phone="+15125550146", email="open@example.org"),
    }
    for name in ("held", "expected"):
        Lead.objects.filter(pk=others[name].pk).update(stage="lost")
    erasure.place_holds(erasure.person_of([others["held"].pk]), reason="Matter 1", by=None, at=now)
    Appointment.objects.update(date=timezone.now().date() - timedelta(days=1))
    day = (timezone.now() + timedelta(days=9)).date()
    make(Appointment, lead=others["expected"], service_id="ortho", clinic_id="aus", date=day, status="booked")
    return others


def test_leads_that_ended_are_forgotten_whole_after_their_days(closed, told, now):
    retention.load_rules()
    RetentionRule.objects.filter(pk="closed_leads").update(days=365)
    assert retention.apply(at=now + timedelta(days=360)).results["closed_leads"]["due"] == 0
    at = now + timedelta(days=380)
    assert retention.apply(at=at, dry=True).results == {"closed_leads": {"due": 2, "on_hold": 1, "done": 0}}
    assert retention.apply(at=at).results == {"closed_leads": {"due": 2, "on_hold": 1, "done": 1}}
    told.refresh_from_db()
    assert (told.first_name, told.phone_id, told.stage) == ("", None, "lost")
    assert Address.objects.get(pk=told.email_id).value is None
    left = {value for table, values in traces().items() if table not in STATED for value in values}
    # As the sister wrote, and as somebody searched for the number that is hers too.
    hers = {"quixwater", "5550187", "555-0187", "zebulonia", "78745", "thornbury", "flamingo"}
    assert left <= hers | {"1467729038", "snorkelby", "crumpet", "quokka"}
    stays = Lead.objects.filter(pk__in=[lead.pk for lead in closed.values()])
    assert set(stays.values_list("last_name", flat=True)) == {"Quixwater", "Held", "Expected", "Open"}
    assert retention.apply(at=at).results["closed_leads"] == {"due": 1, "on_hold": 1, "done": 0}, "none twice"
    assert verify.verify().is_whole


def test_drafts_and_ended_sessions_go(told, client, now):
    from tests.medcrm.test_roles import person

    user = person("caller")
    make(Draft, lead=told, user=user, fields={"note": "marmalade"}, began_at=now, saved_at=now, attempt=None)
    retention.load_rules()
    RetentionRule.objects.filter(pk="drafts").update(days=7)
    at = now + timedelta(days=8)
    assert retention.apply(at=at).results == {"drafts": {"due": 1, "on_hold": 0, "done": 1}}
    assert not Draft.objects.exists()
    client.force_login(user)
    Session.objects.create(session_key="ended", session_data="", expire_date=timezone.now() - timedelta(minutes=1))
    forget_sessions()
    assert [session.session_key for session in Session.objects.all()] == [client.session.session_key]


def test_the_access_log_is_kept_as_long_as_the_law_wants_it_and_for_whoever_is_on_hold(told, now):
    retention.load_rules()
    rule = RetentionRule.objects.get(pk="access_log")
    rule.days = 30
    with pytest.raises(ValidationError) as refused:
        rule.clean()
    assert refused.value.error_dict["days"][0].code == "KEPT_TOO_SHORT"
    rule.save()
    make(Access, at=now, subjects=[f"leads.lead:{told.pk}"], query="", address=None)
    erasure.place_holds(erasure.person_of([told.pk]), reason="Matter 4", by=None, at=now)
    assert retention.apply(at=now + timedelta(days=2000)).results["access_log"]["due"] == 0
    free = make(Access, at=now, subjects=["leads.lead:0"], query="", address=None)
    result = retention.apply(at=now + timedelta(days=2200)).results["access_log"]
    assert result["due"] == result["on_hold"] + result["done"]
    assert result["on_hold"] >= 1 <= result["done"]
    assert not Access.objects.filter(pk=free.pk).exists()
    assert Access.objects.filter(subjects=[f"leads.lead:{told.pk}"]).exists()


def test_the_file_of_an_import_goes_a_month_after_it_ended(refused, now):
    unused = runs.upload("leads", ContentFile(b"Name,Phone\nA B,5125550144\n"), "unused.csv", at=now)
    assert runs.expire_files(at=now + timedelta(days=29)) == 0
    assert runs.expire_files(at=now + timedelta(days=31)) == 2
    with pytest.raises(RuleError, match="Upload it again"):
        runs.start(unused.pk, is_dry=True, at=now + timedelta(days=31))
    refused.refresh_from_db()
    assert (refused.file.name, refused.phase, refused.counts["created"]) == ("", "imported", 1)


@pytest.mark.parametrize("code", sorted(personal.RETAINED))
def test_every_kind_of_data_can_be_applied(code, organisation, now):
    RetentionRule.objects.filter(pk=code).update(days=0)
    assert code in retention.apply(at=now).results
