"""Do the files that deploy the product name things that are there, and does what they build run?

No container engine runs in the tests: the build's own steps are taken in a folder, with the packages installed here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from medcrm import checks
from medcrm.processes import end_with_parent
from medcrm.servers import free_port

COMPOSE = yaml.safe_load((settings.BASE_DIR / "compose.yaml").read_text())
DOCKERFILE = (settings.BASE_DIR / "Dockerfile").read_text()
WORDS = "FROM|WORKDIR|COPY|RUN|USER|ENV|EXPOSE|HEALTHCHECK|CMD"


def test_every_setting_of_an_operator_is_explained():
    """README and docs send operators to .env.example for every variable, of the settings and of compose.yaml."""
    code = (settings.BASE_DIR / "medcrm" / "settings.py").read_text()
    read = set(re.findall(r'env(?:\.\w+)?\("([A-Z_]+)"', code))
    read |= set(re.findall(r"\$\{([A-Z_]+)", (settings.BASE_DIR / "compose.yaml").read_text()))
    explained = set(re.findall(r"^#?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    assert {"SECRET_KEY", "PUBLIC_URL", "ANYMAIL", "POSTGRES_PASSWORD"} <= read
    assert read <= explained


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://localhost", "http://crm.example.org"])
def test_links_that_would_lead_nowhere_are_told_before_anybody_deploys(url, settings):
    settings.PUBLIC_URL = url
    assert [found.id for found in checks.public_url()] == ["medcrm.W001"]
    settings.PUBLIC_URL = "https://crm.example.org"
    assert checks.public_url() == []


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


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """What the last stage builds by its own COPY and RUN lines; only users of the system are not made."""
    folder = tmp_path_factory.mktemp("image") / "medcrm"
    ignored = (settings.BASE_DIR / ".dockerignore").read_text().split()
    left_out = shutil.ignore_patterns(*(name.removeprefix("**/") for name in ignored))
    shutil.copytree(settings.BASE_DIR, folder, ignore=left_out)
    (folder / ".venv").symlink_to(settings.BASE_DIR / ".venv")
    found = instructions()
    last_stage = found[[word for word, _rest in found].index("FROM", 1) :]
    for word, rest in last_stage:
        if word == "RUN" and "useradd" not in rest:
            subprocess.run(["/bin/sh", "-c", rest], cwd=folder, env={"PATH": os.environ["PATH"]}, check=True)
    return folder


@pytest.fixture
def web(image, tmp_path) -> Iterator[tuple[subprocess.Popen, str]]:
    """The image's own command in the environment that compose.yaml gives it, and the port it listens at."""
    port = str(free_port())
    shared = {name: os.environ[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL")}
    environment = COMPOSE["x-medcrm"]["environment"] | shared
    environment |= {"SECRET_KEY": "s" * 60, "EVIDENCE_KEY": "e" * 60, "ALLOWED_HOSTS": "crm.example.org"}
    environment |= {"PATH": f"{image}/.venv/bin:{os.environ['PATH']}", "PRIVATE_FILES": str(tmp_path)}
    [command] = [json.loads(rest) for word, rest in instructions() if word == "CMD"]
    command = [part.replace("8000", port) for part in command]
    process = subprocess.Popen(command, cwd=image, env=environment, preexec_fn=end_with_parent)
    yield process, port
    process.terminate()
    process.wait(30)


def test_what_is_built_serves_and_its_health_check_says_so(web):
    process, port = web
    [check] = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    probe = [part.replace("8000", port) for part in json.loads(check.partition("CMD ")[2])]
    environment = {"ALLOWED_HOSTS": "crm.example.org", "PATH": os.environ["PATH"]}
    for _ in range(120):
        answer = subprocess.run(probe, env=environment, capture_output=True, check=False)
        if answer.returncode == 0 or process.poll() is not None:
            break
        time.sleep(0.5)
    assert (answer.returncode, process.poll()) == (0, None), answer.stderr


def test_web_and_worker_share_the_files_that_one_writes_and_the_other_reads():
    [place] = re.findall(r"PRIVATE_FILES=(\S+)", DOCKERFILE)
    mounted = {name: COMPOSE["services"][name].get("volumes", ()) for name in ("web", "worker", "beat")}
    assert {tuple(volumes) for volumes in mounted.values()} == {(f"private:{place}",)}


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
