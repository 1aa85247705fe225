"""Can everybody use every screen? axe-core finds nothing serious or critical, in light and in dark [WCAG 2.2 AA]."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from leads.models import ScoringModel
from routing.models import Agent, Handoff
from tests.e2e import scenes
from tests.e2e.screens import DAILY, SCREENS, first_of, lead_page, workspace
from tests.rows import NOW

AXE = Axe().axe_script
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"runOnly": ["color-contrast"]}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def leads(send_in):
    for _ in range(3):
        send_in()
    send_in("facility", lead_type="b2b", service="screening", organisation="Travis Foods", request="quote")
    scenes.make(at=NOW, send=send_in)


def found(page, options: dict[str, object], context: str | None = None) -> list[str]:
    """What axe finds wrong; the script goes into a page once, and what is right stays in the browser."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    ask = "([context, options]) => axe.run(context || document, options).then(found => found.violations)"
    return [
        f"{broken['id']}: {node['target']} {node['failureSummary'][:200]}"
        for broken in page.evaluate(ask, [context, {**options, "resultTypes": ["violations"]}])
        if broken["impact"] in GRAVE
        for node in broken["nodes"][:4]
    ]


def listed() -> list[object]:
    """The daily screens in every run; all of them take some minutes and are asked by `make search`."""
    often = {screen.name for screen in DAILY}
    return [
        pytest.param(screen, id=screen.name, marks=[] if screen.name in often else [pytest.mark.long])
        for screen in SCREENS
    ]


@pytest.mark.parametrize("screen", listed())
def test_a_screen_can_be_used_by_everybody(screen, stage, leads):
    page = stage.page(screen.username)
    page.emulate_media(color_scheme="light")
    answer = page.goto(screen.path())
    assert answer.status == 200
    problems = found(page, RULES)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("matchMedia('(prefers-color-scheme: dark)').matches")
    problems += [f"dark {problem}" for problem in found(page, CONTRAST)]
    page.close()
    assert problems == []


# Pages whose actions ask in a dialog; each dialog is opened as a person does.
ASKING = {
    "a lead": ("supervisor", lead_page),
    "an agent": ("supervisor", first_of(Agent, user__username="scheduling2")),
    "a handoff": ("scheduling1", first_of(Handoff, state="offered", to_team="scheduling")),
    "a scoring model": ("marketing", first_of(ScoringModel, lead_type="patient")),
}


@pytest.mark.parametrize("name", ASKING)
def test_a_dialog_of_an_action_can_be_used_by_everybody_and_gives_the_focus_back(name, stage, leads):
    username, path = ASKING[name]
    page = stage.page(username)
    page.emulate_media(color_scheme="light")
    page.goto(path())
    problems, openers = [], page.locator("a[hx-target='#modal-content']")
    assert openers.count() > 0
    for number in range(openers.count()):
        opener = openers.nth(number)
        if not opener.is_visible():
            opener.locator("xpath=ancestor::details/summary").press("Enter")
        opener.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#dialog form")
        page.wait_for_function("document.querySelector('#dialog').contains(document.activeElement)")
        problems += found(page, RULES, "#dialog")
        page.emulate_media(color_scheme="dark")
        problems += [f"dark {problem}" for problem in found(page, CONTRAST, "#dialog")]
        page.emulate_media(color_scheme="light")
        page.keyboard.press("Escape")
        page.wait_for_selector("#dialog", state="hidden")
        page.wait_for_function("document.activeElement.matches('a[hx-target]')")
    page.close()
    assert problems == []


def test_the_dialogs_of_the_workspace_can_be_used_by_everybody(stage, leads):
    page = stage.page("scheduling1")
    page.emulate_media(color_scheme="light")
    page.goto(workspace())
    problems = []
    names = page.eval_on_selector_all("dialog.mc-dialog", "found => found.map(dialog => dialog.id)")
    assert {"ws-keys", "ws-emergency", "ws-write-email"} <= set(names)
    for name in names:
        opener = page.locator(f"[data-opens={name}]").first
        opener.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#{name}[open]")
        problems += found(page, RULES, f"#{name}")
        page.emulate_media(color_scheme="dark")
        problems += [f"dark {problem}" for problem in found(page, CONTRAST, f"#{name}")]
        page.emulate_media(color_scheme="light")
        page.keyboard.press("Escape")
        page.wait_for_selector(f"#{name}", state="hidden")
        page.wait_for_function("name => document.activeElement.dataset.opens === name", arg=name)
    page.close()
    assert problems == []
