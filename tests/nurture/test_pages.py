"""The pages without a login in a real browser: no script, a phone's width, and no barrier that axe can find."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from leads.models import Lead, Source
from nurture import links
from nurture.links import Recipient
from tests.nurture.factories import walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread; nothing here is async
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def test_pages_have_no_barrier_in_either_language_and_fit_a_phone(guide, live_server, browser, now: datetime) -> None:
    lead = guide()
    walk([lead.pk], at=now)
    recipient = Recipient(lead.email_id, lead.source.seller_id, lead.pk)
    host = links.preferences_url(recipient).partition("/p/")[0]
    paths = ["/f/web_consult/", "/f/facility/", "/f/guide/thanks/info/"]
    paths += [url(recipient).removeprefix(host) for url in (links.preferences_url, links.unsubscribe_url)]
    page = browser.new_page(viewport=PHONE)
    page.set_default_timeout(PATIENCE_MS)
    for path in paths:
        for language in ("en", "es"):
            page.goto(f"{live_server.url}{path}?language={language}")
            found = Axe().run(page)
            assert found.violations_count == 0, f"{path} {language}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


def test_form_is_filled_in_corrected_and_sent_without_script(guide, live_server, browser) -> None:
    page = browser.new_context(viewport=PHONE, java_script_enabled=False).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{live_server.url}/f/web_consult/?language=en")
    page.get_by_label("First name").fill("Alpha")
    page.get_by_label("Phone").fill("12")
    page.get_by_label("ZIP code").fill("78704")
    page.get_by_label("What is it about?").select_option("ortho")
    page.get_by_label("What would you like?").select_option("appointment")
    page.get_by_label("Text messages").check()
    page.get_by_role("button", name="Send").click()
    assert page.get_by_label("First name").input_value() == "Alpha"
    assert page.get_by_label("Text messages").is_checked()
    page.get_by_label("Phone").fill("512-555-0101")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="What happens next").wait_for()
    assert Lead.objects.get(source=Source.objects.get(pk="web_consult")).first_name == "Alpha"
