"""An import whose process is killed three times ends as one that ran through: the small brother of bench_import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consent.models import Disclosure
from leads.models import ImportRun, Inquiry
from medcrm.embedded import BASE_DIR
from tests.leads import import_rows
from tests.leads.test_importing import codes
from tests.processes import database_url, wait_until

COUNT = 9000
KILLED_AFTER = (1, 2001, 5000)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_killing_the_import_three_times_changes_nothing(transactional_organisation, tmp_path: Path) -> None:
    file = import_rows.write(tmp_path / "rows.csv", COUNT)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "PRIVATE_FILES": str(tmp_path / "private"),
    }
    command = [sys.executable, "manage.py", "import_file", "leads", str(file), "--set", "source=web_consult"]
    command += ["--set", f"consent_text={Disclosure.objects.first()}"]

    def started() -> subprocess.Popen:
        run = ImportRun.objects.first()
        more = ["--run", str(run.pk)] if run else []
        return subprocess.Popen([*command, *more], cwd=BASE_DIR, env=environment, stdout=subprocess.DEVNULL)

    for rows in KILLED_AFTER:
        process = started()
        wait_until(lambda rows=rows: ImportRun.objects.filter(row__gte=rows).exists(), f"{rows} rows are in")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert ImportRun.objects.get().row < COUNT, "it was killed before its work was done"
    assert started().wait() == 0
    run = ImportRun.objects.get()
    assert codes(run) == import_rows.planted(COUNT)
    assert run.counts["written"] == COUNT
    assert Inquiry.objects.count() == COUNT - len(import_rows.planted(COUNT))
    assert run.counts["created"] + run.counts["repeated"] == Inquiry.objects.count()
