"""What is asked on a call: checklists by lead type and service, with their questions in the four parts."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads import targets
from leads.admin.rules import CarriedAdmin
from leads.models import Checklist, Document, Question
from leads.targets import AnswerType
from leads.vocabulary import ContactRole
from medcrm.lib.actions import widgets
from medcrm.lib.admin import StackedInline
from medcrm.lib.columns import display
from medcrm.lib.filters import ChoicesDropdownFilter, RelatedDropdownFilter
from medcrm.lib.versioned import DraftRowAdmin


class AnswersField(forms.CharField):
    """A list of answers, one a line: “code” or “code = what people read”."""

    def __init__(self, *, labelled: bool = False, **kwargs: object) -> None:
        super().__init__(required=False, widget=widgets.UnfoldAdminTextareaWidget({"rows": 3}), **kwargs)
        self.labelled = labelled

    def prepare_value(self, value: object) -> object:
        if not isinstance(value, list):
            return value
        if not self.labelled:
            return "\n".join(str(item) for item in value)
        return "\n".join(f"{code} = {label}" for code, label in targets.values_of(value))

    def clean(self, value: str) -> list[object]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if not self.labelled:
            return lines
        pairs = [[part.strip() for part in line.partition("=")[::2]] for line in lines]
        return [[code, label or code.replace("_", " ")] for code, label in pairs]


def fact_choices() -> list[tuple[str, object]]:
    """The facts a question may read and write, with the documents and roles that are facts of their own."""
    plain = [name for name in targets.TARGETS if name not in ("document", "stakeholder")]
    documents = [(f"document.{code}", name) for code, name in Document.objects.values_list("pk", "name")]
    roles = [(f"stakeholder.{role}", role.label) for role in ContactRole if role != ContactRole.UNKNOWN]
    return [
        ("", _("None: the answer itself is judged")),
        (_("Facts of the lead"), [(name, name.replace("_", " ")) for name in sorted(plain)]),
        (_("Documents"), documents),
        (_("People"), [*roles, ("stakeholder.may_be_told", _("May be told"))]),
    ]


class QuestionForm(forms.ModelForm):
    lead_field = forms.ChoiceField(
        label=_("Fact"),
        choices=fact_choices,
        required=False,
        widget=widgets.UnfoldAdminSelectWidget,
        help_text=_("What it reads and writes."),
    )
    choices = AnswersField(
        label=_("Choices"),
        labelled=True,
        help_text=_("One a line: “code = what people read”. Blank: those of the fact, e.g. all payers."),
    )
    passes = AnswersField(label=_("Answers that pass"), help_text=_("One code a line. Blank: any answer passes."))
    fails = AnswersField(
        label=_("Answers that fail"), help_text=_("One code a line. What neither passes nor fails stays unknown.")
    )

    class Meta:
        model = Question
        exclude = ()

    def clean(self) -> dict[str, object]:
        """A code among passes and fails has to be an answer somebody can give."""
        given = super().clean() or {}
        kind, target = given.get("answer_type"), targets.target_of(given.get("lead_field") or "")
        for name in ("passes", "fails"):
            for value in given.get(name) or ():
                _value, problem = targets.check_value(
                    value, type=kind or AnswerType.TEXT, target=target, choices=given.get("choices") or ()
                )
                if problem:
                    self.add_error(name, problem)
        return given


class QuestionInline(StackedInline):
    model = Question
    form = QuestionForm
    ordering = ("position", "pk")
    extra = 0
    fields = (
        ("part", "position"),
        "words",
        ("answer_type", "expires_after_days"),
        "lead_field",
        "choices",
        "passes",
        "fails",
        "code",
    )
    collapsible = True


@admin.register(Checklist)
class ChecklistAdmin(CarriedAdmin):
    list_display = ("__str__", "lead_type", "service", "status_badge", "question_count", "published_at", "note")
    list_select_related = ("service", "published_by")
    list_filter = (
        ("lead_type", ChoicesDropdownFilter),
        ("service", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
    )
    fieldsets = (
        (None, {"fields": (("lead_type", "service"), ("version", "status"), "note")}),
        (_("Publication"), {"fields": (("published_at", "published_by"), "reached", "created_at")}),
    )
    inlines = (QuestionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        questions = Question.objects.filter(checklist=OuterRef("pk")).order_by().values("checklist")
        total = Subquery(questions.annotate(n=Count("pk")).values("n"))
        return super().get_queryset(request).annotate(question_total=total)

    @display(description=_("Questions"))
    def question_count(self, obj: Checklist) -> int:
        return obj.question_total or 0


@admin.register(Question)
class QuestionAdmin(DraftRowAdmin):
    set_field = "checklist"
    form = QuestionForm
    list_display = ("words", "part", "code", "answer_type", "checklist")
    list_select_related = ("checklist__service",)
    list_filter = (
        ("part", ChoicesDropdownFilter),
        ("checklist__lead_type", ChoicesDropdownFilter),
        ("checklist__status", ChoicesDropdownFilter),
    )
    search_fields = ("words", "code")
    empty_text = _("Open a draft checklist and add its questions there.")
