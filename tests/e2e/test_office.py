"""Compliance proves a permission as of a past date; marketing changes a rule, publishes it and takes it back."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

from consent import ledger
from leads.models import ScoringModel, ScoringRule
from tests.rows import NOW


def test_compliance_proves_a_permission_as_of_a_past_date_and_downloads_the_bundle(stage, send_in):
    lead = send_in(at=NOW - timedelta(days=3))
    ledger.record(lead.email_id, "email_unsub", occurred_at=NOW - timedelta(days=1), now=NOW, source="test")
    page = stage.page("compliance")
    page.goto("/admin/consent/address/")
    page.goto(f"/admin/consent/address/?q={lead.email.value}")
    page.get_by_role("link", name=lead.email.value).first.click()
    page.wait_for_selector("#permission-title")
    now_says = page.inner_text("section:has(#permission-title) dl")
    page.fill("#as-of", (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S"))
    page.get_by_role("button", name="Show that moment").click()
    page.wait_for_url("**at=**")
    assert page.inner_text("section:has(#permission-title) dl") != now_says
    page.fill("#reason", "complaint 2026-117")
    with page.expect_download() as download:
        page.get_by_role("button", name="Evidence bundle").click()
    names = zipfile.ZipFile(io.BytesIO(open(download.value.path(), "rb").read())).namelist()
    assert any(name.endswith(".pdf") for name in names) and any(name.endswith(".json") for name in names)


def test_marketing_changes_a_rule_publishes_it_and_rolls_back(stage):
    page = stage.page("marketing")
    first = ScoringModel.objects.filter(lead_type="patient", status="published").get()
    act(page, first, "start-draft", note="More for a direct question")
    draft = ScoringModel.objects.get(status="draft", lead_type="patient")
    rule = ScoringRule.objects.filter(model=draft, points__gt=0).order_by("pk").first()
    page.goto(f"/admin/leads/scoringrule/{rule.pk}/change/")
    page.fill("[name=points]", str(rule.points - 1))
    page.click("[name=_save]")
    page.wait_for_url(lambda url: "/change/" not in url)
    act(page, draft, "publish")
    assert status(first, draft) == ["retired", "published"]
    act(page, first, "start-draft", note="Back to what it was")
    again = ScoringModel.objects.get(status="draft", lead_type="patient")
    act(page, again, "publish")
    assert status(first, draft, again) == ["retired", "retired", "published"]
    assert again.rules.get(name=rule.name).points == rule.points


def act(page, model: ScoringModel, action: str, **fields: str) -> None:
    """Go through one action of a version: its page asks, the button acts."""
    page.goto(f"/admin/leads/scoringmodel/{model.pk}/{action}/")
    for name, value in fields.items():
        page.fill(f"[name={name}]", value)
    page.click(".mc-dialog-buttons .mc-button-primary")
    page.wait_for_url(lambda url: f"/{action}/" not in url)


def status(*models: ScoringModel) -> list[str]:
    return [ScoringModel.objects.get(pk=model.pk).status for model in models]
