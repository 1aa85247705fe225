"""Draw every screen of the demo, light, dark and on a phone: `make screens`, then look at docs/screens."""

from __future__ import annotations

import io
import os
from fnmatch import fnmatch
from pathlib import Path

import pytest
from django.conf import settings
from PIL import Image

from medcrm import demo_data
from tests.e2e import scenes
from tests.e2e.screens import DARK, SCREENS
from tests.rows import NOW

pytestmark = pytest.mark.screens
FOLDER = Path(settings.BASE_DIR) / "docs" / "screens"
COLOURS = 96  # with fewer the quiet grounds of badges are lost in the dark
ONLY = os.environ.get("SCREENS", "*").split()  # e.g. “import* lead”, to draw some anew
LOOKS = {
    "": {"color_scheme": "light"},
    "-dark": {"color_scheme": "dark"},
    "-phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


def test_draw_every_screen(stage, send_in):
    demo_data.make(at=NOW)
    scenes.make(at=NOW, send=send_in)
    FOLDER.mkdir(exist_ok=True)
    for look, options in LOOKS.items():
        for screen in SCREENS:
            if not any(fnmatch(screen.name, name) for name in ONLY) or (look == "-dark" and screen.name not in DARK):
                continue
            page = stage.page(screen.username, **options)
            assert page.goto(screen.path(), wait_until="networkidle").status == 200
            save(page.screenshot(), FOLDER / f"{screen.name}{look}.png")
            page.close()


def save(png: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
