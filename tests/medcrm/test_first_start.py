"""Does what docs/operations.md says of the first start turn an empty database into a product that works?"""

from __future__ import annotations

import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.test import Client

from consent.models import ListSnapshot, PolicySetting, Seller
from leads.models import Disposition, NextStepSet, Source
from medcrm import reference
from nurture.models import Sequence
from privacy.models import RetentionRule
from routing.models import Agent, RouteSet, Team

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

FORM = reference.ORGANISATION.read_text()
OPERATIONS = (configured.BASE_DIR / "docs" / "operations.md").read_text()
PASSWORD = "seven green kettles sing"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the form with a seller of its own and without staff."""
    file = tmp_path / "organisation.toml"
    text = FORM.replace('seller = "Harbor Health"', 'seller = "Lakeside Clinics LLC"')
    file.write_text(re.sub(r"^agent = \[\n.*?^\]\n", "", text, flags=re.DOTALL | re.MULTILINE))
    return file


def documented() -> list[list[str]]:
    section = OPERATIONS.partition("## The first start")[2].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^\| `python manage.py (.+?)`", section, re.MULTILINE)]


def test_every_command_of_the_first_start_is_there_and_takes_what_is_written() -> None:
    commands = get_commands()
    assert [name for name, *_rest in documented()] == [
        *("migrate", "collectstatic", "load_reference", "createsuperuser", "import_dnc", "source_key")
    ]
    for name, *given in documented():
        command = commands[name]
        command = load_command_class(command, name) if isinstance(command, str) else command
        command.create_parser("manage.py", name).parse_args(given)  # exits where an option is not known


def test_the_first_start_leaves_rules_a_login_and_a_list(own: Path, tmp_path: Path, monkeypatch, settings) -> None:
    settings.MFA_REQUIRED = True
    call_command("load_reference", "--file", str(own), stdout=StringIO())
    assert [seller.name for seller in Seller.objects.all()] == ["Lakeside Clinics LLC"]
    assert (Agent.objects.count(), User.objects.count()) == (0, 0)
    for model in (Disposition, NextStepSet, RouteSet, Sequence, RetentionRule, PolicySetting, Source):
        assert model.objects.exists(), model

    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser", "--no-input", "--username", "owner", "--email", "owner@example.org", stdout=StringIO()
    )
    client = Client()
    assert client.post("/admin/login/", {"username": "owner", "password": PASSWORD})["Location"] == "/admin/"
    assert client.get("/admin/")["Location"] == "/admin/account/2fa/"

    numbers = tmp_path / "national.txt"
    numbers.write_text("6085550100\n")
    call_command("import_dnc", str(numbers), "--taken-at", "2026-11-16", stdout=StringIO())
    assert ListSnapshot.objects.get().kind == "national_dnc"
    key = StringIO()
    call_command("source_key", "web_consult", stdout=key)
    body = {"lead_type": "patient", "first_name": "Ana", "phone": "512-555-0142", "zip": "78704", "service": "ortho"}
    headers = {"authorization": f"Bearer {key.getvalue().strip()}"}
    answer = client.post("/api/v1/inquiries/", body, content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content


def test_loading_again_changes_nothing_that_staff_edited(own: Path) -> None:
    call_command("load_reference", "--file", str(own), stdout=StringIO())
    Team.objects.filter(code="intake").update(name="Front desk")
    call_command("load_reference", "--file", str(own), stdout=StringIO())
    assert Team.objects.get(code="intake").name == "Front desk"
    assert RouteSet.objects.count() == 1


def test_the_people_of_a_file_are_made_unless_told_otherwise() -> None:
    call_command("load_reference", "--without-people", stdout=StringIO())
    assert (Agent.objects.count(), User.objects.count()) == (0, 0)
    call_command("load_reference", stdout=StringIO())
    assert Agent.objects.count() == User.objects.count() == 16


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("seller =", "seller"), "is no TOML"),
        (lambda text: text.replace("postal_address =", "address ="), "does not say: postal_address"),
        (lambda text: text.replace('code = "quotes"', 'code = "estimates"'), "has no team quotes"),
        (lambda text: text.replace('zip = "78701"', 'zip = "00000"'), r"aus \(Austin Central\) has the ZIP “00000”"),
        (lambda text: text.replace('zip = "78701"', "zip = 7870"), r"aus \(Austin Central\) has the ZIP “7870”"),
        (lambda text: text.replace('zip = "78701", ', ""), r"aus \(Austin Central\) has no ZIP"),
    ],
)
def test_a_file_that_is_not_of_the_form_is_refused_by_what_it_lacks(own: Path, change, told: str) -> None:
    own.write_text(change(own.read_text()))
    with pytest.raises(CommandError, match=told):
        call_command("load_reference", "--file", str(own))
    assert not Seller.objects.exists()


def test_the_admin_has_no_pages_that_show_the_secrets_of_signing_in() -> None:
    foreign = [model._meta.label for model in admin.site._registry if model.__module__.startswith("allauth.")]
    assert foreign == []
