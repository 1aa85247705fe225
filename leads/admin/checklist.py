"""What is asked on a call: checklists by lead type and service, with their questions in the four parts."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin.criteria import is_draft
from leads.admin.rules import CarriedAdmin
from leads.models import Checklist, Question
from medcrm.lib.admin import ChoicesDropdownFilter, ModelAdmin, RelatedDropdownFilter, StackedInline, display


class QuestionInline(StackedInline):
    model = Question
    fields = (
        ("part", "position", "code"),
        "words",
        ("answer_type", "lead_field", "expires_after_days"),
        ("choices", "passes", "fails"),
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
class QuestionAdmin(ModelAdmin):
    list_display = ("words", "part", "code", "answer_type", "checklist")
    list_select_related = ("checklist__service",)
    list_filter = (
        ("part", ChoicesDropdownFilter),
        ("checklist__lead_type", ChoicesDropdownFilter),
        ("checklist__status", ChoicesDropdownFilter),
    )
    search_fields = ("words", "code")
    sortable_by = ()
    empty_text = _("Open a draft checklist and add its questions there.")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        is_question = isinstance(obj, Question)
        return super().has_change_permission(request, obj) and (not is_question or is_draft(obj.checklist))

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        is_question = isinstance(obj, Question)
        return super().has_delete_permission(request, obj) and (not is_question or is_draft(obj.checklist))
