"""Do child processes start, get watched, and end with the one who started them?"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from medcrm.processes import BASE_DIR, ChildDied, Processes
from medcrm.servers import free_port
from tests.processes import wait_until

pytestmark = pytest.mark.processes

PARENT = """
import sys
from pathlib import Path
from medcrm.processes import Processes
with Processes(Path(sys.argv[1])) as processes:
    child = processes.start("child", sys.executable, "-c", "import signal; signal.pause()")
    print(child.pid, flush=True)
    processes.watch()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
WITH_HELPER = """
import signal, subprocess
print(subprocess.Popen(["/bin/sleep", "600"]).pid, flush=True)
signal.pause()
"""


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_child_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("web", sys.executable, "-c", "raise SystemExit('the port is taken')")
        with pytest.raises(ChildDied, match=r"web ended with exit code 1(.|\n)*the port is taken"):
            processes.watch()


def test_waiting_for_a_page_ends_when_the_server_has_died(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("web", sys.executable, "-c", "pass")
        with pytest.raises(ChildDied):
            processes.wait_for_http(f"http://127.0.0.1:{free_port()}/")


def test_a_page_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    with Processes(tmp_path) as processes:
        server = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(port)]
        processes.start("web", sys.executable, *server)
        processes.wait_for_http(f"http://127.0.0.1:{port}/")
        processes.check()


def test_leaving_the_block_ends_even_a_child_that_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medcrm.processes.STOP_SECONDS", 0.2)
    with Processes(tmp_path) as processes:
        deaf = processes.start("deaf", sys.executable, "-c", DEAF)
        processes.wait_for_log("deaf", "ready")
    assert deaf.returncode == -signal.SIGKILL


def test_what_an_earlier_start_logged_does_not_count(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("worker", sys.executable, "-c", DEAF)
        processes.wait_for_log("worker", "ready")
        processes.kill("worker")
        processes.start("worker", sys.executable, "-c", "import signal; signal.pause()")
        with pytest.raises(TimeoutError):
            processes.wait_for_log("worker", "ready", seconds=0.3)
        assert "ready" in processes.log("worker").read_text()


def test_killing_a_process_ends_its_helpers_too(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("worker", sys.executable, "-c", WITH_HELPER)
        wait_until(lambda: (tmp_path / "worker.log").read_text().strip(), "the helper has started")
        helper = int((tmp_path / "worker.log").read_text())
        assert is_running(helper)
        processes.kill("worker")
        wait_until(lambda: not is_running(helper), "the helper has ended")
        processes.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_their_parent(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    parent = subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.send_signal(number)
    parent.wait(30)
    wait_until(lambda: not is_running(child), "the child has ended")
