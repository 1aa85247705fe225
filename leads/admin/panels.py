"""What do the rooms above have to say on a lead's page? They register a panel; leads knows neither teams nor sequences.
To the page of another row of leads they add an inline.

@panels.register
def handoff(lead, request):
    return panels.Panel(_("Handoff"), "routing/handoff_panel.html", {"handoff": …}, place=panels.TOP)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.contrib.admin.options import InlineModelAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from leads.models import Lead

TOP, MAIN, SIDE, ROAD = "top", "main", "side", "road"


@dataclass(frozen=True)
class Panel:
    """A card on the lead's page, rendered from the app's own template. A ROAD panel speaks in the last step."""

    title: object
    template: str
    context: Mapping[str, object] = field(default_factory=dict)
    place: str = SIDE

    def render(self, request: HttpRequest) -> SafeString:
        return render_to_string(self.template, dict(self.context), request=request)


Maker = Callable[[Lead, HttpRequest], Panel | None]
_makers: list[Maker] = []


def register(maker: Maker) -> Maker:
    """Show this panel on every lead's page where it returns one. Keep it to a constant number of queries."""
    _makers.append(maker)
    return maker


def panels_of(lead: Lead, request: HttpRequest) -> list[tuple[Panel, SafeString]]:
    found = [panel for maker in _makers if (panel := maker(lead, request)) is not None]
    return [(panel, panel.render(request)) for panel in found]


_inlines: dict[type[Model], list[type[InlineModelAdmin]]] = defaultdict(list)


def register_inline(model: type[Model]) -> Callable[[type[InlineModelAdmin]], type[InlineModelAdmin]]:
    """Show this inline on the page of every row of a model of leads, whose admin asks for `inlines_of` it."""

    def add(inline: type[InlineModelAdmin]) -> type[InlineModelAdmin]:
        _inlines[model].append(inline)
        return inline

    return add


def inlines_of(model: type[Model]) -> list[type[InlineModelAdmin]]:
    return _inlines[model]
