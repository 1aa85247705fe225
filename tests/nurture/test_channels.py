"""The real channels against real servers on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.utils import timezone

from medcrm import journey
from nurture import dispatch
from nurture.channels import Attachment, NotSent, Parcel, Uncertain
from nurture.channels.email import Email, message_id
from nurture.channels.twilio_sms import TwilioSms
from nurture.models import Message
from tests.conftest import send_inquiry

PARCEL = Parcel(
    key="42",
    to="alpha@example.org",
    subject="Your first visit",
    body="Hello,\n\nsee https://example.org/p/abc/ <b>now</b>",
    sender="Harbor Health",
    headers={
        "List-Unsubscribe": "<https://example.org/u/abc/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)


class Postbox:
    """Takes mail, or answers as told."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list) -> str:
        envelope.rcpt_tos.append(to)
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content))
        if self.answer == "hang up":
            server.transport.close()
        return self.answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def postbox(settings: object) -> Iterator[Postbox]:
    box = Postbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "care@example.org"
    yield box
    controller.stop()


def test_mail_has_both_parts_the_way_out_and_a_message_id_of_its_attempt(postbox: Postbox) -> None:
    receipt = Email().send(PARCEL)
    [mail] = postbox.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "Harbor Health <care@example.org>",
        "alpha@example.org",
        "Your first visit",
    )
    assert mail["List-Unsubscribe"] == "<https://example.org/u/abc/>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Message-ID"] == receipt.provider_id == message_id("42", "example.org")
    assert message_id("42", "example.org") != message_id("43", "example.org").replace("43", "42", 1), (
        "nobody can count on"
    )
    text, html = (part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())
    assert "see https://example.org/p/abc/" in text
    assert 'href="https://example.org/p/abc/"' in html
    assert "<b>now" not in html


@pytest.mark.parametrize(("code", "may_retry"), [("550 no such user", False), ("451 try later", True)])
def test_refused_mail_certainly_did_not_leave(postbox: Postbox, code: str, may_retry: bool) -> None:
    postbox.recipient_answer = code
    with pytest.raises(NotSent) as refusal:
        Email().send(PARCEL)
    assert refusal.value.may_retry is may_retry


def test_line_that_breaks_in_the_middle_of_the_mail_is_uncertain(postbox: Postbox) -> None:
    postbox.answer = "hang up"
    with pytest.raises(Uncertain):
        Email().send(PARCEL)


def test_mail_server_that_is_away_may_be_tried_again(settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(NotSent) as refusal:
        Email().send(PARCEL)
    assert refusal.value.may_retry


class Exchange(HTTPServer):
    """Speaks Twilio's message endpoint."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.asked: list[dict[str, list[str]]] = []
        self.status, self.body = 201, {"sid": "SM1", "status": "queued"}


class Desk(BaseHTTPRequestHandler):
    server: Exchange

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append({"path": [self.path], **parse_qs(body)})
        if self.server.status == 0:
            self.connection.close()
            return
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(self.server.body).encode())

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def exchange(settings: object) -> Iterator[Exchange]:
    server = Exchange()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.TWILIO_ACCOUNTS_API = f"http://127.0.0.1:{server.server_port}"
    settings.TWILIO_API = f"http://127.0.0.1:{server.server_port}"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC1", "secret"
    settings.TWILIO_SENDER, settings.PUBLIC_URL = "+15125550199", "https://crm.example.org"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TEXT = Parcel(key="42", to="+15125550101", body="Hello. Reply STOP to end.")


def test_text_goes_to_twilio_with_its_call_back(exchange: Exchange) -> None:
    assert TwilioSms().send(TEXT).provider_id == "SM1"
    [asked] = exchange.asked
    assert asked["path"] == ["/2010-04-01/Accounts/AC1/Messages.json"]
    assert (asked["To"], asked["From"], asked["Body"]) == ([TEXT.to], ["+15125550199"], [TEXT.body])
    assert asked["StatusCallback"] == ["https://crm.example.org/hooks/twilio/status/42/"]


@pytest.mark.parametrize(
    ("status", "code", "may_retry", "is_opted_out"),
    [(400, 21211, False, False), (400, 21610, False, True), (429, 20429, True, False)],
)
def test_refusal_of_twilio_certainly_did_not_leave(exchange, status, code, may_retry, is_opted_out) -> None:
    exchange.status, exchange.body = status, {"code": code, "message": "no", "status": status}
    with pytest.raises(NotSent) as refusal:
        TwilioSms().send(TEXT)
    assert (refusal.value.may_retry, refusal.value.is_opted_out) == (may_retry, is_opted_out)


@pytest.mark.parametrize("status", [500, 0])
def test_twilio_in_trouble_is_uncertain_and_asked_only_once(exchange: Exchange, status: int) -> None:
    exchange.status, exchange.body = status, {}
    with pytest.raises(Uncertain):
        TwilioSms().send(TEXT)
    assert len(exchange.asked) == 1


def test_a_mail_brings_its_file_along(postbox: Postbox) -> None:
    calendar = Attachment(
        "visit.ics", "BEGIN:VCALENDAR\r\nSUMMARY:Cita mañana\r\nEND:VCALENDAR\r\n".encode(), "text/calendar"
    )
    Email().send(replace(PARCEL, attachment=calendar))
    [mail] = postbox.mails
    [file] = [part for part in mail.walk() if part.get_filename()]
    assert (file.get_filename(), file.get_content_type()) == ("visit.ics", "text/calendar")
    assert "Cita mañana" in file.get_payload(decode=True).decode()
    assert [part.get_content_type() for part in mail.walk()].count("text/html") == 1


@pytest.mark.django_db(transaction=True)
def test_an_inquiry_is_acknowledged_by_a_mail(postbox, transactional_organisation, settings) -> None:
    settings.NURTURE_CHANNELS = {**settings.NURTURE_CHANNELS, "email": "nurture.channels.email.Email"}
    at = timezone.now()
    send_inquiry(at=at)
    assert Message.objects.count() == 0  # nothing leaves in the request that brings the inquiry
    journey.advance_due(at=at)
    dispatch.dispatch_due(at=at)
    message = Message.objects.get()
    [mail] = postbox.mails
    assert (mail["To"], mail["Subject"]) == ("alpha@example.org", "We have your request")
    assert (message.state, message.provider_id) == ("sent", mail["Message-ID"])
