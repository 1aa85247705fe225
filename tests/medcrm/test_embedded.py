"""Do the embedded servers come with their first user, serve all of them, and go with the last one?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from medcrm import servers
from medcrm.processes import BASE_DIR
from medcrm.servers import CannotStart, Postgres, Valkey, free_port
from tests.processes import User, clean_environment, running, wait_until

pytestmark = pytest.mark.processes
WITH_TABLES = pytest.mark.xdist_group("a home with tables")
FirstCommand = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for servers, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="medcrm-test-")).resolve()
    yield folder
    wait_until(lambda: not running(folder), f"nothing runs in {folder} after the test")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A data folder as the first user of a home gets it; making one anew takes longer than most of these tests."""
    folder = Path(tempfile.mkdtemp(prefix="medcrm-made-")).resolve()
    user = User(folder)
    assert user.environment
    user.end()
    wait_until(lambda: not running(folder), "nothing runs where the folder was made")
    yield folder / "postgres" / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def first_command() -> Iterator[FirstCommand]:
    """A home whose tables a command has made, and what it said; the tests that share it run in one worker."""
    folder = Path(tempfile.mkdtemp(prefix="medcrm-made-")).resolve()
    count = "from django.contrib.auth.models import User; print(User.objects.count())"
    answer = manage(folder, "shell", "--no-imports", "-c", count)
    wait_until(lambda: not running(folder), "nothing runs where the tables were made")
    yield folder, answer
    wait_until(lambda: not running(folder), "nothing runs after the tests")
    shutil.rmtree(folder)


def lay(data: Path, home: Path) -> None:
    """Copy the data folder of a stopped server into a home that nobody has used."""
    (home / "postgres").mkdir(mode=0o700 if os.geteuid() else 0o711, parents=True)
    subprocess.run(["/bin/cp", "-a", data, home / "postgres"], check=True)


@pytest.fixture
def join(home: Path, made: Path) -> Iterator[Callable[..., User]]:
    """Start users of the home; whoever still runs afterwards is killed.

    A home that was never used has its data folder already, unless the test wants to see it `fresh`.
    """
    users: list[User] = []

    def start(place: Path = home, *, fresh: bool = False, **environment: str) -> User:
        if not fresh and not (place / "postgres").exists() and "DATABASE_URL" not in environment:
            lay(made, place)
        users.append(User(place, **environment))
        return users[-1]

    yield start
    for user in users:
        user.process.kill()
        user.process.wait()


def ask(user: User, query: str) -> object:
    with psycopg.connect(user.environment["DATABASE_URL"]) as session:
        return session.execute(query).fetchone()[0]


def tell(user: User, command: str) -> None:
    with psycopg.connect(user.environment["DATABASE_URL"]) as session:
        session.execute(command)


def manage(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=BASE_DIR, env=clean_environment(home, **environment), capture_output=True, text=True
    )


def test_a_user_gets_a_database_a_broker_and_a_cache(join: Callable[..., User]) -> None:
    user = join(fresh=True)
    assert ask(user, "SHOW server_version").startswith("18.")
    assert ask(user, "SELECT upper('é')") == "É"
    broker = redis.from_url(user.environment["CELERY_BROKER_URL"])
    cache = redis.from_url(user.environment["CACHE_URL"])
    cache.set("only", "here")
    assert broker.get("only") is None
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=broker.connection_pool.connection_kwargs["port"]).ping()


def test_users_who_come_at_once_share_the_servers(home: Path, join: Callable[..., User]) -> None:
    users = [join(fresh=True) for _ in range(4)]
    assert len({user.environment["DATABASE_URL"] for user in users}) == 1
    assert len({user.environment["CACHE_URL"] for user in users}) == 1
    assert len(running(home, "bin/postgres")) == len(running(home, "valkey-server")) == 1


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_their_last_user(home: Path, join: Callable[..., User], number: int | None) -> None:
    first, last = join(), join()
    assert first.environment["DATABASE_URL"] == last.environment["DATABASE_URL"]
    first.end(number)
    assert ask(last, "SELECT 1") == 1
    last.end(number)
    wait_until(lambda: not running(home), "nothing runs")


def test_data_outlives_the_servers(home: Path, join: Callable[..., User]) -> None:
    first = join()
    tell(first, "CREATE TABLE kept AS SELECT 7 AS number")
    first.end()
    second = join()  # comes while the servers are stopping, and waits for it
    assert ask(second, "SELECT number FROM kept") == 7
    assert second.environment["SECRET_KEY"] == first.environment["SECRET_KEY"]


