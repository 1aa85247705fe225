"""Long lists are read in the order of an index, however rare what they are narrowed to is among millions of rows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from consent import inbound
from consent.models import Attempt, ConsentEvent
from leads.models import DocumentStatus, DuplicateCandidate, Lead, Payer
from nurture.models import Enrollment, Message
from routing import neglected
from routing.models import Assignment, Clock, Handoff
from routing.neglected import Neglect
from tests.rows import NOW

pytestmark = pytest.mark.django_db

LISTS: dict[str, QuerySet] = {
    "candidate_score": DuplicateCandidate.objects.all(),
    "candidate_of_verdict": DuplicateCandidate.objects.filter(verdict="merged"),
    "document_of_kind": DocumentStatus.objects.filter(document="referral_letter").order_by("-pk"),
    "document_in_state": DocumentStatus.objects.filter(status="received").order_by("-pk"),
    "lead_without_team": Lead.objects.filter(neglected.condition(Neglect.NO_TEAM, at=NOW)).order_by("-pk"),
    "assignment_to_team": Assignment.objects.filter(to_team="quotes").order_by("-pk"),
    "handoff_to_team": Handoff.objects.filter(to_team="quotes").order_by("-pk"),
    "handoff_in_state": Handoff.objects.filter(state="accepted").order_by("-pk"),
    "handoff_reason": Handoff.objects.filter(return_reason="wrong_team").order_by("-pk"),
    "clock_of_team": Clock.objects.filter(team="quotes").order_by("-pk"),
    "clock_owed": Clock.objects.filter(owed="quote").order_by("-pk"),
    "clock_ended": Clock.objects.filter(ended_because="superseded").order_by("-pk"),
    "enrollment_exit": Enrollment.objects.filter(exit_code="replied").order_by("-pk"),
    "message_in_state": Message.objects.filter(state="bounced").order_by("-pk"),
    "consent_event_seldom": ConsentEvent.objects.filter(kind="deceased").order_by("-pk"),
    "attempt_seldom_state": Attempt.objects.filter(state="failed").order_by("-at"),
    "attempt_seldom_channel": Attempt.objects.filter(channel="voice_ai").order_by("-at"),
    "attempt_seldom_purpose": Attempt.objects.filter(purpose="help_reply").order_by("-at"),
    "lead_next_action": Lead.objects.filter(next_action_due_at__gte=NOW).order_by(),  # few, and sorted when found
    "consent_event_to_review": inbound.unread(ConsentEvent.objects.all()).order_by("recorded_at"),
}


@pytest.mark.parametrize("index", LISTS)
def test_a_list_is_read_in_the_order_of_its_index(index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        # As if autovacuum had never seen that it is empty: then one index is as good as another.
        table = LISTS[index].model._meta.db_table
        cursor.execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = %s::regclass", [table])
    plan = LISTS[index][:50].explain()
    assert index in plan and "Sort" not in plan, plan


@pytest.mark.parametrize(("page", "counted", "is_bounded"), [("", 100, True), ("4", 250, True), ("9", 460, False)])
def test_a_list_counts_a_few_pages_from_the_one_that_is_read(admin_client, page, counted, is_bounded):
    Payer.objects.bulk_create(Payer(code=f"p{n}", name=f"Payer {n}") for n in range(460))
    shown = admin_client.get("/admin/leads/payer/", {"p": page} if page else {}).context_data["cl"]
    assert (shown.result_count, shown.paginator.is_bounded, len(shown.result_list)) == (counted, is_bounded, 50)


def test_a_choice_box_offers_all_page_by_page_and_asks_only_whether_there_is_more(admin_client):
    Payer.objects.bulk_create(Payer(code=f"p{n}", name=f"Payer {n}") for n in range(45))
    box = {"app_label": "leads", "model_name": "lead", "field_name": "payer", "term": "Payer"}
    pages = []
    for page in (1, 2, 3):
        with CaptureQueriesContext(connection) as queries:
            told = admin_client.get("/admin/autocomplete/", {**box, "page": page}).json()
        pages.append((len(told["results"]), told["pagination"]["more"]))
        [count] = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
        assert f"LIMIT {20 * page + 2}" in count
    assert pages == [(20, True), (20, True), (5, False)]
