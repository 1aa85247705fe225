"""Workers, broker and database are killed while thousands of steps go out and hundreds of people revoke."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from medcrm import embedded
from medcrm.processes import BASE_DIR, Processes
from medcrm.servers import Postgres, Server, Valkey
from tests import servers

PATIENCE_SECONDS = 1800
LOOK_EVERY_SECONDS = 0.2


@dataclass
class Household:
    """A PostgreSQL, a broker and workers of the test's own, so that killing them hurts nobody else."""

    folder: Path
    processes: Processes
    database: Postgres
    broker: Valkey
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    kills_at: list[int] = field(default_factory=list)  # how many mails the provider had taken at each kill

    @property
    def book(self) -> Path:
        return self.folder / "provider.jsonl"

    @property
    def handed_over(self) -> int:
        return self.book.read_bytes().count(b"\n") if self.book.exists() else 0

    def start(self, server: Server) -> None:
        self.running[server.name] = server.start()

    def kill(self, server: Server) -> None:
        """Kill a server without warning and start it again where it was."""
        self.running[server.name].send_signal(signal.SIGKILL)
        self.running[server.name].wait()
        self.killed[server.name] += 1
        self.start(server)

    def kill_worker(self, name: str) -> None:
        self.processes.kill(name)
        self.killed["worker"] += 1
        self.processes.start_worker(name, concurrency=1)

    def run(self, *command: str) -> None:
        subprocess.run(self.command(*command), cwd=BASE_DIR, env=self.processes.environment, check=True)

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.nurture.chaos", *arguments]

    def ask(self, query: str) -> list[tuple]:
        with psycopg.connect(self.database.url) as session:
            return session.execute(query).fetchall()


@pytest.fixture
def household(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Household]:
    monkeypatch.delenv("MEDCRM_THROWAWAY", raising=False)  # what was committed must survive the kill here
    database, broker = Postgres(tmp_path / "postgres"), Valkey(tmp_path / "valkey")
    for server in (database, broker):
        server.folder.mkdir(mode=0o700)
    with Processes(tmp_path / "log") as processes:
        home = Household(tmp_path, processes, database, broker)
        try:
            home.start(database)
            home.start(broker)
            processes.environment |= {
                "DATABASE_URL": database.url,
                "CELERY_BROKER_URL": f"{broker.url}/0",
                "CACHE_URL": f"{broker.url}/1",
                "NURTURE_EMAIL_CHANNEL": "tests.nurture.chaos.Provider",
                "CHAOS_BOOK": str(home.book),
            }
            copy_tables(home)
            yield home
        finally:
            processes.stop_all()
            for server in (broker, database):
                server.stop(home.running[server.name])


