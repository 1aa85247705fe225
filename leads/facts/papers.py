"""Which documents of the lead do we hold?"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Expression, OuterRef

from leads import capacity
from leads.facts.reading import counted
from leads.models import DocumentStatus


def documents_held(at: datetime) -> Expression:
    """How many of the lead's documents we hold that have not run out."""
    held = DocumentStatus.objects.filter(capacity.held_documents(at=at, path="", of=OuterRef), lead=OuterRef("pk"))
    return counted(held)
