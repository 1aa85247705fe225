"""Two leads become one and two again: the order changes nothing, histories stay, permission is untouched."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import ledger
from consent.models import ConsentEvent, Permission
from leads import duplicates
from leads.models import (
    Appointment,
    Authorization,
    DocumentStatus,
    DuplicateCandidate,
    Interaction,
    Lead,
    LeadLink,
    MergedFacts,
    MissingItem,
)
from leads.services import documents, merging
from medcrm.lib.errors import RuleError
from tests.rows import make

COUNT = 5
PAPERS = (
    (0, "referral_letter", "received"),
    (2, "referral_letter", "missing"),
    (3, "referral_letter", "received"),
    (1, "medical_history", "received"),
)


def state() -> list[tuple[object, ...]]:
    """Who points where and what is known of each; everything a merge may change."""
    leads = Lead.objects.order_by("pk").values_list("pk", "merged_into", "other_services", *merging.FACTS)
    documents = DocumentStatus.objects.values_list("lead", "document", "status", "changed_at", "expires_on")
    authorizations = Authorization.objects.values_list("lead", "service", "status", "reference", "expires_on")
    return [*leads, *documents.order_by("lead", "document"), *authorizations.order_by("lead", "service")]


def merge(pair: tuple[int, int], at: datetime) -> Lead:
    return merging.merge(*pair, by=None, at=at)


@pytest.fixture
def people(catalogue, now: datetime) -> list[int]:
    """Five leads of one person, each of which knows something the others do not, or says otherwise; two are closed."""
    facts = [
        {"first_name": "Ana", "zip": "", "stage": "lost"},
        {"first_name": "", "zip": "78701", "city": "Austin", "state": "TX", "age": 40, "stage": "converted"},
        {
            "first_name": "Anna",
            "zip": "73102",
            "city": "Oklahoma City",
            "state": "OK",
            "payer_id": "ppo",
            "service_id": "ortho",
            "other_services": ["pt"],
        },
        {"first_name": "", "question": "Mornings?", "age": 41, "service_id": "bh"},
        {"first_name": "", "organisation": "Reed LLC", "payer_id": "hmo"},
    ]
    made = [make(Lead, lead_type="patient", source_id="guide", created_at=now, **known).pk for known in facts]
    for index, document, status in PAPERS:
        DocumentStatus.objects.create(lead_id=made[index], document_id=document, status=status, changed_at=now)
    Authorization.objects.create(lead_id=made[4], service_id="bh", status="approved", reference="A-7", changed_at=now)
    return made


pairs = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda p: p[0] != p[1]), max_size=6
)
LIMITS = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LIMITS
@given(pairs=pairs, data=st.data())
def test_the_order_of_merging_and_merging_twice_change_nothing(people, now, pairs, data) -> None:
    shuffled = data.draw(st.permutations([(b, a) for a, b in pairs]))
    ends = []
    for order in (pairs, [*shuffled, *shuffled]):
        with transaction.atomic():
            for a, b in order:
                merge((people[a], people[b]), now)
            ends.append(state())
            transaction.set_rollback(True)
    assert ends[0] == ends[1]
    groups = merging.components(people, [(people[a], people[b]) for a, b in pairs])
    stays = {members[0]: next((pk for pk in members if pk in people[2:]), members[-1]) for members in groups}
    assert {row[0]: row[1] or row[0] for row in ends[0][:COUNT]} == {pk: stays[g[0]] for g in groups for pk in g}


@LIMITS
@given(pairs=pairs, data=st.data())
def test_taking_merges_back_in_any_order_gives_what_was_there(people, now, pairs, data) -> None:
    with transaction.atomic():
        before = state()
        for a, b in pairs:
            merge((people[a], people[b]), now)
        links = list(LeadLink.objects.values_list("pk", flat=True))
        for pk in data.draw(st.permutations(links)):
            merging.unmerge(pk, by=None, at=now)
        assert state() == before
        assert not MergedFacts.objects.exists()
        transaction.set_rollback(True)


@LIMITS
@given(pairs=pairs.filter(bool), data=st.data())
def test_taking_one_merge_back_is_as_if_it_had_never_been(people, now, pairs, data) -> None:
    """Compared over the links that were really made: a merge of leads that hang together already makes none."""
    with transaction.atomic():
        for a, b in pairs:
            merge((people[a], people[b]), now)
        links = list(LeadLink.objects.order_by("pk").values_list("pk", "one", "other"))
        dropped = data.draw(st.sampled_from(links))
        merging.unmerge(dropped[0], by=None, at=now)
        without = state()
        transaction.set_rollback(True)
    with transaction.atomic():
        for link in links:
            if link != dropped:
                merge(link[1:], now)
        assert state() == without
        transaction.set_rollback(True)


def test_a_fact_corrected_after_the_merge_stays_when_it_is_taken_back(people, now: datetime) -> None:
    merge((people[1], people[4]), now)
    assert Lead.objects.get(pk=people[4]).zip == "78701"
    Lead.objects.filter(pk=people[4]).update(zip="78664", city="Round Rock")
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    lead = Lead.objects.get(pk=people[4])
    assert (lead.zip, lead.age) == ("78664", None)


def test_who_asks_again_is_not_swallowed_by_an_old_lead_that_was_stopped(organisation, submit, now: datetime) -> None:
    """What is asked for now, its owner and what is owed stay; what only the old lead knows comes along."""
    from leads.services.calls import CallReport, record_call
    from medcrm import journey

    old = submit(last_name="Reed", phone="512-555-0142", email="", service="derm")
    record_call(old.pk, CallReport("not_interested"), at=now)
    new = submit(last_name="Reid", phone="512-555-0143", email="new@example.org")
    journey.advance_due(at=now)
    merge((old.pk, new.pk), now)
    old, new = Lead.objects.get(pk=old.pk), Lead.objects.get(pk=new.pk)
    assert (old.stage, old.merged_into_id, new.merged_into_id) == ("stopped", new.pk, None)
    assert (new.service_id, new.stage) == ("ortho", "forwarded")
    assert new.clocks.filter(met_at=None, ended_at=None).count() == 1
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    assert Lead.objects.get(pk=old.pk).merged_into_id is None


def test_no_merge_changes_any_permission(submit, now: datetime) -> None:
    """One phone said STOP, the other did not: after merge and unmerge, and in between, each says what it said."""
    one = submit(last_name="Reed", phone="512-555-0142", email="")
    other = submit(last_name="Reed", phone="512-555-0143", email="")
    ledger.record(one.phone_id, "inbound", occurred_at=now, at=now, text="STOP")
    before = list(Permission.objects.order_by("pk").values_list("address", "channel", "state", "seq"))
    events = ConsentEvent.objects.count()
    merge((one.pk, other.pk), now)
    assert list(Permission.objects.order_by("pk").values_list("address", "channel", "state", "seq")) == before
    assert Lead.objects.get(pk=one.pk).phone_id == one.phone_id
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    assert list(Permission.objects.order_by("pk").values_list("address", "channel", "state", "seq")) == before
    assert ConsentEvent.objects.count() == events


@pytest.mark.parametrize("case", ["itself", "types"])
def test_what_cannot_be_one_person_is_refused(people, now: datetime, case: str) -> None:
    other = people[0] if case == "itself" else make(Lead, lead_type="b2b", source_id="guide", created_at=now).pk
    with pytest.raises(RuleError) as error:
        merge((people[0], other), now)
    assert error.value.code == {"itself": "SAME_LEAD", "types": "DIFFERENT_TYPES"}[case]


# Old ids


@pytest.fixture
def supervisor(client: Client, organisation) -> User:
    from django.contrib.auth.models import Group

    user = User.objects.create(username="super", is_staff=True)
    user.groups.add(Group.objects.get(name="supervisor"))
    client.force_login(user)
    return user


def test_an_old_id_leads_to_the_lead_that_stays_with_both_histories(client, supervisor, submit, now: datetime) -> None:
    one = submit(last_name="Reed", phone="512-555-0142", email="")
    other = submit(last_name="Reid", phone="512-555-0143", email="", question="Is there parking?")
    merge((one.pk, other.pk), now)
    answer = client.get(f"/admin/leads/lead/{other.pk}/change/")
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/leads/lead/{one.pk}/change/")
    shown = client.get(answer["Location"]).context["page"].timeline
    assert {entry.lead_id for entry in shown} == {one.pk, other.pk}


def test_the_api_answers_an_old_id_with_the_lead_that_stays(client, organisation, submit, now: datetime) -> None:
    from leads.models import Source
    from leads.services.source_keys import issue_key

    one = submit("web_consult", last_name="Reed", phone="512-555-0142", email="")
    other = submit("web_consult", last_name="Reid", phone="512-555-0143", email="")
    foreign = submit("guide", last_name="Ried", phone="512-555-0144", email="")
    merge((one.pk, other.pk), now)
    merge((one.pk, foreign.pk), now)

    def shown(source: str, lead: Lead) -> object:
        headers = {"Authorization": f"Bearer {issue_key(Source.objects.get(pk=source))}"}
        return client.get(f"/api/v1/leads/{lead.public_id}/status/", headers=headers).json().get("lead")

    assert shown("web_consult", other) == str(one.public_id)
    assert shown("guide", foreign) == str(foreign.public_id)  # what another source opened is not its business
    assert shown("guide", one) is None


def test_nothing_more_is_owed_to_a_lead_that_was_merged(organisation, submit, now: datetime) -> None:
    from medcrm import journey
    from nurture.models import Enrollment
    from routing.models import Clock

    one = submit(last_name="Reed", phone="512-555-0142", email="")
    other = submit(last_name="Reid", phone="512-555-0143", email="other@example.org")
    journey.advance_due(at=now)
    assert Clock.objects.filter(lead=other, met_at=None, ended_at=None).exists()
    merge((one.pk, other.pk), now)
    journey.advance_due(at=now + timedelta(minutes=1))
    assert not Clock.objects.filter(lead=other, met_at=None, ended_at=None).exists()
    assert not Enrollment.objects.active().filter(lead=other).exists()
    assert Clock.objects.filter(lead=one, met_at=None, ended_at=None).exists()
    assert Lead.objects.get(pk=other.pk).advance_due_at is None


# Look-alikes


def alike(catalogue, now: datetime, *rows: dict[str, object]) -> dict[tuple[int, int], tuple[int, list[str]]]:
    made = [make(Lead, **{"lead_type": "patient", "source_id": "guide", "created_at": now, **row}) for row in rows]
    while duplicates.search(at=now, limit=2)[0]:
        pass
    place = {lead.pk: number for number, lead in enumerate(made)}
    found = DuplicateCandidate.objects.values_list("one", "other", "score", "reasons")
    return {(place[one], place[other]): (score, sorted(reasons)) for one, other, score, reasons in found}


REED = {"first_name": "Ana", "last_name": "Reed", "zip": "78701", "age": 44}


@pytest.mark.parametrize(
    ("other", "score"),
    [
        ({**REED, "first_name": "ANA", "last_name": "reed"}, 70),
        ({**REED, "age": 45, "first_name": "Annie"}, 50),
        ({**REED, "age": 60, "first_name": "Annie"}, None),
        ({**REED, "zip": "73102"}, 55),
        ({**REED, "zip": "73102", "age": 45}, 55),
        ({**REED, "zip": "73102", "age": 46}, None),
        ({**REED, "zip": "73102", "first_name": "Annie"}, None),
        ({**REED, "lead_type": "partner"}, None),
    ],
)
def test_the_score_of_a_pair_is_the_sum_of_what_it_shares(catalogue, now, other, score) -> None:
    found = alike(catalogue, now, REED, other)
    assert [each[0] for each in found.values()] == ([score] if score else [])


def test_a_shared_phone_and_an_organisation_are_looked_at(catalogue, now) -> None:
    from consent.models import Address

    phone = make(Address, kind="phone", value="+15125550142")
    clinic = {"lead_type": "b2b", "organisation": "Reed Clinic"}
    found = alike(
        catalogue, now,
        {"phone": phone, "first_name": "Ana"}, {"phone": phone, "first_name": "Ben"},
        {**clinic, "last_name": "Diaz"}, {**clinic, "organisation": "REED CLINIC", "last_name": "Diaz"},
    )  # fmt: skip
    assert found == {(0, 1): (55, ["same_phone"]), (2, 3): (50, ["same_last_name", "same_organisation"])}


def test_candidates_are_never_merged_or_found_twice_by_themselves(catalogue, now, django_user_model) -> None:
    by = django_user_model.objects.create(username="judge")
    assert len(alike(catalogue, now, REED, REED, REED)) == 3
    assert not Lead.objects.exclude(merged_into=None).exists()
    pair = DuplicateCandidate.objects.first()
    duplicates.judge(pair.pk, is_same=False, by=by, at=now)
    duplicates.start_over()
    assert duplicates.search(at=now, limit=100) == (3, 0)
    with pytest.raises(RuleError) as error:
        duplicates.judge(pair.pk, is_same=True, by=by, at=now)
    assert error.value.code == "JUDGED_ALREADY"


def test_a_slice_of_any_size_is_compared_in_the_same_queries(catalogue, now) -> None:
    for _ in range(12):
        make(Lead, lead_type="patient", source_id="guide", created_at=now, **REED)
    counted = []
    for limit in (3, 9):
        with CaptureQueriesContext(connection) as queries:
            duplicates.search(at=now, limit=limit)
        counted.append(len(queries))
    assert counted[1] <= counted[0] <= 8


def test_a_person_judges_side_by_side_and_takes_it_back(client, supervisor, now: datetime) -> None:
    one, other = (
        make(Lead, lead_type="patient", source_id="guide", created_at=now, team="intake", **REED) for _ in "12"
    )
    duplicates.search(at=now)
    pair = DuplicateCandidate.objects.get()
    assert "same last name and ZIP" in client.get(f"/admin/leads/duplicatecandidate/{pair.pk}/change/").content.decode()
    client.post(f"/admin/leads/duplicatecandidate/{pair.pk}/merge/", {})
    assert Lead.objects.get(pk=other.pk).merged_into_id == one.pk
    client.post(f"/admin/leads/leadlink/{LeadLink.objects.get().pk}/unmerge/", {})
    assert Lead.objects.get(pk=other.pk).merged_into_id is None
    assert Interaction.objects.filter(lead=one, by=supervisor).count() == 2


def test_a_lead_speaks_of_the_services_of_all_that_were_merged_into_it(people, now) -> None:
    for pk in (people[3], people[1]):
        merge((people[2], pk), now)
    root = Lead.objects.get(pk=people[2])
    assert (root.service_id, root.other_services) == ("ortho", ["pt", "bh"])
    for link in LeadLink.objects.filter(other=people[3]):
        merging.unmerge(link.pk, by=None, at=now)
    root.refresh_from_db()
    assert root.other_services == ["pt"]


def test_what_a_lead_asked_for_itself_stays_when_a_merge_is_taken_back(submit, now) -> None:
    root, other = submit(), submit(phone="+15125550177", email="o@example.org", service="bh")
    merge((root.pk, other.pk), now)
    submit(service="bh")
    submit(service="ortho")
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    root.refresh_from_db()
    assert root.service_id == "ortho"
    assert "bh" in root.other_services


def test_the_paper_that_a_merged_lead_sent_in_wakes_the_one_that_waits_for_it(submit, now) -> None:
    """The clinic waits for no referral that it has, and waits again when the merge was a mistake."""
    waits, sent = submit(service="cardio"), submit(phone="+15125550177", email="o@example.org", service="cardio")
    MissingItem.objects.create(
        lead=waits, kind_id="referral_letter", origin="call", opened_at=now, follow_up_on=now.date()
    )
    documents.write_document(sent, "referral_letter", "received", at=now, expires_on=now.date() + timedelta(days=90))
    merge((waits.pk, sent.pk), now)
    row = DocumentStatus.objects.get(lead=waits)
    assert (row.status, row.expires_on) == ("received", now.date() + timedelta(days=90))
    assert not MissingItem.objects.filter(lead=waits, settled_at=None).exists()
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    assert list(DocumentStatus.objects.values_list("lead", flat=True)) == [sent.pk]


def test_a_paper_noted_after_the_merge_stays_when_it_is_taken_back(submit, now) -> None:
    waits, sent = submit(service="cardio"), submit(phone="+15125550177", email="o@example.org", service="cardio")
    documents.write_document(sent, "referral_letter", "received", at=now)
    merge((waits.pk, sent.pk), now)
    documents.write_document(waits, "referral_letter", "received", at=now + timedelta(hours=1))
    merging.unmerge(LeadLink.objects.get().pk, by=None, at=now)
    assert DocumentStatus.objects.filter(lead=waits, status="received").exists()


def test_of_two_that_are_worked_on_the_one_with_a_booked_visit_stays(submit, now) -> None:
    older, booked = submit(), submit(phone="+15125550177", email="o@example.org")
    make(Appointment, lead=booked, status="booked", date=now.date() + timedelta(days=3))
    assert merge((older.pk, booked.pk), now) == booked
    Appointment.objects.update(status="cancelled")
    assert merging.staying([older, booked]) == older
