"""How are a rule's criteria shown and edited? As a sentence in lists, and in a small builder on the rule's page.

The builder (static/medcrm/criteria.js) works on the same JSON that the field stores. Without scripts the textarea
stays, with the facts one may ask for in its help.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.forms import Field
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads import criteria
from leads.fields import CriteriaField
from medcrm.lib.actions import widgets
from medcrm.lib.admin import TabularInline
from medcrm.lib.columns import display
from medcrm.lib.versioned import DraftRowAdmin

FACTS_URL = "admin:leads_scoringmodel_facts"


class CriteriaWidget(widgets.UnfoldAdminTextareaWidget):
    class Media:
        js = ("medcrm/criteria.js",)

    def __init__(self, attrs: dict[str, object] | None = None) -> None:
        super().__init__(
            {"rows": 6, "spellcheck": "false", "data-criteria-facts": reverse_lazy(FACTS_URL), **(attrs or {})}
        )


def facts_view(request: HttpRequest) -> JsonResponse:
    """The facts a rule may ask for, with their operators and values: what the builder offers."""
    return JsonResponse(
        {
            "facts": [
                {
                    "name": fact.name,
                    "label": fact.label,
                    "kind": fact.kind,
                    "operators": [operator.value for operator in criteria.OPERATORS[fact.kind]],
                    "choices": [[code, str(label)] for code, label in _choices(fact)],
                }
                for fact in criteria.facts()
            ],
            "words": {operator.value: words for operator, words in criteria.WORDS.items()},
        }
    )


def _choices(fact: criteria.Fact) -> Iterable[tuple[str, str]]:
    return fact.choices() if fact.choices else ()


def sentence(rule) -> SafeString:
    return format_html('<span class="mc-sentence">{}</span>', rule.sentence[:1].upper() + rule.sentence[1:])


class RuleAdmin(DraftRowAdmin):
    """One rule of a versioned set, its words on top."""

    formfield_overrides = {CriteriaField: {"widget": CriteriaWidget}}
    search_fields = ("name",)
    list_filter = ("is_active",)
    empty_text = _("Open a draft version and add its rules there.")

    def formfield_for_dbfield(self, db_field, request: HttpRequest, **kwargs) -> Field | None:
        if isinstance(db_field, CriteriaField):
            kwargs["widget"] = CriteriaWidget()
            kwargs["help_text"] = _(
                "Every line of a group must hold; one group is enough. No group: the rule always holds."
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fields(self, request: HttpRequest, obj: object = None) -> Sequence:
        """Who may not edit reads the sentence instead of what it is made from."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return ["in_words" if name == "criteria" else name for name in fields]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Sequence[str]:
        return (*super().get_readonly_fields(request, obj), "in_words")

    @display(description=_("Holds when"))
    def in_words(self, obj) -> SafeString:
        return sentence(obj)


class RuleInline(TabularInline):
    """The rules of a set, read as sentences in their order; each is edited on its own page."""

    can_delete = False
    show_change_link = True
    hide_title = False
    fields = readonly_fields = ("position", "in_words", "is_active")
    ordering = ("position", "pk")
    tab = True

    @display(description=_("Holds when"))
    def in_words(self, obj) -> SafeString:
        return sentence(obj)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
