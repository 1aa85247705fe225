"""A packet is frozen in codes and read in words."""

from routing import words


def test_codes_are_read_as_the_names_they_have_today(catalogue) -> None:
    packet = {
        "payer": "ppo",
        "clinic": "aus",
        "timing": "two_weeks",
        "unknown": ["approver", "may_speak_with"],
        "documents_missing": ["referral_letter"],
        "decision_path": [{"name": "Ana", "role": "decision_maker"}],
        "attempts": [{"at": "2026-12-01T10:00", "disposition": "no_answer"}, {"at": "", "disposition": None}],
    }
    assert words.readable(packet) == {
        "payer": "Commercial PPO",
        "clinic": "Austin Central",
        "timing": "Within two weeks",
        "unknown": ["Who approves vendors", "Whom else may we speak with about the visit?"],
        "documents_missing": ["Referral letter"],
        "decision_path": [{"name": "Ana", "role": "Decision maker"}],
        "attempts": [{"at": "2026-12-01T10:00", "disposition": "No answer"}, {"at": "", "disposition": ""}],
    }


def test_what_was_added_shows_only_what_it_says(catalogue) -> None:
    assert words.readable({"question": "Is parking free?"}) == {"question": "Is parking free?"}


def test_a_code_that_is_gone_is_still_readable(catalogue) -> None:
    assert words.readable({"payer": "old_plan"}) == {"payer": "Old plan"}
