"""What is the source of an event called? The ledger keeps codes; the room above knows the names of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.utils.translation import gettext as _

from consent import words

Namer = Callable[[Iterable[str]], Mapping[str, str]]
_namer: Namer | None = None


def use(namer: Namer) -> None:
    """Say how codes of sources are named; called once when the apps are ready."""
    global _namer
    _namer = namer


def names(codes: Iterable[str]) -> dict[str, str]:
    """A name for each code; a code that nobody knows is shown with spaces."""
    codes = {code for code in codes if code}
    known = {"compliance": _("Recorded by compliance"), **(_namer(codes) if _namer else {})}
    return {code: known.get(code) or words.spaced(code) for code in codes}
