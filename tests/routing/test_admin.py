"""Every page of routing opens in a constant number of queries, and changes come only by POST with the right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from leads.models import Lead
from leads.services import rollout
from medcrm.lib.versions import start_draft
from routing import router, versions
from routing.models import Agent, Handoff, Rerouting, RouteSet, RoutingRule
from tests.routing.factories import make_lead, make_leads

pytestmark = pytest.mark.usefixtures("organisation")

MODELS = [model for model in admin.site._registry if model._meta.app_label == "routing"]


@pytest.fixture
def boss(organisation: object) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.org"))
    return client


def open_list(client: Client, model: type) -> int:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_list_takes_the_same_queries_for_three_and_thirty_leads(boss, now, model):
    router.route(make_leads(now, 3), at=now)
    few = open_list(boss, model)
    router.route(make_leads(now, 27), at=now)
    assert open_list(boss, model) == few


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_change_page_opens(boss, now, model):
    router.route(make_leads(now, 1), at=now)
    row = model.objects.first()
    if row is not None:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        assert boss.get(url).status_code == 200


def test_lead_page_shows_handoff_script_and_path(boss, now):
    [pk] = make_leads(now, 1, question="Do I need an X-ray first?")
    router.route([pk], at=now)
    page = boss.get(reverse("admin:leads_lead_change", args=[pk])).content.decode()
    assert "Do I need an X-ray first?" in page
    assert "Booking an appointment" in page
    assert "Somebody else&#x27;s turn" in page


def test_handoff_is_accepted_by_post_only(boss, now):
    router.route(make_leads(now, 1), at=now)
    row = Handoff.objects.get()
    page = reverse("admin:routing_handoff_change", args=[row.pk])
    url = next(u for u in (reverse("admin:routing_handoff_accept", args=[row.pk]),))
    assert page
    boss.get(url)
    row.refresh_from_db()
    assert row.state == "offered"
    boss.post(url)
    row.refresh_from_db()
    assert row.state == "accepted"


def test_reassigning_from_the_page_needs_the_right(now, supervisor, boss):
    [pk] = make_leads(now, 1)
    router.route([pk], at=now)
    url = reverse("admin:leads_lead_reassign", args=[pk])
    target = Agent.objects.get(user__username="quotes1").user_id
    Agent.objects.filter(user=target).update(
        open_cap=40, away_from=timezone.now() - timedelta(hours=1), away_until=None
    )
    choices = dict(boss.get(url).context["form"].fields["to"].choices)
    assert choices[target].endswith(" · Quote desk · 0 / 40 · away")
    assert choices[Lead.objects.get(pk=pk).owner_id].split(" · ")[2].startswith("1 / ")
    stranger = Client()
    stranger.force_login(supervisor)
    assert stranger.post(url, {"to": [target], "reason": "x"}).status_code in (403, 404)
    boss.post(url, {"to": [target], "reason": "knows her"})
    assert Lead.objects.get(pk=pk).owner_id == target


def test_the_history_of_a_lead_tells_who_had_it_and_why_it_moved(boss, now):
    [pk] = make_leads(now, 1)
    router.route([pk], at=now)
    first = Lead.objects.get(pk=pk).owner
    target = Agent.objects.select_related("user").get(user__username="quotes1").user
    boss.post(reverse("admin:leads_lead_reassign", args=[pk]), {"to": [target.pk], "reason": "knows her"})
    entries = boss.get(reverse("admin:leads_lead_history", args=[pk])).context["entries"]
    moves = [(e.who, e.why, [(c.old, c.new) for c in e.changes]) for e in entries if e.what == "Assigned"]
    assert ("boss", "knows her", [(str(first), str(target)), ("Scheduling", "Quote desk")]) in moves
    assert [("–", str(first)), ("–", "Scheduling")] in [changes for _who, _why, changes in moves]


def test_an_action_is_offered_only_while_it_fits(boss, now):
    router.route(make_leads(now, 1), at=now)
    row = Handoff.objects.get()
    page = reverse("admin:routing_handoff_change", args=[row.pk])
    accept, give_back = (reverse(f"admin:routing_handoff_{name}", args=[row.pk]) for name in ("accept", "give_back"))
    offered = boss.get(page).content.decode()
    boss.post(accept)
    accepted = boss.get(page).content.decode()
    assert accept in offered and give_back in offered
    assert accept not in accepted and give_back in accepted


@pytest.mark.parametrize(
    ("opened_on", "leads_to"),
    [
        ("/admin/work/7/?from=list", "/admin/work/7/?from=list"),
        ("/admin/routing/handoff/", None),
        ("https://elsewhere.example/admin/work/7/", None),
        ("", None),
    ],
)
def test_a_dialog_leads_back_to_the_page_of_another_row_it_was_opened_on(boss, now, opened_on, leads_to):
    router.route(make_leads(now, 1), at=now)
    row = Handoff.objects.get()
    url = f"http://testserver{opened_on}" if opened_on.startswith("/") else opened_on
    answer = boss.post(
        reverse("admin:routing_handoff_accept", args=[row.pk]),
        headers={"HX-Request": "true", "HX-Current-URL": url},
    )
    assert answer["HX-Redirect"] == (leads_to or reverse("admin:routing_handoff_change", args=[row.pk]))


def test_a_draft_is_copied_edited_and_published(now, supervisor):
    published = RouteSet.objects.get()
    draft = start_draft(RouteSet, published.pk, note="All to quotes")
    assert draft.rules.count() == published.rules.count()
    RoutingRule.objects.create(rule_set=draft, name="All", position=0, team_id="quotes")
    versions.publish(draft.pk, by=supervisor, at=now)
    published.refresh_from_db()
    assert published.status == "retired"
    [pk] = make_leads(now, 1)
    router.route([pk], at=now)
    assert Lead.objects.get(pk=pk).team == "quotes"
    Lead.objects.update(advance_due_at=None)
    later = now + timedelta(minutes=1)
    assert versions.go_back(draft.pk, by=supervisor, at=later) == published
    [other] = make_leads(now, 1)
    router.route([other], at=later)
    assert Lead.objects.get(pk=other).team == "scheduling"


def test_who_answers_a_nurtured_lead_stands_on_its_page_and_in_the_list(now, boss):
    """[R51] Nothing is owed to it, so not taken yet; it is in somebody's hands all the same."""
    Agent.objects.update(away_from=now)
    reads, waits = make_lead(now, "nurture"), make_lead(now, "callback")
    router.route([reads.pk, waits.pk], at=now)
    shown = {}
    for lead in (reads, waits):
        page = boss.get(reverse("admin:leads_lead_change", args=[lead.pk]))
        shown[lead] = page.context["page"].steps[-1].reasons
    assert shown == {
        reads: ["Intake answers when they get in touch. Nothing is owed until then."],
        waits: ["Qualification", "Not taken yet."],
    }
    rows = boss.get(reverse("admin:leads_lead_changelist")).content.decode()
    assert "intake, when they get in touch" in rows and "queue of qualification" in rows


