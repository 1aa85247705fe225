"""Somebody rings: by keyboard from the list of work to their page, with who is known shown on the way."""

from __future__ import annotations

import os

from leads.models import Inquiry, Lead
from medcrm.workspace.models import Draft


def test_who_rings_is_entered_by_keyboard_alone(stage, send_in):
    known = send_in()
    page = stage.page("scheduling1")
    page.goto("/admin/work/")
    page.wait_for_load_state()
    page.keyboard.press("l")
    page.wait_for_selector("#new-lead-form")
    page.wait_for_load_state("networkidle")
    page.focus("#id_phone")
    page.keyboard.type(known.phone.value)
    page.wait_for_selector("#new-known >> text=Already known")
    for _ in range(12):
        page.keyboard.press("Backspace")
    page.keyboard.type("512-555-0942")
    page.wait_for_selector("#new-known >> text=this will be a new lead")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Ana")
    page.keyboard.press("Tab")
    page.keyboard.type("Reed")
    if folder := os.environ.get("LOOK"):
        page.screenshot(path=f"{folder}/new-lead.png", full_page=True)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#ws-reach >> text=They called us.")
    lead = Lead.objects.get(first_name="Ana", last_name="Reed")
    assert (lead.source_id, Inquiry.objects.get(lead=lead).is_repeat) == ("phone", False)
    assert Draft.objects.get(lead=lead).is_inbound
    if folder := os.environ.get("LOOK"):
        page.screenshot(path=f"{folder}/after.png")
        phone = stage.page("scheduling1", viewport={"width": 390, "height": 844})
        phone.goto("/admin/new-lead/")
        phone.screenshot(path=f"{folder}/new-lead-phone.png", full_page=True)
        phone.close()
