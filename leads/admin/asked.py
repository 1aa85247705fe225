"""What does a source's own form ask? A table of the fields of an inquiry: whether, how, and in which place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads import questions

NOT_ASKED, MAY, MUST, KNOWN = "", "may", "must", "known"
HOW = (
    (NOT_ASKED, _("not asked")),
    (MAY, _("asked, may stay empty")),
    (MUST, _("asked, must be answered")),
    (KNOWN, _("not asked: always this value")),
)
STEP = 10  # between two places, so that a question can be put between


@dataclass(frozen=True)
class Typed:
    """One line of the table, as it was typed."""

    field: str
    how: str = NOT_ASKED
    place: str = ""
    value: str = ""

    @property
    def label(self) -> str:
        return self.field.replace("_", " ").capitalize()

    @property
    def choices(self) -> list[str]:
        return questions.values_of(self.field)


def typed_of(asked: Sequence[object]) -> list[Typed]:
    """The lines of a stored list: what is asked in its order, then the rest by name."""
    lines = []
    for number, row in enumerate(asked, start=1):
        told = row if isinstance(row, Mapping) else {"field": row}
        value = told.get("value")
        how = KNOWN if value is not None else MUST if told.get("required") else MAY
        lines.append(Typed(str(told.get("field")), how, str(STEP * number), "" if value is None else str(value)))
    named = {line.field for line in lines}
    return [*lines, *(Typed(name) for name in questions.NAMES if name not in named)]


class QuestionsWidget(forms.Widget):
    """A line per field. What was typed comes back as it was, also where it is wrong."""

    template_name = "leads/questions.html"

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context = super().get_context(name, None, attrs)
        lines = [row if isinstance(row, Typed) else None for row in value or ()]
        return {**context, "lines": lines if lines and all(lines) else typed_of(value or ()), "how": HOW}

    def value_from_datadict(self, data: Mapping[str, str], files: object, name: str) -> list[Typed]:
        """In the order of their places; a place that is no number stays last."""
        lines = [
            Typed(field, *(data.get(f"{name}_{field}_{part}", "").strip() for part in ("how", "place", "value")))
            for field in questions.NAMES
        ]
        return sorted(lines, key=lambda line: (line.how == NOT_ASKED, _number(line.place), line.field))

    def value_omitted_from_data(self, data: Mapping[str, str], files: object, name: str) -> bool:
        return not any(key.startswith(f"{name}_") for key in data)


class QuestionsField(forms.Field):
    widget = QuestionsWidget

    def clean(self, value: Sequence[Typed]) -> list[object]:
        asked, wrong = [], []
        for line in value:
            if line.how == NOT_ASKED:
                continue
            if line.place and _number(line.place) == float("inf"):
                wrong.append(_now("%(field)s: the place is a number, e.g. 20.") % {"field": line.label})
            if line.how == KNOWN and not line.value:
                wrong.append(_now("%(field)s: write the value that it always has.") % {"field": line.label})
                continue
            if line.how != KNOWN and line.value:
                wrong.append(
                    _now("%(field)s: a value is kept only where it is “%(how)s”.")
                    % {"field": line.label, "how": HOW[-1][1]}
                )
            asked.append(line.field if line.how == MAY else _row(line))
        if wrong := [*wrong, *questions.problems(asked)]:
            raise ValidationError(wrong)
        return asked

    def has_changed(self, initial: Sequence[object] | None, data: Sequence[Typed]) -> bool:
        try:
            return self.clean(data) != list(initial or ())
        except ValidationError:
            return True


def _row(line: Typed) -> dict[str, object]:
    return {"field": line.field, "value": line.value} if line.how == KNOWN else {"field": line.field, "required": True}


def _number(text: str) -> float:
    """Where a line stands; at the end without a number."""
    return int(text) if text.isdecimal() else float("inf")


def in_words(asked: Sequence[object]) -> SafeString | str:
    """What is asked, in order, for who may not change it."""
    lines = [line for line in typed_of(asked) if line.how != NOT_ASKED]
    if not lines:
        return _now("The usual questions of a first contact.")
    how = dict(HOW)
    rows = ((line.label, f"{how[line.how]} {line.value}".strip()) for line in lines)
    return format_html_join("", "<div>{}: {}</div>", rows)
