"""What a service raises when a rule says no: a stable code for machines and a sentence for people."""

from __future__ import annotations

from django.utils.translation import gettext as _


class RuleError(Exception):
    """A business rule refused the request; `field` names the input to mend where there is one."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class InvalidTransition(RuleError):
    """The thing moved on, or may not move there from where it is."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(
            "INVALID_TRANSITION",
            _("It is “%(old)s” and cannot become “%(new)s” from there.") % {"old": old, "new": new},
        )


class InvalidFields(RuleError):
    """One or more fields of the input are unusable; `errors` maps field to messages."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        first = next(iter(errors), "")
        super().__init__("INVALID_FIELDS", "; ".join(f"{k}: {' '.join(v)}" for k, v in errors.items()), field=first)
        self.errors = errors
