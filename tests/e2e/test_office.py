"""A supervisor clears an absence, compliance proves a past permission, marketing changes a rule and goes back."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page

from consent import ledger
from leads import previews
from leads.importing import runs
from leads.models import ImportRun, Lead, Publication, ScoringModel, ScoringRule
from privacy.models import Erasure
from routing import router
from routing.models import Agent, Assignment
from tests.routing.factories import make_leads
from tests.rows import NOW


def test_compliance_proves_a_permission_as_of_a_past_date_and_downloads_the_bundle(stage, send_in):
    lead = send_in(at=NOW - timedelta(days=3))
    ledger.record(lead.email_id, "email_unsub", occurred_at=NOW - timedelta(days=1), at=NOW, source="test")
    page = stage.page("compliance")
    page.goto("/admin/consent/address/")
    page.goto(f"/admin/consent/address/?q={lead.email.value}")
    page.get_by_role("link", name=lead.email.value).first.click()
    page.wait_for_selector("#permission-title")
    now_says = page.inner_text("section:has(#permission-title) dl")
    page.fill("#as-of", (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S"))
    page.get_by_role("button", name="Show that time").click()
    page.wait_for_url("**at=**")
    assert page.inner_text("section:has(#permission-title) dl") != now_says
    page.fill("#reason", "complaint 2026-117")
    with page.expect_download() as download:
        page.get_by_role("button", name="Evidence bundle").click()
    names = zipfile.ZipFile(io.BytesIO(open(download.value.path(), "rb").read())).namelist()
    assert any(name.endswith(".pdf") for name in names) and any(name.endswith(".json") for name in names)


def test_compliance_is_asked_which_of_two_persons_with_one_phone_wants_to_be_forgotten(stage, send_in):
    mother = send_in(first_name="Maud", phone="+15125550191")
    son = send_in(first_name="Theo", phone="+15125550191")
    page = stage.page("compliance")
    page.goto(reverse("admin:consent_address_change", args=[mother.phone_id]))
    page.get_by_role("link", name="Request erasure").click()
    assert page.get_by_label("Whom?").input_value() == "+15125550191"
    page.fill("#id_reason", "Request 7")
    page.press("#id_reason", "Enter")
    page.wait_for_selector("text=Several persons are known by this")
    page.get_by_label(f"{son.name} ·").check()
    page.press("#id_reason", "Enter")
    page.wait_for_url("**/privacy/erasure/")
    assert Erasure.objects.get(reason="Request 7").leads == [son.public_id]


def test_a_supervisor_moves_forty_leads_of_an_absent_agent_to_three_others_in_one_action(stage):
    absent, *others = [join("scheduling", f"desk{number}") for number in range(4)]
    Agent.objects.filter(team="scheduling").exclude(pk=absent.pk).update(open_cap=0)
    ids = make_leads(NOW, 40, last_name="Absentee")
    router.route(ids, at=NOW)
    Agent.objects.filter(team="scheduling").update(open_cap=None)
    page = stage.page("supervisor")
    page.goto(reverse("admin:routing_team_board"))
    page.get_by_role("link", name=str(absent)).click()
    page.wait_for_url(f"**/agent/{absent.pk}/change/")
    dialog = open_dialog(page, "Hand over the open work")
    dialog.get_by_label("Why").fill("ill until Friday")
    for other in others:
        dialog.get_by_label(str(other)).check()
    dialog.get_by_role("button", name="Hand over").click()
    page.wait_for_selector("text=40 moved")
    owners = Counter(Lead.objects.filter(pk__in=ids).values_list("owner", flat=True))
    assert sorted(owners.items()) == sorted(zip([other.user_id for other in others], [14, 13, 13], strict=True))
    page.goto(reverse("admin:routing_team_board"))
    assert "away" in page.inner_text(f"tr:has(a[href$='/agent/{absent.pk}/change/'])")
    page.goto(f"/admin/leads/lead/{ids[0]}/change/")
    why = page.locator("section", has=page.get_by_role("heading", name="Why here")).inner_text()
    assert "ill until Friday" in why and "desk0" in why.lower()
    assert Assignment.objects.filter(lead__in=ids, because="absence", note="ill until Friday").count() == 40
    theirs = stage.page(others[0].user.username)
    theirs.goto("/admin/routing/notice/")
    assert "14" in theirs.inner_text("#result_list tbody tr")
    theirs.goto("/admin/work/")
    assert theirs.get_by_text("Absentee").count() == 14


def test_an_import_under_way_is_followed_without_a_new_page_and_keeps_nobody_signed_in(stage):
    text = "First name,Phone\nAna,512-555-0199\n"
    run = runs.upload("leads", io.BytesIO(text.encode()), "under-way.csv", at=NOW, options={"source": "web_consult"})
    ImportRun.objects.filter(pk=run.pk).update(phase="importing", rows_total=1000, row=251, due_at=NOW)
    page = stage.page("administrator")
    page.goto(reverse("admin:leads_importrun_change", args=[run.pk]))
    assert page.locator("progress").get_attribute("value") == "25"
    page.evaluate("window.stayed = true")
    ImportRun.objects.filter(pk=run.pk).update(row=501)
    page.wait_for_selector("progress[value='50']")
    ImportRun.objects.filter(pk=run.pk).update(phase="imported", due_at=None)
    page.wait_for_selector("text=The leads are waiting.")
    assert page.locator("progress").count() == 0
    dialog = open_dialog(page, "Release to the teams")
    dialog.get_by_role("button", name="Cancel").click()
    assert page.evaluate("window.stayed"), "the page was never loaded anew"
    run.delete()


def join(team: str, username: str) -> Agent:
    """One more person of a team, with its role and no work."""
    user = User.objects.create_user(username, is_staff=True, first_name=username.title(), last_name="Demo")
    user.groups.add(Group.objects.get(name="scheduler"))
    return Agent.objects.create(user=user, team_id=team)


def open_dialog(page: Page, name: str) -> Locator:
    page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).first.click()
    page.wait_for_selector("#dialog form")
    return page.locator("#dialog")


def test_marketing_changes_a_rule_looks_at_what_that_does_publishes_it_and_goes_back(stage, send_in):
    send_in()
    ScoringModel.objects.filter(status="draft").update(status="retired")  # the one that screens are drawn with
    page = stage.page("marketing")
    first = ScoringModel.objects.filter(lead_type="patient", status="published").get()
    act(page, first, "start-draft", note="More for a direct question")
    draft = ScoringModel.objects.get(status="draft", lead_type="patient")
    rule = ScoringRule.objects.filter(model=draft, points__gt=0).order_by("pk").first()
    page.goto(f"/admin/leads/scoringmodel/{draft.pk}/change/")
    page.locator('a:has-text("Scoring rules")').first.click()
    page.get_by_role("link", name=rule.name, exact=True).click()
    page.fill("[name=points]", str(rule.points - 1))
    page.click("[name=_save]")
    page.wait_for_url(f"**/scoringmodel/{draft.pk}/change/")
    scores = dict(Lead.objects.values_list("pk", "score"))
    page.get_by_role("link", name="See what it would change").click()
    page.wait_for_url("**/preview/?look=*")
    page.get_by_text("Waiting to start").wait_for()
    assert previews.look_ahead(clock=timezone.now) == 1
    looked_at = Lead.objects.filter(lead_type="patient", merged_into=None).count()
    page.get_by_text(f"Checked {looked_at} leads").wait_for()
    assert page.get_by_role("columnheader", name="→").count() > 0
    assert (status(first, draft), dict(Lead.objects.values_list("pk", "score"))) == (["published", "draft"], scores)
    page.get_by_role("link", name="Back to the rules").click()
    page.wait_for_url(f"**/{draft.pk}/change/")
    act(page, draft, "publish")
    assert status(first, draft) == ["retired", "published"]
    published = Publication.objects.get(scoring_model=draft)
    page.goto(f"/admin/leads/publication/{published.pk}/change/")
    assert f"Checked {looked_at} leads" in page.inner_text("#content")  # what was previewed is kept with it
    act(page, draft, "go-back")
    assert status(first, draft) == ["published", "retired"]
    assert first.rules.get(name=rule.name).points == rule.points


def act(page, model: ScoringModel, action: str, **fields: str) -> None:
    """Go through one action of a version: its page asks, the button acts."""
    page.goto(f"/admin/leads/scoringmodel/{model.pk}/{action}/")
    for name, value in fields.items():
        page.fill(f"[name={name}]", value)
    page.click(".mc-dialog-buttons .mc-button-primary")
    page.wait_for_url(lambda url: f"/{action}/" not in url)


def status(*models: ScoringModel) -> list[str]:
    return [ScoringModel.objects.get(pk=model.pk).status for model in models]
