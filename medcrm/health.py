"""Is this process alive, can it do its work, and how is it doing? For probes and Prometheus, not for people."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator

import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError

from consent.models import Verification
from medcrm import queues

log = structlog.get_logger(__name__)
LOOPBACK = ("127.0.0.1", "::1")

REQUESTS = Histogram("medcrm_request_seconds", "Time per request", ["method", "route", "status"])


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Restart it when it does not; nothing else is asked here."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers: 200 with the age of each queue, else 503. Cache and broker may be away for a while."""
    try:
        found = queues.backlogs(at=timezone.now())
    except DatabaseError as error:
        log.error("database_away", error=type(error).__name__)
        return JsonResponse({"status": "unavailable", "database": "away"}, status=503)
    late = [backlog.queue.name for backlog in found if backlog.is_late]
    body = {
        "status": "late" if late else "ok",
        "database": "ok",
        "cache": "ok" if _cache_answers() else "away",
        "broker": "ok" if _broker_answers() else "away",
        "late": late,
        "queues": {b.queue.name: {"due": b.count, "age_seconds": round(b.age_seconds, 1)} for b in found},
    }
    return JsonResponse(body)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything for Prometheus: to who has METRICS_TOKEN or, without one, to a direct caller on the loopback."""
    if not _may_measure(request):
        return HttpResponse(status=403)
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    counted = CollectorRegistry()
    counted.register(Rows())
    return HttpResponse(generate_latest(registry) + generate_latest(counted), content_type=CONTENT_TYPE_LATEST)


class Rows:
    """What the database says: true for all processes together, whichever is asked."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        due = GaugeMetricFamily("medcrm_queue_due", "Rows due now, counted up to 10,000", labels=["queue"])
        age = GaugeMetricFamily("medcrm_queue_age_seconds", "How long the oldest due row has waited", labels=["queue"])
        for backlog in queues.backlogs(at=timezone.now()):
            due.add_metric([backlog.queue.name], backlog.count)
            age.add_metric([backlog.queue.name], backlog.age_seconds)
        yield due
        yield age
        last = Verification.objects.order_by("-pk").first()
        yield GaugeMetricFamily(
            "medcrm_ledger_breaks", "Broken links the last verification found", value=last.breaks_count if last else 0
        )
        yield GaugeMetricFamily("medcrm_connections", "Sessions on the database", value=_sessions())


def _may_measure(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # A proxy on this host makes everybody look local, so whoever comes through one needs the token.
    is_forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip"))
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not is_forwarded


def _sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def _cache_answers() -> bool:
    try:
        cache.get("health")
    except (RedisError, OSError):
        return False
    return True


def _broker_answers() -> bool:
    try:
        with current_app.connection_for_write(connect_timeout=2) as session:
            session.ensure_connection(max_retries=0, timeout=2)
    except (OperationalError, OSError):
        return False
    return True
