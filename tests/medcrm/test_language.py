"""Only pages without a login follow the browser's language; staff and programs are spoken to in English."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import User

from consent.models import Emergency
from leads.models import Source
from tests.rows import make

pytestmark = pytest.mark.django_db

SPANISH = {"Accept-Language": "es-US,es;q=0.9"}


@pytest.fixture
def root(client):
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("path", ["/admin/", "/admin/leads/serviceline/", "/admin/new-lead/"])
def test_the_admin_speaks_english_to_a_spanish_browser(root, path):
    page = root.get(path, headers=SPANISH)
    said = page.content.decode()
    assert page.status_code == 200
    assert '<html lang="en"' in said
    assert not any(word in said for word in ("Cerrar sesión", "Guardar", "Añadir", "Buscar", "Nombre", "Teléfono"))


def test_a_typed_date_is_read_month_first_whatever_the_browser_speaks(root):
    typed = {"state": "LA", "starts_at_0": "11/12/2026", "starts_at_1": "08:00", "ends_at_0": "", "ends_at_1": ""}
    answer = root.post("/admin/consent/emergency/add/", {**typed, "source": "LA 129 JBE 2026"}, headers=SPANISH)
    assert answer.status_code == 302, answer.context_data["adminform"].form.errors
    assert Emergency.objects.get().starts_at.date() == date(2026, 11, 12)


def test_the_api_speaks_english_to_a_spanish_program(client):
    there, here = (client.get("/api/v1/leads/", headers=headers) for headers in (SPANISH, {}))
    assert (there.status_code, there.json()) == (here.status_code, here.json())
    assert there.json()["detail"]


def test_public_pages_follow_the_browser_and_say_so_to_caches(client):
    make(Source, code="web", kind="website_form")
    page = client.get("/f/web/", headers=SPANISH)
    assert (page["Content-Language"], "Accept-Language" in page["Vary"]) == ("es", True)
    assert "¿En qué podemos ayudarle?" in page.content.decode()
    assert client.get("/f/web/", headers={"Accept-Language": "en-US"})["Content-Language"] == "en"
