"""A caller takes ten leads to ten different outcomes by keyboard alone, and loses nothing on the way."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import TimeoutError

from leads.models import Answer, Appointment, Interaction, Lead, Qualification, Trigger
from medcrm.workspace.models import Draft

RESERVED = "text=Call reserved"
TYPED = ("scheduler", "may_speak_with")  # questions that are answered in words
UNANSWERED = ("no_answer", "voicemail_left")
# Typed to find the result, then the keys that follow; what is recorded for it.
DAY = [
    ("no answer", [], ("no_answer", "")),
    ("voicemail left", [], ("voicemail_left", "")),
    ("call-back", ["12022026", "ArrowRight", "0330PM"], ("callback_requested", "")),
    ("missing info", ["Space", "->follow", "12032026"], ("missing_information", "")),
    ("appointment set", ["1", "book"], ("appointment_set", "appointment_set")),
    ("sent to the next", ["2"], ("sent_to_team", "sent_to_team")),
    ("added to nurture", ["3"], ("added_to_nurture", "nurture")),
    ("needs to think", ["5", "->hold", "Wants", "->follow", "03012027"], ("needs_to_think", "hold")),
    ("not interested", [], ("not_interested", "disqualified")),
    ("waiting on family", ["7"], ("waiting_on_approval", "review")),
]


@pytest.fixture(scope="module")
def desk(stage, send_in):
    """Ten leads in the hands of one scheduler, and the page they begin from."""
    user = User.objects.get(username="scheduling1")
    for _ in DAY:
        lead = send_in()
        Lead.objects.filter(pk=lead.pk).update(owner=user, team="scheduling")
        lead.clocks.update(owner=user, team="scheduling")
    return stage.page("scheduling1")


def strike(page, key: str, shows: str) -> None:
    """Strike a key until it shows; the browser drops what is struck before a page was painted."""
    for _ in range(5):
        page.keyboard.press(key)
        try:
            return page.wait_for_selector(shows, timeout=3_000)
        except TimeoutError:
            continue
    raise AssertionError(f"{key} does not show {shows}")


def press(page, keys: list[str]) -> None:
    """Keys as a person strikes them: a name of a key, text, or “->part”: tab on until that part has the focus."""
    for key in keys:
        if key.startswith("->"):
            tab_to(page, key[2:])
        elif key == "book":
            book_first_day(page)
        elif key in ("Space", "ArrowRight") or len(key) == 1:
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


def confirm(page) -> None:
    """Say that it is the person; the next question may take words, so Escape leaves it."""
    tab_to_question(page, "identity")
    strike(page, "1", "#ws-checklist[data-answered=identity]")
    page.keyboard.press("Escape")


def book_first_day(page) -> None:
    """Take the first open day in the dialog; the page comes back with what was typed."""
    strike(page, "b", "#dialog [name=slot]:focus")
    page.keyboard.press("ArrowDown")
    tab_to_submit(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Done: Book a visit")
    page.wait_for_load_state()


def tab_to(page, part: str) -> None:
    for _ in range(60):
        if part in page.evaluate("document.activeElement.id"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{part} cannot be reached by Tab")


def test_ten_leads_to_ten_outcomes_by_keyboard_alone(desk):
    page = desk
    page.goto("/admin/work/")
    page.keyboard.press("x")  # call next
    for words, keys, recorded in DAY:
        page.wait_for_selector("#ws-form")
        page.wait_for_load_state()  # the keys work once the page is there
        before = page.url
        strike(page, "c", RESERVED)
        if recorded[0] not in UNANSWERED:
            confirm(page)
        page.keyboard.press("d")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        press(page, keys)
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        page.keyboard.type("A visit")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, before=before: url != before and "/record/" not in url)
    page.wait_for_selector("text=Recorded for")
    calls = Interaction.objects.filter(kind__in=["call", "voicemail"], by__username="scheduling1")
    outcomes = dict(Qualification.objects.exclude(decided_at=None).values_list("lead", "outcome"))
    found = {(call.disposition_id, outcomes.get(call.lead_id, "")) for call in calls}
    assert found == {expected for _words, _keys, expected in DAY}
    assert all(call.attempt.state == "sent" and call.facts["requested"] == "A visit" for call in calls)
    assert not Draft.objects.exists()
    woken = Trigger.objects.get(kind="date_reached", disarmed_at=None, lead__interactions__disposition="needs_to_think")
    assert str(woken.due_at.date()) == "2027-03-01"


def test_a_lead_is_decided_without_a_call_by_keyboard(stage, send_in):
    lead = send_in()
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    strike(page, "v", "#dialog [name=outcome]")
    press(page, ["->outcome", "Disqualified", "->reason", "Vendor", "->note", "Sells us lamps."])
    page.keyboard.press("Tab")
    tab_to_submit(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Done: Decide without a call")
    lead.refresh_from_db()
    assert (lead.stage, lead.stop_reason_id) == ("stopped", "vendor")


def test_an_appointment_that_is_said_to_be_set_is_booked_by_keyboard_and_nothing_typed_is_lost(stage, send_in):
    lead = send_in()
    user = User.objects.get(username="scheduling1")
    Lead.objects.filter(pk=lead.pk).update(owner=user, team="scheduling")
    lead.clocks.update(owner=user, team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    strike(page, "c", RESERVED)
    confirm(page)
    page.keyboard.press("d")
    page.keyboard.type("appointment set")
    page.keyboard.press("Enter")
    press(page, ["1"])
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("A visit")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#ws-outcome .mc-error")
    book_first_day(page)
    assert page.locator("[name=disposition][value=appointment_set]").is_checked()
    page.keyboard.press("s")
    page.wait_for_selector("text=Recorded for")
    assert Appointment.objects.get(lead=lead).status == "booked"


def tab_to_submit(page) -> None:
    for _ in range(10):
        if page.evaluate("document.activeElement.type") == "submit":
            return
        page.keyboard.press("Tab")
    raise AssertionError("the button that decides cannot be reached by Tab")


def test_answers_by_one_key_move_the_verdict_without_a_reload(stage, send_in):
    lead = send_in(payer="")
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    page.evaluate("window.isSamePage = true")
    question = page.locator("[data-question=payer] [data-answer]").first
    question.wait_for()
    tab_to_question(page, "payer")
    page.keyboard.press("1")
    page.wait_for_selector("#ws-checklist[data-answered=payer]")
    assert page.evaluate("window.isSamePage")
    assert page.evaluate("document.activeElement.closest('[data-question]')?.dataset.question") != "payer"
    lead.refresh_from_db()
    assert lead.payer_id


def test_nobody_and_not_to_know_are_answered_by_the_keyboard(stage, send_in):
    lead = send_in(payer="", for_whom="family")
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    tab_to_question(page, "payer")
    page.keyboard.press("0")
    page.wait_for_selector("#ws-checklist[data-answered=payer]")
    tab_to_question(page, "may_speak_with")
    page.keyboard.press("Tab")  # past the field and its button that keeps what is typed
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ws-checklist[data-answered=may_speak_with]")
    kept = dict(Answer.objects.filter(lead=lead, is_current=True).values_list("code", "value"))
    assert kept == {"payer": "unknown", "may_speak_with": "no"}
    assert not lead.stakeholders.exists()


def tab_to_question(page, code: str) -> None:
    page.keyboard.press("q")
    for _ in range(80):
        if page.evaluate("document.activeElement.closest('[data-question]')?.dataset.question") == code:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{code} cannot be reached by Tab")


def test_what_is_typed_survives_a_lost_connection_and_a_closed_window(stage, send_in):
    lead = send_in()
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    page.context.set_offline(True)
    page.fill("#id_told", "We will send the form")
    page.wait_for_selector(".mc-ws-unsaved")
    page.context.set_offline(False)
    page.wait_for_selector("text=Draft saved")
    stage.complaints.clear()  # the browser notes that the network was away
    page.close()
    again = stage.page("scheduling1")
    again.goto(f"/admin/work/{lead.pk}/")
    assert again.input_value("#id_told") == "We will send the form"


def test_a_search_that_finds_nothing_says_so(stage):
    page = stage.page("scheduling1")
    page.goto("/admin/work/")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzzzz", delay=20)
    page.get_by_text("Nothing found").wait_for()
    page.close()


def test_a_second_tab_with_the_same_lead_is_said_in_both(stage, send_in):
    lead = send_in()
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    first, second = stage.page("scheduling1"), stage.page("scheduling1")
    first.goto(f"/admin/work/{lead.pk}/")
    assert first.locator("#ws-twice").is_hidden()
    second.goto(f"/admin/work/{lead.pk}/")
    for page in (first, second):
        page.get_by_text("You have this lead open in another tab too.").wait_for()
        page.close()


@pytest.mark.parametrize("pause", [0, 700], ids=["at once", "after a pause"])
def test_what_is_typed_while_an_answer_is_kept_stays_in_its_field_and_is_no_key(stage, send_in, pause):
    """The questions are drawn anew by each answer; the letters of the next one would accept, save or answer."""
    lead = send_in()
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(f"/admin/work/{lead.pk}/")
    page.eval_on_selector_all("#ws-checklist details", "found => found.forEach(part => part.open = true)")
    page.locator("[data-question=scheduler] input[data-answer]").click()
    page.keyboard.type("Ben Reed")
    page.locator("[data-question=may_speak_with] input[data-answer]").click()
    page.wait_for_timeout(pause)
    page.keyboard.type("Maria Lopez, a sister", delay=60)
    assert page.evaluate("document.activeElement.value") == "Maria Lopez, a sister"
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('#ws-checklist').dataset.answered === 'may_speak_with'")
    page.keyboard.press("Escape")
    page.locator("#id_told").fill("We call Maria")
    page.wait_for_selector("text=Draft saved")
    kept = dict(Answer.objects.filter(lead=lead, is_current=True, code__in=TYPED).values_list("code", "value"))
    assert kept == {"scheduler": "Ben Reed", "may_speak_with": "Maria Lopez, a sister"}
    assert {url.rsplit("/", 2)[1] for url in sent} == {"answer", "draft"}
    shown = {code: page.locator(f"[data-question={code}] input[data-answer]").input_value() for code in TYPED}
    assert shown == kept
    page.close()


def test_the_list_of_keys_opens_by_a_key_and_keys_can_be_turned_off(stage):
    page = stage.page("scheduling1")
    lead = Lead.objects.filter(team="scheduling").first()
    page.goto(f"/admin/work/{lead.pk}/")
    page.keyboard.press("?")
    page.wait_for_selector("#ws-keys[open]")
    page.get_by_label(re.compile("Single keys")).uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    assert page.locator("#ws-emergency[open]").count() == 0
    page.keyboard.press("?")
    page.get_by_label(re.compile("Single keys")).check()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_selector("#ws-emergency[open]")


def test_a_handoff_is_accepted_by_one_key_without_leaving_the_page(stage, send_in):
    lead = send_in()
    Lead.objects.filter(pk=lead.pk).update(owner=User.objects.get(username="scheduling1"), team="scheduling")
    page = stage.page("scheduling1")
    page.goto(f"/admin/work/{lead.pk}/")
    page.wait_for_load_state()
    strike(page, "a", "#dialog form")
    page.wait_for_function("document.querySelector('#dialog').contains(document.activeElement)")
    page.keyboard.press("c")  # no key of the page acts beneath a question
    page.keyboard.press("Enter")
    page.wait_for_selector("text=accepted")
    assert (page.url.rsplit("/admin", 1)[1], page.locator(RESERVED).count()) == (f"/work/{lead.pk}/", 0)
    assert lead.handoffs.get().accepted_by.username == "scheduling1"
