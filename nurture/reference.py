"""The sequences, templates and limits that an organisation starts with, loaded from TOML.

Loading creates what is missing and changes nothing that is there, so it runs twice without harm and never overwrites
what staff edited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from functools import cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils import timezone

from leads import criteria
from leads.models import Source
from medcrm.lib.models import VersionStatus
from nurture import visits
from nurture.models import AcknowledgedSource, FrequencyCap, Sequence, Step, Template, VisitReminder, Wording
from nurture.vocabulary import ACKNOWLEDGED_BY_DEFAULT

DATA = Path(__file__).parent / "data"

Row = Mapping[str, object]


@cache
def read(name: str) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads((DATA / f"{name}.toml").read_text())


def load(organisation: Mapping[str, object]) -> None:
    """Load templates, limits, reminders of visits, published sequences, and which sources acknowledge an inquiry."""
    load_templates(read("templates")["template"])
    load_wordings(read("templates_es")["wording"], language="es")
    data = read("sequences")
    if not FrequencyCap.objects.exists():
        FrequencyCap.objects.bulk_create(FrequencyCap(**row) for row in data["cap"])
    load_sequences(data["sequence"])
    load_reminders(data["reminder"])
    load_acknowledged(organisation["source"])


def load_acknowledged(rows: Iterable[Row]) -> None:
    """What each source answers at once, where nobody has said it yet: what the file says, else what its kind does."""
    said = {row["code"]: bool(row["acknowledges"]) for row in rows if "acknowledges" in row}
    fresh = [
        AcknowledgedSource(source=source, is_active=said.get(source.pk, source.kind in ACKNOWLEDGED_BY_DEFAULT))
        for source in Source.objects.filter(acknowledged=None).order_by("pk")
    ]
    for row in fresh:
        row.full_clean()
    AcknowledgedSource.objects.bulk_create(fresh)


def load_reminders(hours: Iterable[int]) -> None:
    """How long before a visit people are reminded, where nobody has said it yet; those ahead are planned anew."""
    if not VisitReminder.objects.exists():
        VisitReminder.objects.bulk_create(VisitReminder(hours_before=n) for n in hours)
        visits.replan(at=timezone.now())


def load_templates(rows: Iterable[Row]) -> None:
    present = set(Template.objects.values_list("pk", flat=True))
    fresh = [row for row in rows if row["code"] not in present]
    Template.objects.bulk_create(
        Template(**{name: row[name] for name in ("code", "name", "medium", "purpose", "tells_health") if name in row})
        for row in fresh
    )
    load_wordings(fresh, language="en")


def load_wordings(rows: Iterable[Row], *, language: str) -> None:
    """Publish the first words of these templates in a language, where there are none yet."""
    present = set(Wording.objects.filter(language=language).values_list("template", flat=True))
    fresh = [row for row in rows if row["code"] not in present]
    templates = Template.objects.in_bulk([row["code"] for row in fresh])
    wordings = [
        Wording(
            template=templates[row["code"]],
            language=language,
            subject=_subject(row),
            body=row["body"],
            status=VersionStatus.PUBLISHED,
            published_at=timezone.now(),
            note="The defaults.",
        )
        for row in fresh
    ]
    for wording in wordings:
        _check({"code": str(wording)}, wording.problems())
    Wording.objects.bulk_create(wordings)


def _subject(row: Row) -> str:
    return str(row.get("subject", ""))


def _check(row: Row, problems: list[str]) -> None:
    if problems:
        raise ValidationError([f"{row['code']}: {problem}" for problem in problems])


def load_sequences(rows: Iterable[Row]) -> None:
    present = set(Sequence.objects.values_list("code", flat=True))
    fresh = [(position, row) for position, row in enumerate(rows) if row["code"] not in present]
    sequences = Sequence.objects.bulk_create(_sequence(row, position) for position, row in fresh)
    Step.objects.bulk_create(
        _step(sequence, number, step)
        for sequence, (_position, row) in zip(sequences, fresh, strict=True)
        for number, step in enumerate(row["step"], start=1)
    )
    made = Sequence.objects.filter(pk__in=[sequence.pk for sequence in sequences])
    made.update(status=VersionStatus.PUBLISHED, published_at=timezone.now())


def _sequence(row: Row, position: int) -> Sequence:
    values = {name: value for name, value in row.items() if name != "step"}
    for rules in (values["criteria"], values.get("stay_criteria") or []):
        criteria.validate(rules)
    return Sequence(position=position * 10, note="The defaults.", **values)


def _step(sequence: Sequence, number: int, row: Row) -> Step:
    conditions = row.get("conditions", [])
    criteria.validate(conditions)
    start, _, end = str(row.get("hours", "")).partition("-")
    return Step(
        sequence=sequence,
        position=number,
        delay=timedelta(days=int(row.get("day", 0)), minutes=int(row.get("minutes", 0))),
        template_id=row["template"],
        conditions=conditions,
        window_start=time.fromisoformat(start) if start else None,
        window_end=time.fromisoformat(end) if end else None,
        is_weekdays_only=bool(row.get("weekdays", False)),
    )
