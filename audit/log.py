"""Write the access log: one insert per request, whatever it showed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from audit.models import Access, Outcome

MOST_SUBJECTS = 500  # a page shows 50; an export that is written as a file has a row for every 500 people in it
PRINT_LOOKS_BACK = 50


def write(
    action: str,
    *,
    at: datetime,
    user: AbstractBaseUser | None = None,
    client: str = "",
    model: str = "",
    subjects: Iterable[str] = (),
    query: str = "",
    method: str = "",
    path: str = "",
    status: int = 200,
    address: str | None = None,
) -> Access:
    """Write one row; texts that are too long are cut, never refused."""
    return Access.objects.create(
        at=at,
        user=user if user is not None and user.is_authenticated else None,
        client=client[:80],
        action=action[:40],
        model=model[:60],
        subjects=list(subjects)[:MOST_SUBJECTS],
        query=query[:200],
        method=method[:8],
        path=path[:200],
        status=status,
        outcome=outcome_of(status),
        address=address,
    )


def outcome_of(status: int) -> Outcome:
    if status >= 500:
        return Outcome.FAILED
    return Outcome.REFUSED if status >= 400 else Outcome.SHOWN


def shown_on(path: str, user: AbstractBaseUser) -> Access | None:
    """What this page showed its reader when it was opened: who prints it prints that."""
    for row in Access.objects.filter(user=user).order_by("-pk")[:PRINT_LOOKS_BACK]:
        if row.path == path and row.method == "GET":
            return row
    return None
