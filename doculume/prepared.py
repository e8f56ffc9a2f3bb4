"""Queries that every request asks, written once.

For a look-up of one row the ORM takes several times longer to write the SQL than the database takes to answer it. What
it wrote is kept here, with the way from a row to objects, and only the values change. The database keeps its part too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

from doculume.postgresql.statements import Statement

Row = TypeVar("Row", bound=models.Model)
Other = TypeVar("Other", bound=models.Model)


class Prepared(Generic[Row]):
    """A queryset that `build` makes of its arguments, which must end up in its SQL as they are given.

    `examples` are arguments to build it with once, different from each other and from every other value in it. What
    `build` selects, joins and orders by may not depend on them. Related rows come by `select_related` only, and what is
    annotated is set on the row.
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

    def first_beside(
        self, other: Prepared[Other], values: Sequence[Any], others: Sequence[Any]
    ) -> tuple[Row | None, Other | None]:
        """The first row of either, with values of its own, in one statement."""
        with connection.cursor() as cursor:
            _beside(self, other).execute(cursor, [*self._bound(values), *other._bound(others)])
            row = cursor.fetchone()
        own = len(self._compiler.select)
        return self._object_if(row[:own]), other._object_if(row[own:])

    def _executed(self, values: Sequence[Any], most: int | None = None) -> list[Any]:
        with connection.cursor() as cursor:
            self._statement.execute(cursor, self._bound(values))
            return cursor.fetchmany(most) if most else cursor.fetchall()

    def _bound(self, values: Sequence[Any]) -> list[Any]:
        places = dict(zip(self._examples, values, strict=True))
        return [places.get(each, each) for each in self._sql[1]]

    @cached_property
    def _compiler(self) -> Any:
        return self._build(*self._examples).query.get_compiler(DEFAULT_DB_ALIAS)

    @cached_property
    def _sql(self) -> tuple[str, Sequence[Any]]:
        sql, bound = self._compiler.as_sql()
        assert all(example in bound for example in self._examples)
        return sql, bound

    @cached_property
    def _statement(self) -> Statement:
        return Statement(self._sql[0])

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
        for name, place in self._compiler.annotation_col_map.items():
            setattr(found, name, values[place])
        return found

    def _object_if(self, row: Sequence[Any]) -> Row | None:
        """None for a row of nothing, as an outer join makes it."""
        return self._object(row) if any(value is not None for value in row) else None

    @staticmethod
    def _converted(row: Sequence[Any], converters: dict[int, Any]) -> Iterator[Any]:
        for place, value in enumerate(row):
            functions, expression = converters.get(place, ((), None))
            for function in functions:
                value = function(value, expression, connection)
            yield value


@lru_cache(maxsize=64)
def _beside(first: Prepared[Any], second: Prepared[Any]) -> Statement:
    rows = " ".join(
        f"LEFT JOIN ({one._sql[0]} LIMIT 1) AS {name} ON TRUE" for one, name in ((first, "a"), (second, "b"))
    )
    return Statement(f"SELECT a.*, b.* FROM (SELECT) AS once {rows}")  # noqa: S608


def insert_if(condition: str, bound: Mapping[str, Any], *rows: models.Model) -> bool:
    """Store new rows, of any models, if `condition` returns a row: all in one statement. Whether it did.

    `condition`: a statement with what is `bound` in it by name, which may itself change something. Without signals.
    """
    fields, sql = _insertion(condition, tuple(type(row) for row in rows))
    values = {
        name: field.get_db_prep_save(field.pre_save(row, True), connection)
        for row, own in zip(rows, fields, strict=True)
        for name, field in own.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, {**bound, **values})
        if not cursor.rowcount:
            return False
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return True


@lru_cache(maxsize=64)
def _insertion(condition: str, kinds: tuple[type[models.Model], ...]) -> tuple[list[dict[str, Any]], str]:
    """For each row the fields by the names that their values are bound to, and the statement."""
    quote = connection.ops.quote_name
    named, parts = [], [f"condition AS ({condition})"]
    for place, kind in enumerate(kinds):
        fields = {f"row{place}_{field.column}": field for field in kind._meta.local_concrete_fields}
        columns = ", ".join(quote(str(field.column)) for field in fields.values())
        given = ", ".join(f"%({name})s" for name in fields)
        # Nothing in it but names of the models' own.
        into = f"INSERT INTO {quote(kind._meta.db_table)} ({columns}) SELECT {given} FROM condition"  # noqa: S608
        parts.append(f"row{place} AS ({into})")
        named.append(fields)
    return named, f"WITH {', '.join(parts)} SELECT FROM condition"
