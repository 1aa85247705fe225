"""The head of a page says where it is: the list in the sidebar's words, the row, and what is done there."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from leads.models import Inquiry, Lead
from tests.rows import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


def head(client, path: str) -> list[str]:
    return re.findall(r'class="mc-trail-part"[^>]*>([^<]*)<', client.get(path).content.decode())


def test_a_list_a_row_its_history_and_an_action_name_themselves(root):
    lead = make(Lead, first_name="Ana", last_name="Reed", team="intake")
    page = f"/admin/leads/lead/{lead.pk}"
    assert head(root, "/admin/leads/lead/") == ["Leads"]
    assert head(root, f"{page}/change/") == ["Leads", "Ana Reed"]
    assert head(root, f"{page}/history/") == ["Leads", "Ana Reed", "History"]
    assert head(root, f"{page}/correct-facts/") == ["Leads", "Ana Reed", "Correct facts"]


def test_a_list_is_called_what_its_entry_in_the_sidebar_is_called(root):
    make(Inquiry, status="refused")
    assert head(root, "/admin/leads/inquiry/?status__exact=refused") == ["Inquiries to repair"]
    assert head(root, "/admin/leads/inquiry/") == ["Inquiries"]
    assert head(root, "/admin/leads/documentstatus/") == ["Documents"]


def test_every_page_has_one_main_landmark_and_one_heading(root):
    lead = make(Lead, team="intake")
    for path in ("/admin/", "/admin/leads/lead/", f"/admin/leads/lead/{lead.pk}/change/", "/admin/work/"):
        page = root.get(path).content.decode()
        assert (page.count("<main"), page.count("<h1")) == (1, 1), path


def test_the_tab_of_the_browser_says_what_the_head_says_nearest_first(root):
    lead = make(Lead, first_name="Ana", last_name="Reed", team="intake")
    titles = [
        re.search(r"<title>\s*(.*?)\s*</title>", root.get(f"/admin/leads/lead/{path}").content.decode())[1]
        for path in ("", f"{lead.pk}/change/", f"{lead.pk}/correct-facts/")
    ]
    assert titles == ["Leads | MedCRM", "Ana Reed | Leads | MedCRM", "Correct facts | Ana Reed | Leads | MedCRM"]


def test_a_page_that_is_not_there_or_not_ones_own_says_what_to_do(client):
    assert "the link may be cut off" in client.get("/u/cut/").content.decode()
    client.force_login(User.objects.create(username="caller7", is_staff=True))
    forbidden = client.get("/admin/leads/lead/")
    assert (forbidden.status_code, "Go to the dashboard" in forbidden.content.decode()) == (403, True)
