from __future__ import annotations

import time

from django.core.management import call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper

MIGRATION_LOCK = 0x646F63756C756D65  # "doculume"
LOOK_EVERY_SECONDS = 0.2


def migrate_one_at_a_time() -> None:
    """Bring the database up to date; a second process that is about to do so waits, and finds it done."""
    with connection.cursor() as cursor:
        # An index on a large table may take its time.
        cursor.execute("SET statement_timeout = 0")
        _lock(cursor)
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
            cursor.execute("RESET statement_timeout")
    close_connections()


def _lock(cursor: CursorWrapper) -> None:
    """Not by one statement that waits: an index that is built concurrently waits for all statements that were there
    before it, and the two would wait for each other."""
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        if cursor.fetchone()[0]:
            return
        time.sleep(LOOK_EVERY_SECONDS)


def close_connections() -> None:
    """Give up the pool with its threads: a process that is about to fork should have none."""
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()  # type: ignore[attr-defined]
