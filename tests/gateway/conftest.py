"""A connected system with every scope, and calls in its name."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from gateway import keys
from gateway.models import Client
from gateway.vocabulary import ScopeCode
from tests.gateway.factories import make_client


@pytest.fixture
def system(organisation: None) -> Client:
    return make_client("ehr", "Scheduling system", scopes=ScopeCode.values)


@pytest.fixture
def call(system: Client, client: Browser) -> Callable[..., object]:
    """`call("GET", "leads/")` with a key of the system, or of another client; keywords are headers."""
    made: dict[str, str] = {}

    def send(method: str, path: str, body: object = None, *, of: Client = system, **headers: str) -> object:
        if of.pk not in made:
            made[of.pk] = keys.issue_key(of, at=timezone.now())
        headers = {"authorization": f"Bearer {made[of.pk]}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("/") else f"/api/v1/{path}"
        return client.generic(method, url, raw, content_type="application/json", headers=headers)

    return send
