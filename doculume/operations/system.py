"""How the deployment is: what it runs on, what waits, and what is wrong. Each look is bounded in time and tells of a
fault instead of raising it, so that the page that shows them stands while something else is down."""

from __future__ import annotations

import platform
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import celery
import django
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from accounts.models import OutgoingMail
from doculume import heartbeats
from knowledge.models import IngestionJob, Reindexing
from llm_settings.models import EmbeddingModel
from llm_settings.providers import local

QUEUES = ["ingestion", "mail", "maintenance"]
STATEMENT_MS = 1000
LATE = timedelta(minutes=5)
NEARLY_FULL = 0.9


@dataclass(slots=True)
class Part:
    """One line of the page. `trouble` is empty where all is well; `milliseconds` is how long looking took."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""
    milliseconds: float = 0.0

    @property
    def is_well(self) -> bool:
        return not self.trouble


def look(name: str, facts: Callable[[Part], dict[str, Any]]) -> Part:
    """What `facts` tells. A fault is named by its kind: its text may hold addresses with passwords in them."""
    part, started = Part(name), time.monotonic()
    try:
        part.facts = facts(part)
    except Exception as error:
        part.trouble = f"Not to be reached ({type(error).__name__})."
    part.milliseconds = (time.monotonic() - started) * 1000
    return part


def everything() -> list[Part]:
    return [
        look("Database", database),
        look("Redis", redis_server),
        look("Queues", queues),
        look("Work that waits", work),
        look("Mail", mail),
        look("Files", files),
        look("Models", models),
        look("Versions", versions),
    ]


@contextmanager
def _briefly() -> Iterator[Any]:
    """A cursor whose statements end after a second."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        yield cursor


def database(part: Part) -> dict[str, Any]:
    with _briefly() as cursor:
        started = time.monotonic()
        cursor.execute("SELECT current_setting('server_version')")
        (version,) = cursor.fetchone()
        latency = (time.monotonic() - started) * 1000
        cursor.execute("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname")
        extensions = dict(cursor.fetchall())
        cursor.execute("SELECT pg_database_size(current_database()), count(*) FROM pg_stat_activity")
        size, sessions = cursor.fetchone()
    return {
        "Server": "embedded" if settings.EMBEDDED_DATABASE else _place(settings.DATABASES["default"]),
        "PostgreSQL": version,
        "pgvector": extensions.pop("vector", "missing"),
        "Other extensions": ", ".join(f"{name} {number}" for name, number in extensions.items()) or "none",
        "Answers in": f"{latency:.1f} ms",
        "Size": filesizeformat(size),
        "Sessions": sessions,
    }


def _place(database: Any) -> str:
    """Without user and password."""
    return f"{database.get('HOST') or 'local socket'}:{database.get('PORT') or 5432}/{database.get('NAME')}"


def redis_server(part: Part) -> dict[str, Any]:
    with heartbeats.client() as client:
        started = time.monotonic()
        client.ping()
        latency = (time.monotonic() - started) * 1000
        told: Any = client.info()
    address = urlsplit(settings.REDIS_URL)
    known = "Valkey" if "valkey_version" in told else "Redis"
    return {
        "Server": "embedded"
        if settings.EMBEDDED_REDIS
        else f"{address.hostname or 'local socket'}:{address.port or 6379}",
        known: told.get("valkey_version") or told.get("redis_version"),
        "Answers in": f"{latency:.1f} ms",
        "Memory": told.get("used_memory_human"),
        "Clients": told.get("connected_clients"),
    }


def queues(part: Part) -> dict[str, Any]:
    return {queue: f"{length:,} waiting" for queue, length in heartbeats.lengths(QUEUES).items()}


def work(part: Part) -> dict[str, Any]:
    """Rows, which are the real queue; messages are hints at them."""
    now = timezone.now()
    with _briefly():
        unfinished = IngestionJob.objects.filter(status__in=["waiting", "running"])
        jobs = unfinished.aggregate(
            waiting=Count("pk", Q(status="waiting")),
            running=Count("pk", Q(status="running")),
            oldest=Min("next_attempt_at", filter=Q(status="waiting", next_attempt_at__lte=now)),
        )
        moves = Reindexing.objects.unfinished().count()
        failed = IngestionJob.objects.filter(status="failed", finished_at__gte=now - timedelta(days=1))[:1000].count()
    late = now - jobs["oldest"] if jobs["oldest"] else timedelta()
    if late > LATE:
        part.trouble = "A job that is due has waited for more than five minutes. Look whether workers live."
    return {
        "Jobs waiting": f"{jobs['waiting']:,}",
        "Jobs running": f"{jobs['running']:,}",
        "Oldest that is due": f"waits for {int(late.total_seconds()):,} s" if jobs["oldest"] else "none",
        "Failed in a day": f"{failed:,}",
        "Moves between models": moves,
    }


def mail(part: Part) -> dict[str, Any]:
    with _briefly():
        counts = OutgoingMail.objects.aggregate(
            waiting=Count("pk", Q(failed_at=None)),
            failed=Count("pk", Q(failed_at__isnull=False)),
            oldest=Min("created_at", filter=Q(failed_at=None)),
        )
    if counts["failed"]:
        part.trouble = "Mail was given up. Outgoing mail tells why, and tries again."
    return {
        "By": settings.EMAIL_HOST or "files on this machine",
        "Waiting": f"{counts['waiting']:,}",
        "Oldest": f"{counts['oldest']:%Y-%m-%d %H:%M} UTC" if counts["oldest"] else "none",
        "Given up": f"{counts['failed']:,}",
    }


def files(part: Part) -> dict[str, Any]:
    storage = storages["default"]
    facts: dict[str, Any] = {"Kept by": type(storage).__name__}
    places = {"Media": settings.MEDIA_ROOT} if isinstance(storage, FileSystemStorage) else {}
    for name, folder in (places | {"Own data": settings.VAR}).items():
        usage = shutil.disk_usage(folder if Path(folder).exists() else settings.BASE_DIR)
        facts[name] = f"{filesizeformat(usage.free)} free of {filesizeformat(usage.total)}"
        if usage.used > NEARLY_FULL * usage.total:
            part.trouble = "The disk is nearly full."
    return facts


def models(part: Part) -> dict[str, Any]:
    with _briefly():
        active = EmbeddingModel.objects.filter(status=EmbeddingModel.Status.ACTIVE).order_by("-created_at").first()
    loaded = sorted(folder.name for folder, _ in local._loaded)
    return {
        "Embeds": str(active) if active else "none yet",
        "Loaded in this process": ", ".join(loaded) or "none",
        "Answers": settings.CHAT["model"] or ("an endpoint" if settings.CHAT["provider"] else "the extractive model"),
        "Reorders": settings.RERANK["model"] or "nothing",
    }


def versions(part: Part) -> dict[str, Any]:
    return {
        "DocuLume": product_version(),
        "Django": django.get_version(),
        "Celery": celery.__version__,
        "Python": platform.python_version(),
        "System": f"{platform.system()} {platform.release()}",
    }


@lru_cache(maxsize=1)
def product_version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
