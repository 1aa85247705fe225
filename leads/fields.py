"""The model field that holds a rule's criteria."""

from __future__ import annotations

from django.db import models

from leads import criteria


class CriteriaField(models.JSONField):
    """Groups of conditions: AND inside a group, OR between groups, no group = always true.

    `[[{"fact": "timing", "op": "in", "value": ["now", "two_weeks"]}], …]`, checked by leads.criteria in `clean()`.
    """

    def __init__(self, *args, **kwargs) -> None:
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def validate(self, value: object, model_instance: models.Model) -> None:
        super().validate(value, model_instance)
        criteria.validate(value)
