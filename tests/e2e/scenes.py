"""What an organisation also has on some day, beside its leads: files on their way in and out, look-alikes, drafts of
rules, a reply that nobody has read, a wish to be forgotten. Made by the services that make it for real."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from consent import checkpoints, inbound, verify
from consent.models import Seller
from leads import duplicates, exporting, milestones, previews
from leads.importing import runs
from leads.measures import Period
from leads.models import ImportRun, Lead, NextStepSet, Proposal, ScoringModel, ScoringRule, Source
from leads.models.importing import ImportPhase
from leads.services import intake, merging, versions
from leads.services.intake import Delivery
from medcrm import journey
from medcrm.lib.versions import start_draft
from medcrm.reports import backtest, reviewing
from nurture.models import Sequence, Wording
from privacy import erasure
from routing import notices
from routing.models import Notice, RouteSet
from tests.inquiry import CONSULT
from tests.leads import import_rows

ROWS = 60


def make(*, at: datetime, send: Callable[..., Lead]) -> None:
    """Set all of them; `send` brings one more inquiry in."""
    files(at=at)
    who = {"first_name": "Nina", "last_name": "Hartwell"}
    people = [send(**who, phone=f"+1512555{n}", email=f"nina{n}@example.org") for n in (1901, 1902, 1903)]
    duplicates.start_over()
    while duplicates.search(at=at)[0]:
        pass
    merging.merge(people[0].pk, people[2].pk, by=someone("supervisor"), at=at, reason="Same card, same birthday.")
    proof(people, at=at)
    rules(at=at)
    milestones.refresh_all()
    tries(at=at)
    exporting.ask("leads", "csv", reason="Audit 2026, ticket 117", by=someone("compliance"), at=at)
    while exporting.work_due(at=at):
        pass
    notices.tell({someone("scheduling1").pk: 3}, Notice.Kind.GIVEN, at=at)


def sender(*, at: datetime) -> Callable[..., Lead]:
    """A function that sends a patient's inquiry through the real intake and walks it along the road; keywords replace
    fields."""
    count, usual = itertools.count(1), at

    def send(source: str = "web_consult", *, at: datetime = usual, **fields: object) -> Lead:
        number = next(count)
        who = {
            "first_name": "Ana",
            "last_name": f"Reed{number:02d}",
            "phone": f"+151255501{number:02d}",
            "email": f"ana{number}@example.org",
            "documents": ["referral_letter", "medical_history"],
        }
        row = Source.objects.select_related("disclosure").get(pk=source)
        body = json.dumps({**CONSULT, **who, **fields}).encode()
        lead = intake.receive(row, body, Delivery(), at=at).lead
        journey.advance([lead.pk], at=at)
        return lead

    return send


def kept_in(folder: Path) -> dict[str, object]:
    """The storages with the private files in a folder that ends with the run."""
    storages = json.loads(json.dumps(settings.STORAGES))
    storages["private"]["OPTIONS"]["location"] = str(folder)
    return storages


def someone(username: str) -> User:
    return User.objects.get(username=username)


def files(*, at: datetime) -> None:
    """One file that was looked into, one that was checked, one whose leads are in and wait."""
    for name, is_dry in (("hospital-days.csv", None), ("spring-fair.csv", True), ("referral-list.csv", False)):
        text = "\n".join([",".join(import_rows.HEADER), *(line(number, name) for number in range(1, ROWS))])
        given = {"source": "web_consult"}
        run = runs.upload("leads", io.BytesIO(text.encode()), name, at=at, by=someone("administrator"), options=given)
        if is_dry is not None:
            runs.start(run.pk, is_dry=is_dry, at=at)
            while ImportRun.objects.get(pk=run.pk).due_at:
                runs.work_on(run.pk, at=at)
    assert set(ImportRun.objects.values_list("phase", flat=True)) == {
        ImportPhase.UPLOADED, ImportPhase.CHECKED, ImportPhase.IMPORTED,
    }  # fmt: skip


def line(number: int, name: str) -> str:
    """A row of one of the files; every file has people of its own."""
    cells = import_rows.row(number + 1000 * len(name))
    return ",".join(f'"{cell}"' for cell in cells)


def proof(people: list[Lead], *, at: datetime) -> None:
    """A reply that may be a wish to stop, a sealed and verified ledger, and two wishes to be forgotten."""
    inbound.receive(
        people[0].phone_id,
        "can you stop by tomorrow?",
        channel="sms",
        seller=Seller.objects.first(),
        occurred_at=at - timedelta(minutes=20),
        at=at,
    )
    checkpoints.seal_all(at=at)
    verify.run(at=at)
    person = erasure.person_of([people[1].pk])
    erasure.request_erasure(person, reason="Letter of 28 November, ticket 122.", by=someone("compliance"), at=at)
    erasure.place_holds(person, reason="Case 2026-14, counsel asked.", by=someone("compliance"), at=at)


def rules(*, at: datetime) -> None:
    """Drafts of every kind, and what the figures propose."""
    model = ScoringModel.objects.get(lead_type="patient", status="published")
    draft = start_draft(ScoringModel, model.pk, note="More for a direct question")
    for rule in ScoringRule.objects.filter(model=draft, points__gt=0).order_by("pk")[:2]:
        rule.points += 15
        rule.save()
    steps = start_draft(NextStepSet, NextStepSet.objects.get(status="published").pk, note="Words only")
    versions.publish(NextStepSet, steps.pk, by=someone("administrator"), at=at)
    start_draft(RouteSet, RouteSet.objects.get(status="published").pk, note="Spanish first")
    start_draft(Sequence, Sequence.objects.filter(status="published").order_by("pk").first().pk, note="Slower")
    start_draft(Wording, Wording.objects.filter(status="published").order_by("pk").first().pk, note="Shorter")
    rule = model.rules.filter(points__gt=0).order_by("pk").first()
    source = Source.objects.get(pk="landing")
    Proposal.objects.create(
        kind="points", about=str(rule.pk), title=f"{rule.name}: {rule.points} → 0 points",
        evidence="31 of 212 with it converted, 29 of 205 without it; the difference may be chance.",
        old_value=str(rule.points), new_value="0", made_at=at,
    )  # fmt: skip
    Proposal.objects.create(
        kind="intent", about=source.pk, title=f"{source.name}: intent {source.get_intent_display().lower()} → low",
        evidence="4 of 180 converted, others like it 22 %.", old_value=source.intent, new_value="low", made_at=at,
    )  # fmt: skip


def tries(*, at: datetime) -> None:
    """The draft of the scale tried on the last month, the review of a night, and what drafts would do from now on."""
    draft = ScoringModel.objects.get(lead_type="patient", status="draft")
    month = Period((at - timedelta(days=30)).date(), at.date())
    backtest.ask(month, by=someone("marketing"), at=at, scoring_model=draft.pk)
    backtest.run_waiting(at=at)
    reviewing.ask_as_usual(at=at)
    reviewing.make_waiting(at=at)
    for version in (draft, Sequence.objects.get(code="first_visit", status="published")):
        previews.ask(version, by=someone("marketing"), at=at)
    previews.look_ahead(clock=lambda: at)
