"""What a mail provider tells us through anymail, here in Postmark's words."""

from __future__ import annotations

import base64

import pytest
from django.test import Client

from consent.models import ConsentEvent
from leads.models import Interaction, Lead
from nurture import dispatch
from nurture.models import Message

SECRET = "hook:open-sesame"  # noqa: S105


@pytest.fixture
def sent(enrolled, now, settings) -> Message:
    settings.ANYMAIL, settings.SECURE_SSL_REDIRECT = {"WEBHOOK_SECRET": SECRET}, False
    dispatch.dispatch_due(at=now)
    return Message.objects.get()


def post(client: Client, what: str, body: dict[str, object] | None = None, secret: str = SECRET) -> int:
    proof = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
    path = f"/hooks/mail/postmark/{what}/"
    return client.post(path, body or {}, content_type="application/json", headers=proof).status_code


def tracking(message: Message, kind: str, **fields: object) -> dict[str, object]:
    about = {"RecordType": kind, "MessageID": message.provider_id, "Recipient": "alpha1@example.org", "Metadata": {}}
    return {**about, "ReceivedAt": "2026-12-01T17:00:00Z", **fields}


def letter(**fields: object) -> dict[str, object]:
    mailbox = "alpha1@example.org"
    return {
        "FromFull": {"Email": mailbox, "Name": "Alpha"},
        "From": mailbox,
        "Subject": "Re: What a first visit is like",
        "TextBody": "",
        "MessageID": "in-1",
        "Headers": [{"Name": "Message-ID", "Value": "<in-1@example.org>"}],
        **fields,
    }


def test_hook_without_the_secret_changes_nothing(sent: Message, client: Client) -> None:
    assert post(client, "tracking", tracking(sent, "Open"), secret="hook:wrong") == 400
    assert not Interaction.objects.filter(kind="email_open").exists()


@pytest.mark.parametrize("anymail", [{}, {"WEBHOOK_SECRET": ""}])
def test_no_hook_is_taken_while_no_secret_is_set(anymail, sent: Message, client: Client, settings) -> None:
    settings.ANYMAIL = anymail
    stop = {"From": "alpha1@example.org", "FromFull": {"Email": "alpha1@example.org"}, "TextBody": "STOP"}
    assert post(client, "inbound", stop) == post(client, "tracking", tracking(sent, "Open")) == 403
    assert not ConsentEvent.objects.filter(kind="inbound").exists()


def test_a_hook_that_no_provider_has_is_not_there(sent: Message, client: Client) -> None:
    assert post(client, "nothing") == 404


def test_open_and_click_stand_on_the_timeline_once(sent: Message, client: Client) -> None:
    for _ in range(2):
        assert post(client, "tracking", tracking(sent, "Open")) == 200
    assert post(client, "tracking", tracking(sent, "Click", OriginalLink="https://example.org/p/x/")) == 200
    kinds = sorted(Interaction.objects.filter(kind__startswith="email_").values_list("kind", flat=True))
    assert kinds == ["email_click", "email_open"]


def test_hard_bounce_blocks_the_mailbox(sent: Message, client: Client) -> None:
    bounce = tracking(sent, "Bounce", ID=7, Type="HardBounce", TypeCode=1, Email="alpha1@example.org", Inactive=True)
    assert post(client, "tracking", bounce) == 200
    sent.refresh_from_db()
    assert sent.state == "bounced"
    assert ConsentEvent.objects.filter(kind="email_hard_bounce").count() == 1


def test_answer_by_mail_finds_its_message_and_its_lead(sent: Message, client: Client) -> None:
    assert post(client, "inbound", letter(TextBody="When can I come?")) == 200
    assert Interaction.objects.get(kind="email_reply").text.strip() == "When can I come?"
    sent.refresh_from_db()
    assert sent.state == "replied"


def test_a_friendly_answer_above_our_own_mail_stops_nothing(sent: Message, client: Client) -> None:
    quote = "\n".join(f"> {line}" for line in sent.body.splitlines())
    text = f"Yes, Tuesday works for me. Thanks!\n\nOn Tue, Dec 1, 2026 Harbor <care@example.org> wrote:\n{quote}"
    assert post(client, "inbound", letter(TextBody=text)) == 200
    assert "Stop these e-mails" in sent.body
    assert ConsentEvent.objects.get(kind="inbound").verdict == "none"
    assert not ConsentEvent.objects.filter(kind__in=["revoke", "email_unsub"]).exists()
    assert Interaction.objects.get(kind="email_reply").text == text, "the timeline keeps all of it"


@pytest.mark.parametrize(
    ("fields", "verdict", "text"),
    [
        ({"Subject": "UNSUBSCRIBE"}, "revoke", "UNSUBSCRIBE"),
        ({"Subject": "Stop", "TextBody": "Thanks, Ana"}, "revoke", "Stop\n\nThanks, Ana"),
        ({"HtmlBody": "<p>please stop <b>e-mailing</b> me</p>"}, "revoke", "please stop e-mailing me"),
        ({"HtmlBody": "<p>Yes!</p><blockquote>Reply STOP</blockquote>"}, "none", "Yes!\n\n> Reply STOP"),
        ({"Subject": "RE: Stop paying too much", "TextBody": "Yes"}, "none", "Yes"),
        ({"Subject": "RV: Cancel", "TextBody": "Sí", "StrippedTextReply": "Sí"}, "none", "Sí"),
    ],
)
def test_subject_and_html_of_a_mail_are_heard_too(
    fields: dict[str, str], verdict: str, text: str, sent: Message, client: Client
) -> None:
    assert post(client, "inbound", letter(**fields)) == 200
    assert ConsentEvent.objects.get(kind="inbound").verdict == verdict
    assert Interaction.objects.get(kind="email_reply").text == text


AWAY = {"Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}], "TextBody": "Back at the end of the week."}


@pytest.mark.parametrize("fields", [AWAY, {"Subject": "Automatic reply: your mail", "TextBody": "Back on Monday."}])
def test_a_mailbox_that_answers_by_itself_is_shown_and_wakes_nobody(fields, sent: Message, client: Client) -> None:
    assert post(client, "inbound", letter(**fields)) == 200
    entry = Interaction.objects.get(facts__has_key="answered_by_itself")
    assert (entry.kind, entry.direction, "Back" in entry.text) == ("system", "internal", True)
    sent.refresh_from_db()
    assert (sent.state, sent.enrollment.state) == ("delivered", "active")
    assert not Interaction.objects.filter(kind="email_reply").exists()
    assert not ConsentEvent.objects.filter(kind="inbound").exists(), "nor does “end” wait for somebody to read it"
    assert Lead.objects.get().advance_due_at is None


def test_a_stop_counts_also_in_what_is_marked_as_automatic(sent: Message, client: Client) -> None:
    assert post(client, "inbound", letter(**AWAY | {"TextBody": "Please stop e-mailing me"})) == 200
    assert ConsentEvent.objects.get(kind="inbound").verdict == "revoke"
