"""Can everybody use every screen? axe-core finds nothing serious or critical, in light and in dark [WCAG 2.2 AA]."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.screens import SCREENS

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"runOnly": ["color-contrast"]}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def leads(send_in):
    for _ in range(3):
        send_in()
    send_in("facility", lead_type="b2b", service="screening", organisation="Travis Foods", request="quote")


def found(page, options: dict[str, object]) -> list[str]:
    report = Axe().run(page, options=options).response
    return [
        f"{broken['id']}: {node['target']} {node['failureSummary'][:200]}"
        for broken in report["violations"]
        if broken["impact"] in GRAVE
        for node in broken["nodes"][:4]
    ]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
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
