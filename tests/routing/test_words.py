"""A packet is frozen in codes and read in words."""

from django.template.loader import render_to_string

from routing import words
from routing.models import Handoff


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


def test_notes_permission_and_choices_are_read_in_words(catalogue) -> None:
    note = {"at": "x", "by": "ana", "kind": "call", "text": "", "facts": {"not_confirmed": "The payer"}, "corrects": ""}
    packet = {"urgency": "urgent", "channels": {"voice": "granted", "sms": "expired"}, "notes": [note]}
    assert words.readable(packet) == {
        "urgency": "Urgent",
        "channels": {"Calls": "Permitted", "Texts": "Expired"},
        "notes": [{**note, "kind": "Call", "facts": {"Not confirmed": "The payer"}}],
    }


def test_what_was_added_names_each_part_and_what_is_missing_is_said_once(catalogue) -> None:
    added = [{"at": "x", "facts": {"service": "ortho", "documents_missing": [], "inquiry": "0b1"}}]
    told = words.packet_of(
        Handoff(packet={"documents_missing": ["records"], "missing": ["records", "agreement"]}, additions=added)
    )
    assert told["packet"]["missing"] == ["Signed agreement"]
    assert told["additions"][0]["parts"] == [
        ("Service", "Orthopedic consult"),
        ("Documents missing", "none any more"),
        ("New inquiry", ""),
    ]


def test_what_was_added_shows_only_what_it_says(catalogue) -> None:
    assert words.readable({"question": "Is parking free?"}) == {"question": "Is parking free?"}


def test_a_code_that_is_gone_is_still_readable(catalogue) -> None:
    assert words.readable({"payer": "old_plan"}) == {"payer": "Old plan"}


def test_who_approves_and_who_can_block_stands_on_the_handoff_with_every_role(catalogue) -> None:
    """[R34, 2.9]"""
    path = [
        {"name": "Ana", "role": "decision_maker", "other_roles": ["finance"], "can_approve": True, "can_block": None},
        {"name": "Kim", "role": "it_security", "other_roles": [], "can_approve": False, "can_block": True},
    ]
    page = render_to_string("routing/packet.html", {"packet": words.readable({"decision_path": path, "promised": {}})})
    assert "Ana (Decision maker, Finance, approves), Kim (IT and security, can block)" in page
