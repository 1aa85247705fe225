"""Bars drawn from counts: rectangles of an SVG, no script."""

from __future__ import annotations

from collections.abc import Sequence

from django import template

register = template.Library()

WIDTH, HEIGHT = 600, 80
FILLED = 0.8  # of the room a bar has


@register.simple_tag
def chart(line: Sequence[tuple[str, int]]) -> dict[str, object]:
    """Where the bars of a series stand in a picture of 600 by 80, the highest count at the top."""
    most = max([1, *(count for _label, count in line)])
    step = WIDTH / max(1, len(line))
    bars = [
        {
            "x": f"{place * step:.2f}", "width": f"{step * FILLED:.2f}", "label": label, "count": count,
            "y": f"{HEIGHT - HEIGHT * count / most:.2f}", "height": f"{HEIGHT * count / most:.2f}",
        }
        for place, (label, count) in enumerate(line)
    ]  # fmt: skip
    when = max(line, key=lambda point: point[1])[0] if line else ""
    return {
        "width": WIDTH, "height": HEIGHT, "bars": bars, "most": most, "when": when,
        "first": line[0][0] if line else "", "last": line[-1][0] if line else "",
    }  # fmt: skip
