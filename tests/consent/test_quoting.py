"""Of a mail only the person's own words are heard, however their client quotes ours."""

from __future__ import annotations

import pytest
from django.utils.translation import gettext, override

from consent.quoting import STOP, take_apart
from consent.wording import understand

FOOTER = """--
Harbor Health, 100 Harbor Way, Austin, TX 78701
Choose what you hear from us: https://crm.example.org/p/x/
Stop these e-mails: https://crm.example.org/u/x/"""
OURS = f"Dear Ana,\nwe have an open slot. Please stop by, or cancel it.\n\n{FOOTER}"
MARKED = "\n".join(f"> {line}" for line in OURS.splitlines())
YES = "Yes, Tuesday works for me. Thanks!"
HEADS = {
    "gmail": "On Mon, Nov 23, 2026 at 9:00 AM Harbor Health <care@example.org> wrote:",
    "broken": "On Mon, Nov 23, 2026 at 9:00 AM Harbor Health <\ncare@example.org> wrote:",
    "broken_late": "On Mon, Nov 23, 2026 at 9:00 AM Harbor Health\n<care@example.org> wrote:",
    "apple": "On Nov 23, 2026, at 9:00 AM, Harbor Health <care@example.org> wrote:",
    "spanish": "El lun, 23 nov 2026 a las 9:00, Harbor Health (<care@example.org>) escribió:",
    "german": "Am 23.11.2026 um 09:00 schrieb Harbor Health <care@example.org>:",
    "outlook": "-----Original Message-----\nFrom: Harbor Health <care@example.org>\nSent: Monday\nSubject: Your visit",
    "outlook_web": "________________________________\nFrom: Harbor Health <care@example.org>\nSent: Monday\nTo: Ana",
    "outlook_es": "De: Harbor Health <care@example.org>\nEnviado el: lunes\nPara: Ana\nAsunto: Su visita",
    "bold": "*From:* Harbor Health <care@example.org>\n*Date:* Monday\n*To:* Ana",
    "forwarded": "---------- Forwarded message ---------\nFrom: Harbor Health <care@example.org>\nDate: Monday",
}


@pytest.mark.parametrize("quote", [OURS, MARKED], ids=["plain", "marked"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(
    ("said", "verdict"), [(YES, "none"), ("Please stop e-mailing me.", "revoke"), ("I want to cancel it.", "review")]
)
def test_what_is_quoted_says_nothing(said: str, verdict: str, head: str, quote: str) -> None:
    mail = f"{said}\n\n{head}\n\n{quote}"
    assert understand(mail, "email") == verdict
    assert understand(mail.replace("\n", "\r\n"), "email") == verdict


@pytest.mark.parametrize("language", ["en", "es"])
def test_our_footer_is_ours_without_any_mark(language: str) -> None:
    with override(language):
        way_out = gettext(STOP)
    for url in ("https://crm.example.org/u/x/", "\nhttps://crm.example.org/u/x/", "<https://crm.example.org/u/x/>"):
        assert understand(f"{YES}\n\n--\nHarbor Health\n{way_out % {'url': url}}", "email") == "none"


def test_words_between_and_below_marked_lines_are_theirs() -> None:
    head = HEADS["gmail"]
    assert take_apart(f"{head}\n{MARKED}\n\nUnsubscribe").own.strip() == "Unsubscribe"
    assert understand(f"{head}\n{MARKED}\n\nUnsubscribe\n\nAna", "email") == "revoke"
    assert understand(f"{head}\n> Will you come?\nYes\n> Shall we call?\nNo, do not call me", "email") == "revoke"


def test_words_below_an_unmarked_quote_wait_for_a_person() -> None:
    assert understand(f"{HEADS['outlook']}\n\nDear Ana, will you come?\n{FOOTER}\n\nPlease stop", "email") == "review"
    assert understand(f"{HEADS['outlook']}\n\nDear Ana, will you come?\n{FOOTER}", "email") == "none"


@pytest.mark.parametrize(
    "mail",
    [
        "STOP\nSent from my iPhone",
        "STOP\n\nAna Lopez\n512-555-0100",
        "Unsubscribe\n--\nAna Lopez",
        "Baja\n\nEnviado desde mi iPhone",
        "On Tuesday 3 of you called, do not call again.\nOn Mon, Nov 23, 2026 Harbor <care@example.org> wrote:\n> Hi",
    ],
)
def test_a_word_that_stands_by_itself_in_a_mail_is_heard(mail: str) -> None:
    assert understand(mail, "email") == "revoke"


@pytest.mark.parametrize("text", ["> STOP", f"Hello\n{HEADS['gmail']}\nSTOP texting me"])
def test_a_text_is_read_as_it_came(text: str) -> None:
    assert understand(text, "sms") == "revoke"
