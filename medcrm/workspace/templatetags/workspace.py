"""What a page of the admin shows of the workspace: the reader's own lists."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.template.context import RequestContext

from medcrm.workspace import lists
from medcrm.workspace.models import SavedView

register = template.Library()


@register.simple_tag(takes_context=True)
def saved_lists(context: RequestContext) -> Sequence[SavedView]:
    """The reader's lists, the one on show marked. One query."""
    request = context["request"]
    found, here = list(lists.of(request.user)), lists.clean(request.META.get("QUERY_STRING", ""))
    for view in found:
        view.is_here = view.query == here
    return found
