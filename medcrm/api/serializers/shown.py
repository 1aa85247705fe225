"""How do answers of the API show a row, and what is masked in it?"""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from medcrm.lib import masking

PUBLIC_ID = "0197a4de-5c1b-7c3e-9d2a-3b1f0a6c2e11"
IN_FULL = "Masked, like (512) •••-0142, without the scope `contacts:read`."


def example(value: object, *, request: bool = False) -> list[OpenApiExample]:
    only = {"request_only": True} if request else {"response_only": True}
    return [OpenApiExample("Example", value=value, **only)]


class Choice(serializers.ChoiceField):
    """A code as it is shown: blank while it is not known."""

    def __init__(self, choices: object, **kwargs: object) -> None:
        super().__init__(choices, **(kwargs | {"allow_blank": True}))


class Shown(serializers.ModelSerializer):
    """Rows as they are shown; nothing is written by them."""

    serializer_choice_field = Choice


class Reach(Shown):
    """Rows with a way to reach a person: masked for a client without `contacts:read`, single rows too.

    A program reads a list one by one without effort, so that here no page of its own shows in full.
    """

    masked: ClassVar[tuple[str, ...]] = ()

    def to_representation(self, row: object) -> dict[str, object]:
        shown = super().to_representation(row)
        reader = self.context["request"].user
        return shown | {name: masking.contact(shown[name], reader) for name in self.masked if shown[name]}


def public_id(path: str = "lead.public_id", **kwargs: object) -> serializers.UUIDField:
    return serializers.UUIDField(source=path, read_only=True, **kwargs)


class CountSerializer(serializers.Serializer):
    count = serializers.IntegerField()
