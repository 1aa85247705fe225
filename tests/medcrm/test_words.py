"""How facts that are kept as text are read by people."""

import pytest
from django.utils import timezone

from leads.models import MissingKind
from leads.names import names_in
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


def test_what_is_kept_by_its_code_is_called_by_its_name(organisation, django_assert_num_queries) -> None:
    visit = {"service": "ortho", "clinic": "aus", "date": "2026-12-10", "status": "booked"}
    call = {"missing": ["prior_authorization", "gone"], "told": "ortho"}
    with django_assert_num_queries(1):
        names = names_in([visit, call, {}])
    assert facts_in_words(visit, names) == (
        "service: Orthopedic consult; clinic: Austin Central; date: Dec 10, 2026; status: booked"
    )
    missing = MissingKind.objects.get(pk="prior_authorization").name
    assert facts_in_words(call, names) == f"missing: {missing}, gone; told: ortho"
    with django_assert_num_queries(0):
        assert names_in([{"told": "ortho"}]) == {}
