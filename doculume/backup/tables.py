"""The database as rows of tables, whatever its version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from doculume.backup.archive import Member
from doculume.errors import DoculumeError

PART = 4 * 1024 * 1024
MIGRATIONS = MigrationRecorder.Migration._meta.db_table


class OtherVersion(DoculumeError):
    """The database is not of the version that runs."""

    code = "other_version"
    status_code = 409
    message = "The database is not up to date. Run `manage.py migrate`."


def migrations() -> list[tuple[str, str]]:
    return sorted(MigrationRecorder(connection).applied_migrations())


def require_newest() -> None:
    """Raises OtherVersion unless all migrations of this version are applied."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise OtherVersion


def columns() -> dict[str, list[str]]:
    """Those that can be written, by table; all tables of the models but the record of migrations."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        found = dict(cursor.fetchall())
    ours = set(connection.introspection.django_table_names(only_existing=True)) - {MIGRATIONS}
    return {table: names for table, names in sorted(found.items()) if table in ours}


def sequences(tables: dict[str, list[str]]) -> dict[str, dict[str, int]]:
    """The last value that each table's numbering gave. No snapshot has it, so ask after reading the rows."""
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SEQUENCES)
        for table, column, name in cursor.fetchall():
            cursor.execute("SELECT pg_sequence_last_value(%s::regclass)", [name])
            value = cursor.fetchone()[0]
            if table in tables and value is not None:
                found.setdefault(table, {})[column] = value
    return found


def continue_sequences(values: dict[str, dict[str, int]]) -> None:
    with connection.cursor() as cursor:
        for table, of_columns in values.items():
            for column, value in of_columns.items():
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', column, value])


def parts(table: str, names: list[str]) -> Iterator[bytes]:
    """The table's rows as COPY writes them, a few megabytes at a time, never a row in two."""
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), _identifiers(names))
    part = bytearray()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            part += row
            if len(part) >= PART:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


def put(table: str, names: list[str], part: Member) -> int:
    """Add what `parts` gave to the table; how many rows that was."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _identifiers(names))
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for piece in part.pieces():
                copy.write(piece)
        return cursor.rowcount


def drop_all() -> None:
    """Every table of the apps, which begin with their names, also those of models of the past. Others stay."""
    ours = ("django_", *(f"{app.label}_" for app in apps.get_app_configs()))
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for table in [name for (name,) in cursor.fetchall() if name.startswith(ours)]:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(table)))


def migrate_to(wanted: list[tuple[str, str]]) -> None:
    """Make the tables as those migrations leave them, in a database that has none. Raises OtherVersion."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    if unknown := [f"{app}.{name}" for app, name in wanted if (app, name) not in executor.loader.disk_migrations]:
        raise OtherVersion(f"The backup is of a version that this one does not know: it has {', '.join(unknown[:5])}.")
    known = {key for key in wanted if key in graph.nodes}
    executor.migrate(
        [
            key
            for key in sorted(known)
            if not any(child.key in known and child.key[0] == key[0] for child in graph.node_map[key].children)
        ]
    )


@contextmanager
def bare() -> Iterator[None]:
    """Empty tables without indexes and references within the block, which rows fill many times faster; both are put
    back at its end, which checks that the rows fit together. Within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_REFERENCES)
        references = cursor.fetchall()
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        if tables := [sql.Identifier(table) for table in columns()]:
            cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables)))
        for table, name, _ in references:
            cursor.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
            )
        for name, _ in indexes:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        yield
        for _, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in references:
            cursor.execute(
                sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                    sql.Identifier(table), sql.Identifier(name), sql.SQL(definition)
                )
            )


def _identifiers(names: list[str]) -> Any:
    return sql.SQL(", ").join(map(sql.Identifier, names))


_COLUMNS = """
    SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_generated = 'NEVER' GROUP BY table_name
"""
_SEQUENCES = """
    SELECT owner.relname, attribute.attname, quote_ident(sequence.relname) FROM pg_class AS sequence
    JOIN pg_depend AS ownership ON ownership.objid = sequence.oid AND ownership.deptype IN ('a', 'i')
        AND ownership.classid = 'pg_class'::regclass AND ownership.refclassid = 'pg_class'::regclass
    JOIN pg_class AS owner ON owner.oid = ownership.refobjid
    JOIN pg_attribute AS attribute ON attribute.attrelid = owner.oid AND attribute.attnum = ownership.refobjsubid
    WHERE sequence.relkind = 'S' AND sequence.relnamespace = current_schema()::regnamespace
"""
_REFERENCES = """
    SELECT relation.relname, conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint
    JOIN pg_class AS relation ON relation.oid = conrelid
    WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY 1, 2
"""
# Those that no constraint stands on.
_INDEXES = """
    SELECT relation.relname, pg_get_indexdef(indexrelid) FROM pg_index
    JOIN pg_class AS relation ON relation.oid = indexrelid
    WHERE relation.relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
      AND NOT indisprimary ORDER BY 1
"""
# Not those of extensions.
_TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""
