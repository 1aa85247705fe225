"""Do the files that deploy the product name things that are there? No container engine runs in the tests."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml
from django.conf import settings

COMPOSE = yaml.safe_load((settings.BASE_DIR / "compose.yaml").read_text())
DOCKERFILE = (settings.BASE_DIR / "Dockerfile").read_text()
WORDS = "FROM|WORKDIR|COPY|RUN|USER|ENV|EXPOSE|HEALTHCHECK|CMD"


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines() if line]


def test_the_dockerfile_has_only_known_instructions_and_runs_as_nobody_in_particular():
    found = instructions()
    assert {word for word, _rest in found} <= set(WORDS.split("|"))
    assert found[0][0] == "FROM"
    users = [rest for word, rest in found if word == "USER"]
    assert users == ["medcrm"]
    assert [word for word, _rest in found][-1] == "CMD"


def test_what_the_dockerfile_copies_is_there_and_secrets_are_not():
    copied = [shlex.split(rest) for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    for *sources, _target in copied:
        assert all((settings.BASE_DIR / source).exists() for source in sources)
    ignored = (settings.BASE_DIR / ".dockerignore").read_text().split()
    assert {".env", ".git", ".medcrm"} <= set(ignored)


def test_every_service_waits_for_one_that_exists_and_uses_volumes_that_are_declared():
    services = COMPOSE["services"]
    assert {"web", "worker", "beat", "migrate", "database", "valkey"} == set(services)
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        assert ("build" in service) != ("image" in service)


@pytest.mark.parametrize("name", ["web", "worker", "beat", "migrate"])
def test_every_process_of_ours_gets_all_that_the_settings_need(name):
    environment = COMPOSE["services"][name]["environment"]
    assert {"DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL"} <= set(environment)
    assert "SECRET_KEY" not in environment, "secrets come from .env, never from this file"
