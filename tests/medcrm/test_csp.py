"""No page of the admin, of signing in or of the public breaks the content policy in a real browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from leads.models import Lead
from tests.rows import make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/admin/",
    "/admin/leads/lead/",
    "/admin/leads/lead/{lead}/change/",
    "/admin/leads/lead/{lead}/history/",
    "/admin/leads/scoringmodel/",
    "/admin/leads/offering/add/",
    "/admin/routing/routeset/",
    "/admin/nurture/sequence/add/",
    "/admin/consent/address/",
    "/admin/audit/access/",
    "/admin/auth/user/add/",
    "/admin/account/2fa/",
    "/admin/account/sessions/",
    "/admin/account/password/change/",
)


@pytest.fixture(autouse=True)
def served(settings) -> None:
    """The live server finds files by their own names only; what a page loads must really run here."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def test_no_page_breaks_the_policy(live_server, transactional_organisation):
    from playwright.sync_api import sync_playwright

    root = User.objects.create_superuser("root", password="seven green kettles sing")
    lead = make(Lead)
    client = Client()
    client.force_login(root)
    broken: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page()
        page.on("console", lambda said: broken.append(f"{page.url}: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: broken.append(f"{page.url}: {error}"))
        for path in ("/admin/login/", "/admin/account/password/reset/"):
            page.goto(live_server.url + path)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([cookie])
        for path in PAGES:
            answer = page.goto(live_server.url + path.format(lead=lead.pk))
            page.wait_for_load_state("networkidle")
            assert answer.status == 200, path
        assert page.evaluate("typeof Alpine") == "object"  # the theme's scripts did run
        browser.close()
    assert sorted({line.split(": ", 1)[1][:300] for line in broken}) == []
