"""Every change is in the history, with who and why, however it was made; its readers see what they may."""

from __future__ import annotations

import pghistory
import pgtrigger
import pytest
from celery import shared_task
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import addresses
from gateway import keys
from gateway.models import Subscription
from leads.models import Lead, LeadEvent, ServiceLine
from medcrm import receivers
from medcrm.lib import history, masking
from medcrm.lib.access import Scope
from tests.audit.test_log import person
from tests.gateway.factories import make_client
from tests.rows import make

pytestmark = pytest.mark.django_db


class Reader:
    pk, is_active = 0, True

    def __init__(self, *, sees_contacts: bool = True) -> None:
        self._medcrm_scope = Scope(sees_contacts=sees_contacts)


def moves(obj: object, reader: object = None) -> list[tuple[str, str, str]]:
    obj.refresh_from_db()
    found = history.read(obj, reader or Reader())
    return [(change.field, change.old, change.new) for entry in found for change in entry.changes]


def test_a_correction_tells_who_where_and_what(client):
    supervisor = person("supervisor")
    client.force_login(supervisor)
    lead = make(Lead, last_name="Reid", team="intake")
    client.post(f"/admin/leads/lead/{lead.pk}/correct-facts/", {"last_name": "Reed"})
    lead.refresh_from_db()
    entry = next(entry for entry in history.read(lead, Reader()) if entry.changes)
    assert (entry.who, entry.where) == (supervisor.username, f"/admin/leads/lead/{lead.pk}/correct-facts/")
    assert [(change.field, change.old, change.new) for change in entry.changes] == [("Last name", "Reid", "Reed")]
    assert "Reed" in client.get(f"/admin/leads/lead/{lead.pk}/history/").content.decode()


def test_changes_in_bulk_and_in_the_background_are_kept_with_the_task():
    @shared_task(name="tests.tidy")
    def tidy() -> None:
        Lead.objects.update(city="Austin", zip="78701")

    lead, _other = make(Lead, zip="78704"), make(Lead, zip="78705")
    tidy()
    lead.refresh_from_db()
    (entry,) = [entry for entry in history.read(lead, Reader()) if entry.changes]
    assert (entry.where, entry.changes[0].old, entry.changes[0].new) == ("tests.tidy", "78704", "78701")
    assert LeadEvent.objects.count() == 2


def test_several_changes_read_newest_first_each_with_its_before():
    lead = make(Lead, last_name="A")
    for name in ("B", "C"):
        Lead.objects.filter(pk=lead.pk).update(last_name=name)
    assert moves(lead) == [("Last name", "B", "C"), ("Last name", "A", "B")]


def test_scores_and_dates_write_no_history_of_the_lead():
    lead = make(Lead)
    Lead.objects.filter(pk=lead.pk).update(score=50, score_band="medium", next_action_due_at=None, advanced_at=None)
    assert not LeadEvent.objects.exists()


def test_a_reason_is_kept_with_the_change():
    lead = make(Lead, last_name="A")
    with pghistory.context(user=person("supervisor").pk, why="she married"):
        Lead.objects.filter(pk=lead.pk).update(last_name="B")
    lead.refresh_from_db()
    assert history.read(lead, Reader())[0].why == "she married"


def test_the_catalogue_and_roles_of_a_login_have_a_history_too(client):
    service = make(ServiceLine, name="Knees")
    ServiceLine.objects.update(name="Knees and hips")
    assert ("Name", "Knees", "Knees and hips") in moves(service)
    user = person("caller")
    user.groups.add(Group.objects.get(name="supervisor"))
    user.groups.remove(Group.objects.get(name="caller"))
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    page = client.get(f"/admin/auth/user/{user.pk}/history/").content.decode()
    assert page.count("<ins>") == 3 and "<ins>supervisor</ins>" in page and '<del class="mc-quiet">caller</del>' in page


def test_a_connected_system_has_a_history_without_its_secrets():
    client = make_client("erp", "ERP", scopes=["leads:read"])
    client.scopes = ["leads:read", "contacts:read"]
    keys.save_client(client)
    assert ("Scopes", "['leads:read']", "['leads:read', 'contacts:read']") in moves(client)
    hook = make(Subscription, client=client, url="https://example.org/a", salt="secret salt")
    Subscription.objects.update(url="https://example.org/b")
    assert ("Url", "https://example.org/a", "https://example.org/b") in moves(hook)
    assert not {"salt", "old_salt"} & {field.name for field in hook.history.model._meta.fields}


def test_numbers_in_the_history_are_masked_for_whoever_may_not_see_them():
    pairs = [("phone", "+15125550101"), ("phone", "+15125550142")]
    held = addresses.lock_addresses(pairs)
    lead = make(Lead, phone=held[pairs[0]])
    Lead.objects.filter(pk=lead.pk).update(phone=held[pairs[1]])
    assert moves(lead) == [("Phone", "+15125550101", "+15125550142")]
    assert moves(lead, Reader(sees_contacts=False)) == [("Phone", "(512) •••-0101", "(512) •••-0142")]


def test_a_history_costs_the_same_however_long(client):
    client.force_login(person("supervisor"))
    lead = make(Lead, team="intake")
    path = f"/admin/leads/lead/{lead.pk}/history/"
    costs = []
    for turn in (1, 30):
        for number in range(turn):
            with pghistory.context(user=1):
                Lead.objects.filter(pk=lead.pk).update(last_name=f"{turn} {number}")
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        costs.append(len(captured))
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+15125550142", "(512) •••-0142"),
        ("call (512) 555-0142 or ana@example.org", "call (512) •••-0142 or a•••@example.org"),
        ("+4915112345678", "•••-5678"),
        ("78704", "78704"),
        ("2026-12-01 16:00", "2026-12-01 16:00"),
        ("", ""),
    ],
)
def test_a_mask_leaves_enough_to_tell_two_people_apart(text, masked):
    assert masking.mask(text) == masked


def test_a_migration_leaves_triggers_that_ask_without_raising():
    with connection.cursor() as cursor:
        cursor.execute(receivers.ASKS_SLOWLY)
        assert cursor.fetchone() is None
    lead = make(Lead, zip="78704")
    with pgtrigger.ignore("leads.Lead:keeps_history"):
        Lead.objects.update(zip="78705")
    Lead.objects.update(zip="78706")
    assert [event.zip for event in LeadEvent.objects.filter(pgh_obj=lead)] == ["78705"]
