"""Does the API do what its description says? A random search over a live server, and a client generated from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import timezone

from gateway import keys
from gateway.vocabulary import ScopeCode
from leads.models import Interaction, Lead, Source
from leads.services import intake
from leads.services.intake import Delivery
from leads.services.source_keys import issue_key
from medcrm.processes import BIN, Processes
from medcrm.servers import free_port
from tests.conftest import CONSULT
from tests.gateway.factories import make_client
from tests.processes import database_url

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
OF_SOURCES = "inquiries_create,leads_status_retrieve"


@dataclass(frozen=True)
class Live:
    """A running server with one lead, a key of a system that may do everything, and a key of a source."""

    url: str
    lead: str
    client_key: str
    source_key: str
    folder: Path


@pytest.fixture
def live(tmp_path: Path, transactional_organisation: None) -> Iterator[Live]:
    system = make_client("ehr", "Scheduling system", scopes=ScopeCode.values, rate_per_minute=None)
    source = Source.objects.select_related("disclosure").get(pk="web_consult")
    lead = intake.receive(source, json.dumps(CONSULT).encode(), Delivery(), at=timezone.now()).lead
    port = free_port()
    with Processes(tmp_path / "log", {"DATABASE_URL": database_url(), "WEBHOOK_ALLOW_LOOPBACK": "on"}) as processes:
        processes.start_web(port)
        url = f"http://127.0.0.1:{port}"
        processes.wait_for_http(f"{url}/health/live")
        yield Live(url, str(lead.public_id), keys.issue_key(system, at=timezone.now()), issue_key(source), tmp_path)


def search(live: Live, key: str, *options: str) -> None:
    """Search with schemathesis; the ids in paths are those of rows that exist.

    With one worker: several parse sources at once, which Python 3.11 does not do safely.
    """
    settings = live.folder / "schemathesis.toml"
    settings.write_text(
        f'[parameters]\n"path.lead" = "{live.lead}"\n"path.document" = "referral_letter"\n'
        '"path.service" = "ortho"\n"path.clinic" = "aus"\n'
    )
    command = [str(BIN / "st"), "--config-file", str(settings), "run", f"{live.url}/api/v1/schema/"]
    command += [
        "--header",
        f"Authorization: Bearer {key}",
        "--checks",
        CHECKS,
        "--no-color",
        "--workers",
        "1",
        "--request-timeout",
        "60",  # a busy machine is late, which is not what is asked here
        *options,
    ]
    done = subprocess.run(command, cwd=live.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def every_side(live: Live, *options: str) -> None:
    of_sources = [f for name in OF_SOURCES.split(",") for f in ("--include-operation-id", name)]
    of_systems = [f for name in OF_SOURCES.split(",") for f in ("--exclude-operation-id", name)]
    search(live, live.client_key, *of_systems, *options)
    search(live, live.source_key, *of_sources, *options)


def test_the_server_answers_as_described_whatever_it_is_sent(live: Live) -> None:
    every_side(live, "--phases", "examples,fuzzing", "--max-examples", "4", "--seed", "1")


@pytest.mark.long
def test_a_long_search_finds_no_answer_that_is_not_described(live: Live) -> None:
    every_side(live, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "150")


USE = """
import sys
from medcrm_api_client import AuthenticatedClient
from medcrm_api_client.api.leads import leads_events_create, leads_list, leads_partial_update, leads_retrieve
from medcrm_api_client.api.consent import consent_revocations_create
from medcrm_api_client.models import (
    ActivityKindEnum, ActivityRequest, LeadsListStage, PatchedFactsRequest, RevocationRequest
)

url, key, lead = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
with client:
    found = leads_retrieve.sync(lead, client=client)
    assert found.last_name == "Alpha", found
    page = leads_list.sync(client=client, stage=LeadsListStage.NEW)
    assert [str(row.lead) for row in page.results] == [lead], page
    changed = leads_partial_update.sync(lead, client=client, body=PatchedFactsRequest(age=46))
    assert changed.age == 46, changed
    made = leads_events_create.sync_detailed(
        lead, client=client, body=ActivityRequest(kind=ActivityKindEnum.PAGE_VISIT, count=2), idempotency_key="k"
    )
    assert made.status_code == 201, made
    refused = consent_revocations_create.sync_detailed(client=client, body=RevocationRequest(said="x", phone="12"))
    assert refused.status_code == 400 and refused.parsed.errors["phone"], refused
"""


def test_a_client_generated_from_the_description_works(live: Live, client) -> None:
    described = live.folder / "schema.json"
    described.write_bytes(client.get("/api/v1/schema/").content)
    place = live.folder / "medcrm_api_client"
    generate = [
        "generate",
        "--path",
        str(described),
        "--meta",
        "none",
        "--output-path",
        str(place),
        "--fail-on-warning",
    ]
    tools = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}  # it formats what it makes with ruff
    command = [str(BIN / "openapi-python-client"), *generate]
    made = subprocess.run(command, env=tools, cwd=live.folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (live.folder / "use.py").write_text(USE)
    used = subprocess.run(
        [sys.executable, "use.py", live.url, live.client_key, live.lead],
        cwd=live.folder,
        capture_output=True,
        text=True,
    )
    assert used.returncode == 0, used.stderr
    assert Lead.objects.get().age == 46
    assert Interaction.objects.get(kind="page_visit").count == 2
