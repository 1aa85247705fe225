"""Which servers does this checkout run on? Its own PostgreSQL and Valkey, from wheels, unless others are named.

DATABASE_URL, CELERY_BROKER_URL and CACHE_URL name others. For the rest, every user of a server (manage.py, the demo,
a test run) holds a shared lock on the server's `users.lock`, and a keeper (medcrm/keeper.py) stops the server when the
last user has ended, however it ended. Folders, sockets and ports belong to the checkout, so two checkouts never meet.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import environ

from medcrm.keeper import try_lock
from medcrm.processes import BASE_DIR
from medcrm.servers import START_SECONDS, CannotStart, Patience, Postgres, Server, Valkey, private

__all__ = ["BASE_DIR", "CannotStart", "handed_on", "home", "is_embedded", "joined", "migrate_if_empty", "reset"]

PROVIDED = "MEDCRM_EMBEDDED"  # what an embedded parent process set, as JSON: its children join by themselves
CONTENTS = ["postgres", "valkey", "log", "smoke", "test", "secret_key", "tables.lock"]  # what “make reset” drops
NEEDS_NO_TABLES = {
    "check",
    "collectstatic",
    "compilemessages",
    "dbshell",
    "diffsettings",
    "help",
    "makemessages",
    "makemigrations",
    "migrate",
    "restore",
    "showmigrations",
    "spectacular",
    "sqlmigrate",
    "version",
    "--help",
    "--version",
}


def home() -> Path:
    """The folder of this checkout's servers; MEDCRM_HOME names another."""
    return Path(os.environ.get("MEDCRM_HOME") or BASE_DIR / ".medcrm").resolve()


@contextmanager
def joined() -> Iterator[list[int]]:
    """Fill in the connection variables that are not set, starting or joining servers. Raise CannotStart.

    Yield the descriptors of the held locks: a child that inherits them keeps the servers when this process is killed.
    """
    _forget_inherited()
    environ.Env.read_env(BASE_DIR / ".env")
    os.environ["MEDCRM_HOME"] = str(home())
    provided: dict[str, str] = {}
    with ExitStack() as stack:
        locks: list[int] = []
        if _is_missing("DATABASE_URL"):
            provided["DATABASE_URL"] = _use(Postgres(home() / "postgres"), stack, locks)
            if _is_missing("SECRET_KEY"):
                provided["SECRET_KEY"] = secret_key()
            if _is_missing("INSECURE_HTTP"):
                provided["INSECURE_HTTP"] = "on"
        if _is_missing("CELERY_BROKER_URL") or _is_missing("CACHE_URL"):
            url = _use(Valkey(home() / "valkey"), stack, locks)
            places = {"CELERY_BROKER_URL": f"{url}/0", "CACHE_URL": f"{url}/1"}
            provided |= {name: place for name, place in places.items() if _is_missing(name)}
        os.environ.update(provided, **{PROVIDED: json.dumps(provided)})
        yield locks


def handed_on(**changes: str) -> dict[str, str]:
    """The environment for a child that is told its servers, and so must not look for its own."""
    return {name: value for name, value in {**os.environ, **changes}.items() if name != PROVIDED}


def is_embedded(variable: str) -> bool:
    """Whether the variable's value is one that this process or its parent filled in."""
    return variable in os.environ and _provided().get(variable) == os.environ[variable]


def secret_key() -> str:
    """The key of this checkout's own servers, made once; production sets SECRET_KEY."""
    path = home() / "secret_key"
    with _usable(path):
        if not path.exists():
            draft = path.with_suffix(f".{os.getpid()}")
            with private(draft) as file:
                file.write(secrets.token_urlsafe(50))
            with suppress(FileExistsError):  # another process was first, and its key counts
                os.link(draft, path)
            draft.unlink()
        return path.read_text()


def migrate_if_empty(argv: list[str]) -> None:
    """Create the tables when the command needs them and the embedded database has none."""
    command = argv[1] if len(argv) > 1 else "help"
    if command in NEEDS_NO_TABLES or "--help" in argv or not is_embedded("DATABASE_URL"):
        return
    import django
    from django.core.management import call_command

    django.setup()
    from django.db import connection

    with (home() / "tables.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the tables instead of making them too
        if "django_migrations" not in connection.introspection.table_names():
            sys.stderr.write("The database is empty: making the tables.\n")
            call_command("migrate", verbosity=0)
    connection.close()


def reset() -> None:
    """Drop the data of this checkout's servers. Raise CannotStart while they are in use."""
    homes = [home(), home() / "smoke", home() / "test"]
    with ExitStack() as stack:
        for lock in (place / server / "users.lock" for place in homes for server in ("postgres", "valkey")):
            if lock.exists() and not try_lock(stack.enter_context(lock.open("a"))):
                raise CannotStart(f"{lock.parent} is in use. Stop what runs on it (make demo, manage.py, tests) first.")
        for path in (home() / name for name in CONTENTS):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with suppress(OSError):  # it holds something that is not ours, or is not there
        home().rmdir()


def _is_missing(variable: str) -> bool:
    return not os.environ.get(variable)


def _provided() -> dict[str, str]:
    return dict(json.loads(os.environ.get(PROVIDED) or "{}"))


def _forget_inherited() -> None:
    """Drop what a parent filled in: its servers may have moved, and every process joins for itself."""
    for name in _provided():
        if is_embedded(name):
            del os.environ[name]
    os.environ.pop(PROVIDED, None)


def _use(server: Server, stack: ExitStack, locks: list[int]) -> str:
    """Hold the shared lock until the stack unwinds, and return the URL of the running server."""
    with _usable(server.folder):
        mode = 0o700 if os.geteuid() else 0o711  # started by root, PostgreSQL runs as another user inside it
        server.folder.mkdir(mode=mode, parents=True, exist_ok=True)
        users = stack.enter_context(server.users_lock.open("a"))
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper stops the server
        locks.append(users.fileno())
        return _url(server)


def _url(server: Server) -> str:
    """The URL that the keeper published; whoever gets the keeper's lock starts the keeper."""
    patience = Patience(server.log, START_SECONDS + 5)  # the keeper's own ends first, and says why
    while not patience.is_over():
        with server.keeper_lock.open("a") as lock:
            if try_lock(lock):
                return _start_keeper(server, lock)
        if url := server.published_url():
            return url
        time.sleep(0.02)
    raise server.failed(
        f"{server.name} is being started by another process, which has said nothing for {START_SECONDS} s."
    )


def _start_keeper(server: Server, lock: IO[str]) -> str:
    """Hand the lock to a new keeper and wait for its report."""
    number = lock.fileno()
    command = [sys.executable, "-m", "medcrm.keeper", server.folder.name, str(server.folder), str(number)]
    with server.open_log() as log:
        keeper = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[number],
            start_new_session=True,  # a Ctrl-C at the terminal is for the users, not for the keeper
            text=True,
        )
    with keeper.stdout as answer:
        report = json.loads(answer.read() or "{}")
    if "error" in report:
        raise CannotStart(report["error"])
    if "url" not in report:
        raise server.failed(f"The keeper of {server.name} ended without a word.")
    for notice in report["notices"]:
        sys.stderr.write(notice + "\n")
    return str(report["url"])


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{error.filename or path} cannot be used: {error.strerror}. "
            "Make it writable for this user, or set MEDCRM_HOME to a local folder that is."
        ) from error


def main() -> None:
    try:
        reset()
    except CannotStart as error:
        sys.exit(str(error))
    sys.stdout.write("The data is gone; “make demo” makes it anew.\n")


if __name__ == "__main__":
    main()