def test_two_homes_do_not_meet(home: Path, join: Callable[..., User]) -> None:
    left, right = join(home / "left"), join(home / "right")
    tell(left, "CREATE TABLE only_left ()")
    assert ask(right, "SELECT to_regclass('only_left')") is None
    assert left.environment["CACHE_URL"] != right.environment["CACHE_URL"]
    assert left.environment["SECRET_KEY"] != right.environment["SECRET_KEY"]
    left.end()
    wait_until(lambda: not running(home / "left"), "nothing runs on the left")
    assert ask(right, "SELECT 1") == 1


def test_next_user_recovers_from_killed_keepers(home: Path, join: Callable[..., User]) -> None:
    first = join()
    tell(first, "CREATE TABLE kept AS SELECT 7 AS number")
    for keeper in running(home, "medcrm.keeper"):
        keeper.kill()
    second = join()
    assert ask(second, "SELECT number FROM kept") == 7
    assert redis.from_url(second.environment["CACHE_URL"]).ping()
    assert len(running(home, "bin/postgres")) == len(running(home, "valkey-server")) == 1


def test_nothing_outlives_killed_keepers(home: Path, join: Callable[..., User]) -> None:
    user = join()
    assert user.environment
    for process in running(home, "medcrm.keeper"):
        process.kill()
    user.end(signal.SIGKILL)
    wait_until(lambda: not running(home), "nothing runs")


@pytest.mark.parametrize("server", ["bin/postgres", "valkey-server"])
def test_keeper_starts_a_killed_server_again(home: Path, join: Callable[..., User], server: str) -> None:
    user = join()
    assert user.environment
    (killed,) = running(home, server)
    killed.kill()

    def answers() -> bool:
        try:
            return ask(user, "SELECT 1") == 1 and redis.from_url(user.environment["CACHE_URL"]).ping()
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    wait_until(lambda: killed not in running(home, server) and answers(), "the user's own addresses answer again")


def test_a_pid_file_that_names_another_process_is_forgotten(home: Path, join: Callable[..., User]) -> None:
    join().end()
    wait_until(lambda: not running(home), "nothing runs")
    server = Postgres(home / "postgres")
    stranger = subprocess.Popen(["/bin/sleep", "600"], **server.owner())
    pid_file = server.data / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{server.data}\n1\n5432\n\n\n\nready\n")
    try:
        assert ask(join(), "SELECT 1") == 1
    finally:
        stranger.kill()
        stranger.wait()


def test_a_named_database_starts_no_postgresql(home: Path, join: Callable[..., User]) -> None:
    named = "postgres://somebody@db.example.org/medcrm"
    user = join(DATABASE_URL=named)
    assert user.environment["DATABASE_URL"] == named
    assert "SECRET_KEY" not in user.environment
    assert "INSECURE_HTTP" not in user.environment
    assert running(home, "valkey-server")
    assert not (home / "postgres").exists()


def test_named_broker_and_cache_start_no_valkey(home: Path, join: Callable[..., User]) -> None:
    user = join(CELERY_BROKER_URL="amqp://mq.example.org", CACHE_URL="locmemcache://")
    assert user.environment["CELERY_BROKER_URL"] == "amqp://mq.example.org"
    assert user.environment["CACHE_URL"] == "locmemcache://"
    assert not (home / "valkey").exists()


def test_a_path_too_long_for_a_socket_uses_the_temporary_folder(home: Path, join: Callable[..., User]) -> None:
    deep = home / ("deep" * 25)
    assert ask(join(deep), "SELECT 1") == 1


