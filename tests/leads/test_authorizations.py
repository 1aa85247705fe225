"""A prior authorization is begun where the lead is worked, with what the payer said."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import Group, User

from leads.models import Authorization, Interaction, Lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(organisation, client) -> User:
    user = User.objects.get(username="documents1")
    user.groups.add(Group.objects.get(name="documents"))
    client.force_login(user)
    return user


@pytest.fixture
def lead(clerk, submit) -> Lead:
    lead = submit(service="pt")
    Lead.objects.filter(pk=lead.pk).update(team=clerk.agent.team_id)
    return lead


def path(lead: Lead) -> str:
    return f"/admin/leads/lead/{lead.pk}/record-authorization/"


def test_it_is_begun_with_payer_reference_and_expiry(client, lead, clerk):
    asked = client.get(path(lead)).context["form"]
    assert asked.fields["payer"].initial == "ppo"
    assert "self" not in {str(value) for value, _label in asked.fields["payer"].choices}
    given = {"payer": "ppo", "status": "submitted", "reference": "PA-20931", "expires_on": "2027-03-31"}
    assert client.post(path(lead), given).status_code == 302
    row = Authorization.objects.get()
    assert (row.lead_id, row.service_id, row.payer_id) == (lead.pk, "pt", "ppo")
    assert (row.status, row.reference, row.expires_on) == ("submitted", "PA-20931", date(2027, 3, 31))
    entry = Interaction.objects.get(lead=lead, kind="document")
    assert (entry.by, entry.facts) == (clerk, {"authorization": "pt", "status": "submitted"})
    assert Lead.objects.get(pk=lead.pk).advance_due_at is not None


def test_one_by_another_payer_is_kept_as_theirs(client, lead):
    client.post(path(lead), {"payer": "hmo", "status": "approved"})
    assert Authorization.objects.get().payer_id == "hmo"


@pytest.mark.parametrize("missing", [{"service": None}, {"lead_type": "b2b"}])
def test_without_a_visit_to_authorize_there_is_nothing_to_record(missing, client, lead):
    Lead.objects.filter(pk=lead.pk).update(**missing)
    assert "__all__" in client.post(path(lead), {"payer": "ppo", "status": "needed"}).context["form"].errors
    assert not Authorization.objects.exists()


def test_the_workspace_offers_it_to_who_may(client, lead, clerk):
    page = f"/admin/work/{lead.pk}/"
    assert path(lead) in client.get(page).content.decode()
    clerk.groups.set([Group.objects.get(name="caller")])
    assert path(lead) not in client.get(page).content.decode()
    assert client.post(path(lead), {"payer": "ppo", "status": "needed"}).status_code == 403


def test_where_it_stands_is_chosen_and_a_day_that_is_past_is_no_approval(client, lead, clerk):
    """“Not needed” stood there first, and one press on Save opened the way to the visit."""
    given = {"payer": "ppo", "reference": "", "expires_on": ""}
    assert client.get(path(lead)).context["form"]["status"].value() in (None, "")
    for typed, field in (({}, "status"), ({"status": "approved", "expires_on": "2019-03-31"}, "expires_on")):
        assert field in client.post(path(lead), {**given, **typed}).context_data["form"].errors
    assert not Authorization.objects.exists()
    assert client.post(path(lead), {**given, "status": "expired", "expires_on": "2019-03-31"}).status_code == 302
    assert Authorization.objects.get().status == "expired"
