"""Statements that are prepared once for each connection, and what may happen to them there."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from doculume.postgresql import statements
from doculume.postgresql.statements import MOST_KEPT, Statement

pytestmark = pytest.mark.django_db(transaction=True)
SUM = Statement("SELECT %s::int + %s::int, '50%%'")


def run(statement: Statement, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        statement.execute(cursor, values)
        return cursor.fetchall()


def kept() -> list[str]:
    """What the server says it keeps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY prepare_time")
        return [name for (name,) in cursor.fetchall()]


def tell(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(autouse=True)
def _new_connections():
    connection.close()
    connection.close_pool()
    connection.ensure_connection()
    if not statements._keeps(connection.connection):
        pytest.skip("DATABASE_URL is that of a pooler")
    yield
    tell("DROP TABLE IF EXISTS kept_example")
    connection.close()
    connection.close_pool()


def test_it_is_prepared_once_and_run_by_its_name(django_assert_num_queries):
    with django_assert_num_queries(2) as asked:
        assert run(SUM, 1, 2) == [(3, "50%")]
        assert run(SUM, 3, None) == [(None, "50%")]
    assert all(query["sql"].startswith("EXECUTE") for query in asked.captured_queries)
    assert len(kept()) == 1


def test_one_without_values():
    assert run(Statement("SELECT 'all'")) == [("all",)]


def test_the_same_text_has_the_same_name_and_another_text_another():
    assert Statement("SELECT 1").text() == Statement("SELECT 1").text() != Statement("SELECT 2").text()


def test_each_connection_has_its_own():
    assert run(SUM, 1, 2) == [(3, "50%")]
    found: list[Any] = []

    def elsewhere() -> None:
        try:
            found.append(run(SUM, 2, 2))
        finally:
            connection.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [[(4, "50%")]]


def test_a_connection_keeps_those_that_were_used_last():
    first, second, *others = [Statement(f"SELECT {number}") for number in range(MOST_KEPT + 1)]
    for statement in (first, second, *others[:-1]):
        run(statement)
    assert run(first) == [(0,)]
    assert run(others[-1]) == [(MOST_KEPT,)]
    names = kept()
    assert len(names) == MOST_KEPT
    assert first._name in names
    assert second._name not in names
    assert run(second) == [(1,)]


def test_what_the_server_forgot_is_asked_as_it_is_written():
    run(SUM, 1, 2)
    tell("DEALLOCATE ALL")
    assert run(SUM, 2, 3) == [(5, "50%")]
    assert run(SUM, 2, 4) == [(6, "50%")]
    assert kept() == []


def test_a_table_that_changed_is_asked_as_it_is_now():
    tell("CREATE TABLE kept_example AS SELECT 1 AS number")
    every = Statement("SELECT number FROM kept_example")
    assert run(every) == [(1,)]
    tell("ALTER TABLE kept_example ALTER number TYPE text USING number::text")
    assert run(every) == [("1",)]


def test_in_a_transaction_it_fails_once_and_holds_again_afterwards():
    run(SUM, 1, 2)
    tell("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():
        run(SUM, 1, 2)
    with transaction.atomic():
        assert run(SUM, 1, 2) == [(3, "50%")]


def test_other_errors_are_told_and_forget_nothing():
    with pytest.raises(ProgrammingError):
        run(Statement("SELECT FROM nowhere"))
    quotient = Statement("SELECT 1 / %s::int")
    assert run(quotient, 1) == [(1,)]
    with pytest.raises(Exception, match="division by zero"):
        run(quotient, 0)
    assert run(quotient, 1) == [(1,)]
    assert len(kept()) == 1


def test_behind_a_pooler_nothing_is_prepared(monkeypatch):
    """What a pooler tells of the server's process is not so."""
    connection.ensure_connection()
    monkeypatch.setattr(statements, "_keeps", lambda raw: raw.info.backend_pid == -1)
    assert run(SUM, 1, 2) == [(3, "50%")]
    assert kept() == []


def test_it_can_be_switched_off(settings):
    settings.DATABASE_PREPARED_STATEMENTS = False
    assert run(SUM, 1, 2) == [(3, "50%")]
    assert kept() == []
