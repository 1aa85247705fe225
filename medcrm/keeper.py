"""Who stops an embedded server when nobody uses it any more? One keeper process per server.

Its first user starts it as `python -m medcrm.keeper <server> <folder> <lock>` and hands it the locked keeper.lock, so
that there is never a second one. It reports the URL or the reason of a failure as one line of JSON, starts the server
again if it dies, and gets the exclusive lock of users.lock exactly when the last user has ended, even by SIGKILL.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from medcrm.servers import SERVERS, CannotStart, Server

GLANCE_SECONDS = 0.2  # how long a server may outlive its last user


def keep(server: Server) -> None:
    """Own the server until its last user has ended."""
    try:
        server.stop_orphan()
        process = server.start()
        server.publish(process)
    except (CannotStart, OSError) as error:
        report(error=str(error))
        return
    try:
        report(url=server.url, notices=server.notices)
        with server.users_lock.open("a") as users:
            while not try_lock(users):
                process = glance(server, process)
            stop(server, process)  # still holding the lock: whoever comes now waits for the end of the stop
    except SystemExit:
        stop(server, process)


def glance(server: Server, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Wait a moment, and start the server again when it has died."""
    time.sleep(GLANCE_SECONDS)
    if process.poll() is None:
        return process
    note(f"{server.name} ended by itself (exit code {process.returncode}) and is started again.")
    process = server.start()
    server.publish(process)
    return process


def stop(server: Server, process: subprocess.Popen[bytes]) -> None:
    server.state.unlink(missing_ok=True)
    server.stop(process)


def try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def report(**content: str | list[str]) -> None:
    """Tell the user who waits at the other end of the pipe, if it is still there, and let go of the pipe."""
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(content))
        sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> None:
    name, folder, lock = sys.argv[1:]
    os.set_inheritable(int(lock), False)  # an orphaned server must not look like a living keeper
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep(SERVERS[name](Path(folder)))


if __name__ == "__main__":
    main()
