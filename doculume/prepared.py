"""Queries that every request asks, written once.

For a look-up of one row the ORM takes several times longer to write the SQL than the database takes to answer it. What
it wrote is kept here, with the way from a row to objects, and only the values change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)


class Prepared(Generic[Row]):
    """A queryset that `build` makes of its arguments, which must end up in its SQL as they are given.

    `examples` are arguments to build it with once, different from each other and from every other value in it. What
    `build` selects, joins and orders by may not depend on them. Related rows come by `select_related` only.
    """

    def __init__(self, build: Callable[..., models.QuerySet[Row]], *examples: Any) -> None:
        self._build = build
        self._examples = examples

    def first(self, *values: Any) -> Row | None:
        """The first row that there is with these values in the examples' places, or None."""
        row = self._executed(values, 1)
        return self._object(row[0]) if row else None

    def all(self, *values: Any) -> list[Row]:
        return [self._object(row) for row in self._executed(values)]

    def _executed(self, values: Sequence[Any], most: int | None = None) -> list[Any]:
        sql, bound = self._statement
        places = dict(zip(self._examples, values, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(sql, [places.get(each, each) for each in bound])
            return cursor.fetchmany(most) if most else cursor.fetchall()

    @cached_property
    def _compiler(self) -> Any:
        return self._build(*self._examples).query.get_compiler(DEFAULT_DB_ALIAS)

    @cached_property
    def _statement(self) -> tuple[str, Sequence[Any]]:
        sql, bound = self._compiler.as_sql()
        assert all(example in bound for example in self._examples)
        return sql, bound

    @cached_property
    def _shape(self) -> tuple[dict[int, Any], slice, list[str], list[Any]]:
        """The columns that are converted, those of the row itself, their names, and what makes the related objects."""
        select, info = self._compiler.select, self._compiler.klass_info
        converters = self._compiler.get_converters(column[0] for column in select)
        own = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        names = [column[0].target.attname for column in select[own]]
        return converters, own, names, get_related_populators(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]

    def _object(self, row: Sequence[Any]) -> Row:
        converters, own, names, related = self._shape
        values = list(self._converted(row, converters))
        found: Row = self._compiler.klass_info["model"].from_db(DEFAULT_DB_ALIAS, names, values[own])
        for populator in related:
            populator.populate(values, found)
        return found

    @staticmethod
    def _converted(row: Sequence[Any], converters: dict[int, Any]) -> Iterator[Any]:
        for place, value in enumerate(row):
            functions, expression = converters.get(place, ((), None))
            for function in functions:
                value = function(value, expression, connection)
            yield value


def insert(*rows: models.Model) -> None:
    """Store new rows of one model, which have their keys. Like `bulk_create`, without signals; all or none."""
    fields, sql = _insertion(type(rows[0]), len(rows))
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@lru_cache(maxsize=64)
def _insertion(model: type[models.Model], count: int) -> tuple[list[Any], str]:
    fields: list[Any] = list(model._meta.local_concrete_fields)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    # Nothing in it but names of the model's own.
    return fields, f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES {', '.join([row] * count)}"  # noqa: S608