def copy_tables(home: Household) -> None:
    """The tables as the other tests have them; migrating once more would take longer than the chaos."""
    if servers.template() is None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=BASE_DIR, env=home.processes.environment, check=True)
        return
    tools, ours = home.database.binaries(), Postgres(embedded.home() / "postgres")
    dump = [tools / "pg_dump", "--dbname", ours.url.replace("/medcrm?", f"/{servers.TEMPLATE}?")]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as tables:
        fill = [tools / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", os.devnull, "--dbname"]
        subprocess.run([*fill, home.database.url], stdin=tables.stdout, check=True)


WAITING = """
SELECT count(*) FROM nurture_enrollment
WHERE state = 'active' AND (claimed_at IS NULL OR claimed_at > now() - interval '30 seconds')
UNION ALL
SELECT count(*) FROM nurture_message WHERE state = 'reserved' AND reserved_at > now() - interval '30 seconds'
"""
LOST = """
SELECT e.id FROM nurture_enrollment e
WHERE e.state = 'active' OR NOT (
  e.exit_code <> ''
  OR EXISTS (SELECT 1 FROM nurture_skip s WHERE s.enrollment_id = e.id)
  OR EXISTS (SELECT 1 FROM nurture_message m WHERE m.enrollment_id = e.id AND m.state <> 'reserved'))
"""
LEFT = "SELECT exit_code, count(*) FROM nurture_enrollment WHERE exit_code <> '' GROUP BY 1"
TOLD = "SELECT m.attempt_id, m.state, a.state FROM nurture_message m JOIN consent_attempt a ON a.id = m.attempt_id"
MAILBOXES = "SELECT id, value FROM consent_address"


def rage(home: Household, workers: list[str], *, steps: int, kills: int, seed: int) -> None:
    """Kill a worker, the broker or the database at moments spread over the whole work, however fast it goes."""
    chance = random.Random(seed)
    deadline = monotonic() + PATIENCE_SECONDS
    first = [workers[0], home.database, home.broker]
    victims = [*first, *chance.choices([*workers, *workers, home.database, home.broker], k=kills)][:kills]
    turns = iter(sorted(chance.sample(range(1, steps * 4 // 5), k=kills)))
    turn = next(turns, None)
    while left(home):
        assert monotonic() < deadline, f"{left(home)} steps are still due"
        home.processes.check()
        if turn is None or home.handed_over < turn:
            sleep(LOOK_EVERY_SECONDS)
            continue
        home.kills_at.append(home.handed_over)
        turn, victim = next(turns, None), victims.pop(0)
        if isinstance(victim, Server):
            home.kill(victim)
        else:
            home.kill_worker(victim)


def left(home: Household) -> int:
    """How much is not done yet by workers that live; what a dead one holds comes free only with time."""
    return sum(row[0] for row in home.ask(WAITING))


def wreak(home: Household, *, steps: int, revocations: int, workers: int, kills: int, seed: int) -> None:
    names = [f"worker{number}" for number in range(workers)]
    home.run("prepare", str(steps))
    for name in names:
        home.processes.start_worker(name, concurrency=1)
    home.processes.start_beat()
    for name in names:
        home.processes.wait_for_log(name, "ready.")
    said = home.folder / "revoked.jsonl"
    people = subprocess.Popen(
        home.command("revoke", str(revocations), str(steps), str(said)), cwd=BASE_DIR, env=home.processes.environment
    )
    try:
        rage(home, names, steps=steps, kills=kills, seed=seed)
        assert people.wait(PATIENCE_SECONDS) == 0
    finally:
        people.kill()
    home.processes.stop_all()
    home.run("finish")
    assert home.killed, "nobody was killed while there was work"
    print(f"mails taken at each kill: {home.kills_at}; killed: {dict(home.killed)}")  # noqa: T201 - the figure
    states = home.ask("SELECT state, count(*) FROM nurture_message GROUP BY state")
    print(f"messages: {dict(states)}; left early: {home.ask(LEFT)}")  # noqa: T201 - the figure
    judge(home, [json.loads(line) for line in said.read_text().splitlines()], revocations)


def judge(home: Household, withdrawals: list[dict], revocations: int) -> None:
    """What the provider's own book says against what the database says."""
    handed = [json.loads(line) for line in home.book.read_text().splitlines()]
    mailboxes = Counter(line["to"] for line in handed)
    assert [to for to, times in mailboxes.items() if times > 1] == [], "sent twice"
    values = dict(home.ask(MAILBOXES))
    attempts = {line["to"]: line["attempt"] for line in handed}
    late = [row for row in withdrawals if (sent := attempts.get(values[row["address"]])) and sent not in row["before"]]
    assert late == [], "sent after its revocation was committed"
    assert len(withdrawals) == revocations
    assert home.ask(LOST) == [], "lost without a stored state"
    told = {attempt: (message, state) for attempt, message, state in home.ask(TOLD)}
    assert {told[line["attempt"]][0] for line in handed} <= {"sent", "delivered", "unknown"}
    unsent = told.keys() - {line["attempt"] for line in handed}
    assert {told[attempt][0] for attempt in unsent} <= {"cancelled", "unknown", "failed"}


@pytest.mark.long
@pytest.mark.processes
def test_no_step_is_lost_or_sent_twice_while_workers_broker_and_database_die(household: Household) -> None:
    wreak(household, steps=300, revocations=40, workers=2, kills=4, seed=1)


@pytest.mark.long
@pytest.mark.processes
def test_five_thousand_steps_survive_four_workers_broker_and_database_dying(household: Household) -> None:
    wreak(household, steps=5000, revocations=500, workers=4, kills=40, seed=2)
    assert household.killed[household.database.name] and household.killed[household.broker.name]
