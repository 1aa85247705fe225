"""Connected systems in few words."""

from __future__ import annotations

from collections.abc import Iterable

from gateway import keys
from gateway.models import Client


def make_client(code: str, name: str, *, scopes: Iterable[str], **narrowed: object) -> Client:
    return keys.save_client(Client(code=code, name=name, scopes=list(scopes), **narrowed))
