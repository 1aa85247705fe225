"""Which words and headers are those of a mailbox or a telephone that answers by itself."""

from __future__ import annotations

import pytest

from consent.automatic import reads_so, says_so

NOTICES = """
Automatic reply: Your visit|Out of office|Out of Office: Re: your visit|Autoreply|Undeliverable: Your visit
Respuesta automática: su cita|Fuera de la oficina|Delivery Status Notification (Failure)
I am currently out of the office with limited access to e-mail until Dec 5. For urgent matters call Bob.
Estoy fuera de la oficina hasta el lunes. En mi ausencia llame a Eva.
This is an automated response. We received your e-mail.
I’m driving with Do Not Disturb While Driving turned on. I’ll see your message when I get where I’m going.
I'm driving right now, I'll call you later|I'm driving - Sent from My Car|Estoy manejando. Te llamo luego
"""
PEOPLE = """
I am out of the office on Friday, can you call me Thursday?|I'm out of office till Monday, call me then
Out of office till Monday call me then|I'm on vacation until Monday, please book me after that
I am driving from El Paso so the afternoon is better|I'm driving my mother to her appointment
I'm driving to Austin next week, what times are open?|My automatic payment failed|Yes|
"""


def each(lines: str) -> list[str]:
    return [text for line in lines.strip().splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", each(NOTICES))
def test_a_notice_is_no_reply(text: str) -> None:
    assert reads_so(text)


@pytest.mark.parametrize("text", each(PEOPLE))
def test_what_a_person_may_have_typed_is_a_reply(text: str) -> None:
    assert not reads_so(text)


@pytest.mark.parametrize(
    ("headers", "sender", "is_automatic"),
    [
        ({"Auto-Submitted": "auto-replied; owner-email=x"}, "", True),
        ({"auto-submitted": "no"}, "", False),
        ({"X-Autoreply": "yes"}, "", True),
        ({"Precedence": "auto_reply"}, "", True),
        ({"Precedence": "first-class"}, "", False),
        ({"Return-Path": "<>"}, "", True),
        ({"Content-Type": 'multipart/report; report-type="disposition-notification"'}, "", True),
        ({"Content-Type": "text/plain"}, "ana@example.org", False),
        ({}, "MAILER-DAEMON@example.org", True),
        ({}, "postmaster.ana@example.org", False),
    ],
)
def test_headers_say_that_nobody_wrote(headers: dict[str, str], sender: str, is_automatic: bool) -> None:
    assert says_so(headers, sender) is is_automatic
