"""A line drawn from counts: points of an SVG polyline, no script."""

from __future__ import annotations

from collections.abc import Sequence

from django import template

register = template.Library()

WIDTH, HEIGHT = 600, 80


@register.simple_tag
def chart(line: Sequence[tuple[str, int]]) -> dict[str, object]:
    """Where the points of a series lie in a picture of 600 by 80, the highest count at the top."""
    most = max([1, *(count for _label, count in line)])
    step = WIDTH / max(1, len(line) - 1)
    points = " ".join(
        f"{place * step:.1f},{HEIGHT - HEIGHT * count / most:.1f}" for place, (_l, count) in enumerate(line)
    )
    when = max(line, key=lambda point: point[1])[0] if line else ""
    return {
        "width": WIDTH, "height": HEIGHT, "points": points, "most": most, "when": when,
        "first": line[0][0] if line else "", "last": line[-1][0] if line else "",
    }  # fmt: skip
