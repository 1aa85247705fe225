"""How are a rule's criteria shown and edited? As a sentence in lists, and in a small builder on the rule's page.

The builder (static/medcrm/criteria.js) works on the same JSON that the field stores. Without scripts the textarea
stays, with the facts one may ask for in its help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.forms import Field
from django.http import HttpRequest, JsonResponse
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads import criteria
from leads.fields import CriteriaField
from medcrm.lib.actions import widgets
from medcrm.lib.admin import TabularInline
from medcrm.lib.columns import display, link
from medcrm.lib.models import VersionedSet
from medcrm.lib.versioned import DraftRowAdmin, is_draft

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


class Ruled:
    """Mixed into the admin of a set of rules: the page of a draft leads to a new rule, others say how one is made."""

    def get_readonly_fields(self, request: HttpRequest, obj: VersionedSet | None = None) -> Sequence[str]:
        if obj is not None:
            obj.ways_to_add = list(self._ways_to_add(request, obj)) if is_draft(obj) else []
        return (*super().get_readonly_fields(request, obj), "new_rule")

    def _ways_to_add(self, request: HttpRequest, obj: VersionedSet) -> Iterator[tuple[str, str]]:
        for inline in self.inlines:
            page = self.admin_site._registry[inline.model]
            if issubclass(inline, RuleInline) and page.has_add_permission(request):
                address = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_add")
                yield f"{address}?{page.set_field}={obj.pk}", page.opts.verbose_name

    @display(description=_("New rule"))
    def new_rule(self, obj: VersionedSet) -> SafeString | str:
        if obj.pk is None or not is_draft(obj):
            return _("Start a draft to add, change or switch off rules.") if obj.pk else ""
        links = ((address, _("Add a %(kind)s") % {"kind": kind}) for address, kind in obj.ways_to_add)
        return format_html_join(" · ", '<a class="mc-link" href="{}">{}</a>', links)


class RuleInline(TabularInline):
    """The rules of a set, read as sentences in their order; each is edited on its own page."""

    can_delete = False
    fields = readonly_fields = ("position", "named", "in_words", "is_active")
    ordering = ("position", "pk")
    tab = True

    @display(description=_("Rule"))
    def named(self, obj) -> SafeString:
        return link(obj, obj.name)

    @display(description=_("Holds when"))
    def in_words(self, obj) -> SafeString:
        return sentence(obj)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
