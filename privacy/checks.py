"""Would an erasure overlook something? Asked by “manage.py check”, and so before each migration too."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import models

from consent.models import Address
from medcrm.lib import personal

WRITTEN = (
    models.CharField
    | models.TextField
    | models.JSONField
    | models.GenericIPAddressField
    | models.BinaryField
    | models.FileField
)


def could_name(field: models.Field) -> bool:
    """Whether a field could name somebody: free text, JSON, addresses, files; not choices or keys of ours."""
    if isinstance(field, models.ForeignKey):
        return field.related_model is Address
    base = field.base_field if isinstance(field, ArrayField) else field
    return isinstance(base, WRITTEN) and not base.choices and not field.primary_key


@register(Tags.models)
def declared(**kwargs: object) -> list[CheckMessage]:
    """Whatever could name somebody is declared in a `holdings.py`, as personal or as harmless."""
    hint = "Say in the holdings.py of its app what is put in its place, or why it is harmless (medcrm/lib/personal.py)."
    return [
        Error(f"Nobody said what becomes of {name} when a person is forgotten.", hint=hint, id="privacy.E001")
        for name in personal.undeclared(could_name)
    ]
