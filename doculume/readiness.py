"""What must work before this process can take an upload and answer a question."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

log = logging.getLogger(__name__)


def failures() -> dict[str, str]:
    """`{part: what is wrong with it}`, empty when ready. The details of a fault go to the log, not to the caller."""
    parts: dict[str, Callable[[], None]] = {
        "database": _database,
        "redis": _redis,
        "files": _files,
        "embeddings": _embeddings,
    }
    missing = {}
    for part, check in parts.items():
        try:
            check()
        except Exception as error:
            log.warning("not ready: %s: %s", part, error)
            missing[part] = type(error).__name__
    return missing


_migrated = False


def _database() -> None:
    """Reachable, and migrated; the latter is asked once, since it does not undo itself."""
    global _migrated
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise RuntimeError("migrations are missing")
        _migrated = True


def _redis() -> None:
    cache.set("readyz", os.getpid(), 10)


def _files() -> None:
    if isinstance(default_storage._wrapped, FileSystemStorage):  # type: ignore[attr-defined]
        settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.MEDIA_ROOT, os.W_OK):
            raise PermissionError("the media folder cannot be written")


def _embeddings() -> None:
    from llm_settings.models import EmbeddingModel
    from llm_settings.providers import get_embedder

    get_embedder(EmbeddingModel.objects.active())