def test_only_the_owner_may_reach_the_servers(home: Path, join: Callable[..., User]) -> None:
    assert join(fresh=True).environment
    open_to_others = [
        path
        for path in (home / "postgres" / "data", home / "postgres" / "run", home / "secret_key")
        + tuple(home.glob("*/state.json"))
        + tuple(home.glob("valkey/valkey.conf"))
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_a_home_that_cannot_be_a_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "home"
    in_the_way.write_text("")
    answer = manage(in_the_way, "check")
    assert answer.returncode == 1
    assert "cannot be used" in answer.stderr
    assert "MEDCRM_HOME" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_data_of_another_version_is_said_in_a_sentence(home: Path, join: Callable[..., User]) -> None:
    join().end()
    wait_until(lambda: not running(home), "nothing runs")
    (home / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    answer = manage(home, "check")
    assert answer.returncode == 1
    assert "PostgreSQL 17" in answer.stderr
    assert "make reset" in answer.stderr


def test_a_server_that_fails_shows_the_end_of_its_log(home: Path, join: Callable[..., User]) -> None:
    join().end()
    wait_until(lambda: not running(home), "nothing runs")
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    answer = manage(home, "check")
    assert answer.returncode == 1
    assert 'unrecognized configuration parameter "no_such_setting"' in answer.stderr


def test_a_start_is_waited_for_while_the_log_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery after a crash may take minutes, and tells how far it is every ten seconds."""
    monkeypatch.setattr(servers, "START_SECONDS", 2)
    server = Valkey(tmp_path)
    telling = "import time\nfor n in range(6): print('redo in progress', n, flush=True); time.sleep(0.5)\ntime.sleep(9)"
    process = server.spawn([sys.executable, "-S", "-c", telling], {})
    server.wait_until(lambda: "progress 5" in server.log.read_text(), process)  # takes longer than that
    with pytest.raises(CannotStart, match=r"said nothing for 2 s(.|\n)*redo in progress 5"):
        server.wait_until(lambda: False, process)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("server", [Postgres, Valkey])
def test_a_missing_wheel_is_said_in_a_sentence(tmp_path: Path, server: type[Postgres | Valkey]) -> None:
    with pytest.raises(CannotStart, match="make setup"):
        server(tmp_path).wheel("no_such_wheel")


def test_reset_waits_for_nobody_and_drops_only_what_is_ours(home: Path, join: Callable[..., User]) -> None:
    def reset() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "medcrm.embedded"]
        return subprocess.run(command, cwd=BASE_DIR, env=clean_environment(home), capture_output=True, text=True)

    (home / "somebody's notes").touch()
    user = join()
    assert user.environment
    refused = reset()
    assert refused.returncode == 1
    assert "in use" in refused.stderr
    user.end()
    wait_until(lambda: not running(home), "nothing runs")
    assert reset().returncode == 0
    assert [path.name for path in home.iterdir()] == ["somebody's notes"]


@WITH_TABLES
def test_manage_makes_the_tables_of_an_empty_database_once(first_command: FirstCommand) -> None:
    home, first = first_command
    assert (first.returncode, first.stdout.strip()) == (0, "0"), first.stderr
    assert "making the tables" in first.stderr
    second = manage(home, "shell", "--no-imports", "-c", "print('again')")
    assert (second.returncode, second.stdout.strip()) == (0, "again"), second.stderr
    assert "making the tables" not in second.stderr
    wait_until(lambda: not running(home), "nothing runs")


@WITH_TABLES
def test_a_database_behind_the_code_is_said_in_a_sentence(home: Path, first_command: FirstCommand) -> None:
    lay(first_command[0] / "postgres" / "data", home)
    behind = (
        "from django.db import connection\n"
        "connection.cursor().execute('ALTER TABLE leads_source RENAME COLUMN name TO title')\n"
        "from django.db.migrations.recorder import MigrationRecorder\n"
        "MigrationRecorder.Migration.objects.filter(app='leads').exclude(name__contains='squashed').last().delete()"
    )
    assert manage(home, "shell", "--no-imports", "-c", behind).returncode == 0
    told = manage(home, "load_reference")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("The database is behind the code (column")
    assert "Run “manage.py migrate” first." in told.stderr
    assert "Traceback" not in told.stderr


@WITH_TABLES
def test_runserver_and_its_reloaded_child_end_together(home: Path, first_command: FirstCommand) -> None:
    lay(first_command[0] / "postgres" / "data", home)
    port = free_port()
    command = [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        command, cwd=BASE_DIR, env=clean_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def reloaded() -> list[psutil.Process]:
        """By what the reloader tells its child: until it becomes another program, every child looks like its parent."""
        with suppress(psutil.Error):
            return [child for child in psutil.Process(process.pid).children() if child.environ().get("RUN_MAIN")]
        return []

    wait_until(reloaded, "the reloader has started its child")
    (child,) = reloaded()
    process.kill()
    process.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child has ended")
    wait_until(lambda: not running(home), "nothing runs")
