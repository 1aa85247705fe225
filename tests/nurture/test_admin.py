"""Every page opens, costs the same for few and for many, and changes nothing by GET."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consent.models import Attempt
from leads import previews
from leads.models import Lead
from medcrm import roles
from nurture import dispatch, outbox
from nurture.channels import Parcel, Receipt
from nurture.channels.sandbox import Sandbox
from nurture.models import Enrollment, Message, Sequence, Wording
from tests.nurture.factories import walk

MODELS = ["sequence", "step", "template", "wording", "frequencycap", "enrollment", "message", "skip", "calltask"]
MODELS += ["acknowledgedsource", "visitreminder"]


@pytest.fixture
def superuser(admin_client: Client, settings: object) -> Client:
    settings.SECURE_SSL_REDIRECT = False
    return admin_client


@pytest.fixture
def marketing(sequences: None, client: Client, settings: object, django_user_model: type) -> Client:
    settings.SECURE_SSL_REDIRECT = False
    roles.sync()
    user = django_user_model.objects.create_user("marketing1", is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    client.force_login(user)
    return client


def test_every_list_and_page_opens(enrolled: Enrollment, superuser: Client, now: datetime) -> None:
    dispatch.dispatch_due(at=now)
    for model in MODELS:
        assert superuser.get(reverse(f"admin:nurture_{model}_changelist")).status_code == 200, model
    for row in (enrolled, enrolled.sequence, enrolled.step, Wording.objects.first(), enrolled.messages.get()):
        name = row._meta.model_name
        page = superuser.get(reverse(f"admin:nurture_{name}_change", args=[row.pk]))
        assert page.status_code == 200, name
    page = superuser.get(reverse("admin:leads_lead_change", args=[enrolled.lead_id])).content.decode()
    assert "First visit" in page
    simulation = reverse("admin:nurture_sequence_simulate", args=[enrolled.sequence_id])
    assert "were simulated" not in superuser.get(simulation).content.decode()
    asked = superuser.post(simulation)["Location"]
    previews.look_ahead(clock=lambda: now)
    assert "were simulated" in superuser.get(asked).content.decode()


@pytest.mark.parametrize("model", ["enrollment", "message"])
def test_lists_take_the_same_number_of_queries_for_three_and_for_nine(
    guide: Callable[..., Lead], superuser: Client, now: datetime, model: str
) -> None:
    counts = []
    for numbers in (range(1, 4), range(4, 10)):
        walk([guide(number).pk for number in numbers], at=now)
        dispatch.dispatch_due(at=now)
        superuser.get(reverse(f"admin:nurture_{model}_changelist"))
        with CaptureQueriesContext(connection) as queries:
            superuser.get(reverse(f"admin:nurture_{model}_changelist"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_messages_are_narrowed_to_one_medium(enrolled: Enrollment, superuser: Client, now: datetime) -> None:
    dispatch.dispatch_due(at=now)
    message = enrolled.messages.get()
    path = reverse("admin:nurture_message_changelist")
    found = {
        medium: list(superuser.get(path, {"medium": medium}).context_data["cl"].result_list)
        for medium in ("email", "sms", "letter")
    }
    assert message.step.template.medium == "email"
    assert found == {"email": [message], "sms": [], "letter": [message]}, "a medium that is not known narrows nothing"


def test_leaving_asks_first_and_refuses_get(enrolled: Enrollment, superuser: Client) -> None:
    url = reverse("admin:nurture_enrollment_leave", args=[enrolled.pk])
    superuser.get(url)
    enrolled.refresh_from_db()
    assert enrolled.state == "active"
    superuser.post(url, {"note": "Asked on the phone."})
    enrolled.refresh_from_db()
    assert (enrolled.exit_code, enrolled.exit_note) == ("removed", "Asked on the phone.")


def test_marketing_drafts_and_publishes_a_sequence_and_sees_no_lead(marketing: Client) -> None:
    first = Sequence.objects.get(code="first_visit")
    marketing.post(reverse("admin:nurture_sequence_start_draft", args=[first.pk]), {"note": "Fewer texts."})
    draft = Sequence.objects.get(code="first_visit", status="draft")
    page = marketing.get(reverse("admin:nurture_sequence_change", args=[draft.pk])).content.decode()
    assert "steps-0-delay" in page
    marketing.post(reverse("admin:nurture_sequence_publish", args=[draft.pk]), {"moves_leads": "on"})
    draft.refresh_from_db()
    assert draft.status == "published"
    assert marketing.get(reverse("admin:nurture_message_changelist")).status_code == 403


def test_published_sequence_is_only_read(marketing: Client) -> None:
    first = Sequence.objects.get(code="first_visit")
    url = reverse("admin:nurture_sequence_change", args=[first.pk])
    assert 'name="name"' not in marketing.get(url).content.decode()
    assert marketing.post(url, {"name": "Other"}).status_code == 403


def test_lead_page_asks_for_its_plan_and_the_plan_says_what_becomes_of_each_step(enrolled, superuser: Client) -> None:
    url = reverse("admin:nurture_enrollment_plan", args=[enrolled.lead_id])
    assert (
        f'hx-get="{url}"' in superuser.get(reverse("admin:leads_lead_change", args=[enrolled.lead_id])).content.decode()
    )
    part = superuser.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "First visit: common questions" in part
    assert "<html" in superuser.get(url).content.decode()


def test_preview_with_a_real_lead_is_for_who_may_see_it(enrolled, superuser: Client, marketing: Client) -> None:
    wording = Wording.objects.get(template="first_visit_welcome", language="en")
    Lead.objects.update(first_name="Zora")
    url = reverse("admin:nurture_wording_preview", args=[wording.pk])
    assert marketing.post(url, {"lead": enrolled.lead_id}).status_code == 403
    page = superuser.post(url, {"lead": "512-555-0001"}).content.decode()
    assert "Hello Zora," in page
    assert not Message.objects.exists()


def test_test_goes_to_whoever_asks_and_to_no_lead(enrolled, marketing: Client, monkeypatch, django_user_model) -> None:
    sent: list[Parcel] = []

    class Box(Sandbox):
        def send(self, parcel: Parcel) -> Receipt:
            sent.append(parcel)
            return super().send(parcel)

    monkeypatch.setattr(outbox, "channel_for", lambda medium: Box())
    wording = Wording.objects.get(template="first_visit_text_bring", language="en")
    url = reverse("admin:nurture_wording_send_test", args=[wording.pk])
    marketing.get(url)
    assert "has no e-mail address" in marketing.post(url).content.decode()
    django_user_model.objects.update(email="me@example.org")
    marketing.post(url)
    [parcel] = sent
    assert (parcel.to, parcel.subject) == ("me@example.org", "TEST: First visit: what to bring (2 segments)")
    assert not Attempt.objects.exists()


def test_a_message_links_only_to_pages_that_its_reader_may_open(
    enrolled, client: Client, now, settings, django_user_model
) -> None:
    settings.SECURE_SSL_REDIRECT = False
    roles.sync()
    dispatch.dispatch_due(at=now)
    message = Message.objects.get()
    page = reverse("admin:nurture_message_change", args=[message.pk])
    linked = {}
    for role in ("supervisor", "compliance"):
        user = django_user_model.objects.create_user(f"{role}7", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        shown = client.get(page).content.decode()
        assert str(message.attempt) in shown
        linked[role] = f"/consent/attempt/{message.attempt_id}/" in shown
    assert linked == {"supervisor": False, "compliance": True}
