from __future__ import annotations

from django.core.management import call_command
from django.db import connection

MIGRATION_LOCK = 0x646F63756C756D65  # "doculume"


def migrate_one_at_a_time() -> None:
    """Bring the database up to date; a second process that is about to do so waits, and finds it done."""
    with connection.cursor() as cursor:
        # An index on a large table may take its time.
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
            cursor.execute("RESET statement_timeout")
    close_connections()


def close_connections() -> None:
    """Give up the pool with its threads: a process that is about to fork should have none."""
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()  # type: ignore[attr-defined]
