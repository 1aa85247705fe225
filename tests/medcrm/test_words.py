"""How facts that are kept as text are read by people."""

import pytest
from django.utils import timezone

from medcrm.templatetags.badges import facts_in_words, moment


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ("2026-12-01T15:30:00-07:00", "Dec 1, 4:30 PM"),
        ("2026-12-01T10:00", "Dec 1, 10:00 AM"),
        ("2026-12-03", "Dec 3, 2026"),
        ("2026-12", "2026-12"),
        ("after 4 pm", "after 4 pm"),
        ("", ""),
    ],
)
def test_an_instant_is_read_on_the_readers_clock(kept, read) -> None:
    with timezone.override("America/Chicago"):
        assert moment(kept) == read


def test_facts_are_read_in_a_line_without_a_raw_timestamp() -> None:
    facts = {"consent_step": "yes", "follow_up_on": "2026-12-03", "missing": ["payer"], "told": ""}
    assert facts_in_words(facts) == "consent step: yes; follow up on: Dec 3, 2026; missing: payer"
