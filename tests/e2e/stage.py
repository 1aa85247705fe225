"""The product in one thread of the tests, as of one fixed morning, and a browser that is signed in.

One server, one browser and one sign-in per person serve all tests here, so that they cost little.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module

import time_machine
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from medcrm import demo_logins, reference
from medcrm.sign_in import SEEN, SINCE
from routing.models import Agent
from tests.rows import NOW

CHROMIUM = "/usr/bin/chromium"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# What htmx says when the next page, or the next save, cuts off a draft on its way: the same words are kept by that one.
CUT_OFF = ("htmx:sendAbort", "htmx:afterRequest")


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: the browser asks for some hundred files."""


@dataclass
class Stage:
    """Where the server is, who is signed in, and what went wrong in the browser's own eyes."""

    base: str
    browser: Browser
    signed_in: dict[str, BrowserContext] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def page(self, username: str = "", **looks: object) -> Page:
        """A page of this person's browser; nobody's for a public page."""
        key = f"{username} {sorted(looks.items())}"
        if key not in self.signed_in:
            self.signed_in[key] = self._context(username, **looks)
        page = self.signed_in[key].new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        return page

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error" and said.text not in CUT_OFF:
            self.complaints.append(said.text)

    def _context(self, username: str, **looks: object) -> BrowserContext:
        context = self.browser.new_context(
            **{
                "base_url": self.base,
                "viewport": {"width": 1280, "height": 800},
                "reduced_motion": "reduce",
                **looks,
            }
        )
        context.set_default_timeout(15_000)
        if username:
            context.add_cookies([{"name": "sessionid", "value": session_of(username), "url": self.base}])
        return context


def session_of(username: str) -> str:
    """A session as signing in makes it; signing in itself has tests of its own."""
    user = get_user_model().objects.get(username=username)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    now = timezone.now().timestamp()
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            SEEN: now,
            SINCE: now,
        }
    )
    session.save()
    return session.session_key


@contextmanager
def running(at: datetime = NOW) -> Iterator[Stage]:
    """The reference organisation with its people, served on a free port; emptied afterwards."""
    with time_machine.travel(at, tick=True):
        reference.load(at=at - timedelta(days=4))
        give_roles()
        server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
        server.daemon_threads = False  # their sessions with the database end before it does
        server.set_app(get_wsgi_application())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            try:
                yield Stage(f"http://127.0.0.1:{server.server_address[1]}", browser)
            finally:
                browser.close()
                server.shutdown()
                server.server_close()
                call_command("flush", verbosity=0, interactive=False, allow_cascade=True)
                connections.close_all()  # outside of Playwright's loop Django knows others


def give_roles() -> None:
    """Everybody of the organisation in their role, and one person for each role without a team."""
    users = get_user_model().objects
    groups = {group.name: group for group in Group.objects.all()}
    for role in demo_logins.WITHOUT_TEAM:
        user, _made = users.get_or_create(
            username=role, defaults={"is_staff": True, "first_name": role.title(), "last_name": "Demo"}
        )
        user.groups.add(groups[role])
    for agent in Agent.objects.select_related("user"):
        agent.user.groups.add(groups[demo_logins.ROLE_OF_TEAM.get(agent.team_id, "caller")])