def due() -> set[int]:
    return set(Lead.objects.filter(advance_due_at__isnull=False).values_list("pk", flat=True))


def test_a_version_in_force_reaches_the_leads_by_a_worker_in_batches(now, supervisor, boss, monkeypatch):
    monkeypatch.setattr(rollout, "BATCH", 2)
    owed = make_leads(now, 3)
    router.route(owed, at=now)
    reads = make_lead(now, "nurture")
    Lead.objects.update(advance_due_at=None)
    draft = start_draft(RouteSet, RouteSet.objects.get().pk, note="Try it.")
    versions.publish(draft.pk, by=supervisor, at=now)
    assert due() == set()
    page = reverse("admin:routing_routeset_change", args=[draft.pk])
    assert "0 of 3 leads (0 %)" in boss.get(page).content.decode()
    assert versions.route_again_batch(at=now) == 2
    assert due() == set(owed[:2])
    assert "2 of 3 leads (66 %)" in boss.get(page).content.decode()
    versions.go_back(draft.pk, by=supervisor, at=now)
    assert "replaced after 2 of 3 leads" in boss.get(page).content.decode()
    Lead.objects.update(advance_due_at=None)
    versions.route_again(clock=lambda: now)
    assert due() == set(owed) and reads.pk not in due()
    assert list(Rerouting.objects.values_list("done", "woken", "is_cut_short", "finished_at")) == [
        (3, 3, False, now),
        (2, 2, True, now),
    ]
    assert versions.route_again_batch(at=now) == 0


def test_one_lead_that_cannot_be_moved_says_why_and_what_to_do(now, boss):
    pk = make_leads(now, 1)[0]
    router.route([pk], at=now)
    lead = Lead.objects.get(pk=pk)
    data = {"to": [lead.owner_id], "reason": "again", "_confirmed": "1"}
    page = boss.post(reverse("admin:leads_lead_reassign", args=[pk]), data, follow=True).content.decode()
    assert "Choose another team or another person." in page
    assert not lead.assignments.filter(because="reassigned").exists()
