"""Who should look at the due rows sooner than the next beat tick?

A bell carries no data: the due row in the database is the truth, so a lost or doubled ring does no harm.
"""

from __future__ import annotations

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

ADVANCE = "medcrm.tasks.advance_due"


def ring(task: str = ADVANCE) -> None:
    """Send the named task once the current transaction commits; a broker that is away is logged, not raised."""
    transaction.on_commit(lambda: _send(task), robust=True)


def _send(task: str) -> None:
    try:
        current_app.send_task(task, ignore_result=True, retry=False)
    except OperationalError as error:
        log.warning("bell_not_heard", task=task, error=str(error))
