"""The servers under the tests: this checkout's own, apart from the demo's, unless DATABASE_URL names another.

Imported by the conftest before anything of Django, because the settings need the addresses. Under xdist the controller
and each worker join by themselves; pytest-django gives each a database, and here each gets its part of Valkey
and a folder for private files.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import django
import psycopg
from psycopg import sql

from medcrm import embedded
from medcrm.embedded import BASE_DIR

JOINED = ExitStack()  # never closed: the servers end when this process has
TEMPLATE = "migrated"
OUR_IMPORT = re.compile(r"^\s*(?:from|import) ((?:consent|leads|routing|nurture|medcrm)[\w.]*)", re.MULTILINE)
FIRST_WORKER = 2  # 0 and 1 are the controller's, or those of a run without workers


def join() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts us in the background tells us to ignore Ctrl-C, and the processes under test would too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.dont_write_bytecode = False  # each worker, and each process under test, would compile everything anew
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    os.environ.setdefault("MEDCRM_HOME", str(BASE_DIR / ".medcrm" / "test"))
    os.environ.setdefault("MEDCRM_THROWAWAY", "1")
    os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "0" * 40)
    os.environ.setdefault("INSECURE_HTTP", "on")
    os.environ.setdefault("MFA_REQUIRED", "off")  # the tests of signing in turn it on
    JOINED.enter_context(embedded.joined())
    # Files are named by what is in them: two workers at the same test would write, and expect gone, the same one.
    os.environ["PRIVATE_FILES"] = str(embedded.home() / "private" / (worker() or "alone"))
    if name := worker():
        separate(int(name.removeprefix("gw")))
    django.setup()  # the conftests of the rooms import models


def worker() -> str:
    """The xdist worker this process is, blank in the controller and in a run without workers."""
    return os.environ.get("PYTEST_XDIST_WORKER", "")


def separate(worker: int) -> None:
    """Give an xdist worker two Valkey databases of its own, where Valkey is ours."""
    for offset, name in enumerate(("CELERY_BROKER_URL", "CACHE_URL")):
        if embedded.is_embedded(name):
            server, _, _ = os.environ[name].rpartition("/")
            os.environ[name] = f"{server}/{FIRST_WORKER + 2 * worker + offset}"


def template() -> str | None:
    """A database with all tables to copy, made anew when a migration changes; only our own server keeps one."""
    if not embedded.is_embedded("DATABASE_URL"):
        return None
    server = os.environ["DATABASE_URL"]
    state = _state_of_migrations()
    with (embedded.home() / "tables.lock").open("a") as lock, psycopg.connect(server, autocommit=True) as session:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes it, the others wait
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        if session.execute(query, [TEMPLATE]).fetchone() != (state,):
            name = sql.Identifier(TEMPLATE)
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            session.execute(sql.SQL("CREATE DATABASE {}").format(name))
            _migrate(server.replace("/medcrm?", f"/{TEMPLATE}?"))
            session.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(state)))
    return TEMPLATE


def _migrate(url: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=BASE_DIR, env={**os.environ, "DATABASE_URL": url}, check=True)


def _state_of_migrations() -> str:
    """A hash of the migrations, of what of ours they use, and of the pinned versions of everyone else's."""
    migrations = sorted(path for path in BASE_DIR.glob("*/migrations/**/*.*") if path.suffix != ".pyc")
    imported = {name for path in migrations for name in OUR_IMPORT.findall(path.read_text())}
    modules = sorted(path for name in imported for path in _sources(name))
    modules += sorted(path for path in BASE_DIR.glob("*/data/*") if path.is_file())
    content = b"".join(path.read_bytes() for path in [*migrations, *modules, BASE_DIR / "requirements.txt"])
    return sha256(content).hexdigest()


def _sources(module: str) -> list[Path]:
    path = BASE_DIR.joinpath(*module.split("."))
    return list(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
