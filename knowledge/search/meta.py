"""Filters on an entry's own fields, as SQL: every name and every value is bound, none is part of a statement's text.

Equality and presence are jsonpath predicates, which the GIN index of `knowledge_entry` answers; lax mode reaches into
arrays by itself. A name with dots means a key of that name as well as a path of keys.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

from doculume.errors import DoculumeError

Scalar = str | int | float | bool
Operator = Literal["eq", "or", "and", "not", "gt", "gte", "lt", "lte", "exists"]
RANGES: dict[str, str] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
COLUMNS = ("meta", "searchable_meta")

# JSON's own grammar of numbers, so that `007` and `1_000` stay text; exponents as far as a double goes.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,60})(?:\.\d{1,60})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[-+]\d\d(?::?\d\d)?)?)?", re.ASCII)

Bound = tuple[str, list[Any]]
"""A piece of SQL, and what is bound in it."""
NOTHING: Bound = ("FALSE", [])


class UnusableRange(DoculumeError):
    code: ClassVar[str] = "invalid_request"
    status_code: ClassVar[int] = 422
    message = "A range needs a number or an ISO 8601 date."


@dataclass(frozen=True, slots=True)
class MetaFilter:
    """What a field of `meta` or `searchable_meta` must be.

    `eq`, `or`: one of `values`, or an array that holds one; `and`: all of them; `not`: none of them, entries without
    the field included; `gt` … `lte`: a number, or an ISO 8601 date or date-time, against the same in the entry (a date
    is its midnight, a time without offset is UTC); `exists`: whether there is one that is not null.
    Strings, numbers and booleans are alike: "10" matches 10 and "10", "true" matches true.
    """

    field: str
    operator: Operator
    values: tuple[Scalar, ...]


def conditions(filters: Iterable[MetaFilter]) -> Bound:
    """All of the filters, on a table `entry`. Raises UnusableRange."""
    parts = [_condition(one) for one in filters]
    return " AND ".join(sql for sql, _ in parts) or "TRUE", [value for _, bound in parts for value in bound]


def _condition(wanted: MetaFilter) -> Bound:
    field, values = wanted.field, wanted.values
    if wanted.operator in RANGES:
        return _all([_in_range(field, RANGES[wanted.operator], value) for value in values])
    if wanted.operator == "exists":
        sql, bound = _exists(field)
        return (sql, bound) if _is_true(values) else (f"({sql}) IS NOT TRUE", bound)
    if wanted.operator == "and":
        return _all([_equals(field, [value]) for value in values])
    sql, bound = _equals(field, values)
    return (f"({sql}) IS NOT TRUE", bound) if wanted.operator == "not" else (sql, bound)


def _any(parts: Sequence[Bound]) -> Bound:
    return "(" + " OR ".join(sql for sql, _ in parts) + ")", [value for _, bound in parts for value in bound]


def _all(parts: Sequence[Bound]) -> Bound:
    return "(" + " AND ".join(sql for sql, _ in parts) + ")", [value for _, bound in parts for value in bound]


def _is_true(values: Sequence[Scalar]) -> bool:
    return not values or str(values[0]).casefold() not in ("false", "0", "")


def _equals(field: str, values: Sequence[Scalar]) -> Bound:
    """Whether the field is, or holds, one of the values."""
    tests = [f"{path} == {form}" for path in _json_paths(field) for value in values for form in _forms(value)]
    if not tests:
        return NOTHING
    return _either("entry.{column} @@ %s::jsonpath", [" || ".join(tests)])


def _exists(field: str) -> Bound:
    tests = [f"exists({path} ? (@ != null))" for path in _json_paths(field)]
    return _either("entry.{column} @@ %s::jsonpath", [" || ".join(tests)]) if tests else NOTHING


def _either(template: str, bound: list[Any]) -> Bound:
    return "(" + " OR ".join(template.format(column=column) for column in COLUMNS) + ")", bound * len(COLUMNS)


def _json_paths(field: str) -> list[str]:
    """What leads to a field: its own name, and the path that its dots say."""
    if not storable(field):
        return []
    names = [[field], field.split(".")] if "." in field else [[field]]
    return ["$" + "".join(f".{json.dumps(name)}" for name in keys) for keys in names]


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text at all; what it cannot hold no entry has."""
    try:
        return "\0" not in text and bool(text.encode())
    except UnicodeEncodeError:
        return False


def _forms(value: Scalar) -> Iterator[str]:
    """The value as jsonpath writes it, in each type that counts as the same."""
    if isinstance(value, bool):
        yield from (str(value).lower(), f'"{str(value).lower()}"')
        return
    if isinstance(value, str):
        if storable(value) or not value:
            yield json.dumps(value)
        if value in ("true", "false"):
            yield value
        if _NUMBER.fullmatch(value):
            yield value
        return
    text = repr(value)
    yield json.dumps(text)
    if isinstance(value, float) and value.is_integer():
        yield json.dumps(str(int(value)))
    if _NUMBER.fullmatch(text):
        yield text


# Only dates of four-digit years: they order as text does, but for a day where offsets differ.
# Most entries are ruled out by their text, which takes a fraction of what beginning the rest does.
_DATED = """(jsonb_path_exists(entry.{column}, %s::jsonpath, '{{}}', true) AND EXISTS (
    SELECT FROM jsonb_path_query(entry.{column}, %s::jsonpath) AS item (value)
    CROSS JOIN LATERAL (SELECT value #>> '{{}}' AS said) AS item_text
    WHERE CASE WHEN {is_date} THEN said::timestamptz {sign} %s END
))"""
# What is cast must be valid, or the statement fails; of what is, the shape keeps `now` and `20240501` out.
IS_DATE = "substr(said, 5, 1) || substr(said, 8, 1) = '--' AND pg_input_is_valid(said, 'timestamptz')"


def _in_range(field: str, sign: str, value: Scalar) -> Bound:
    limit, paths = limit_of(value), _json_paths(field)
    if not paths:
        return NOTHING
    if isinstance(limit, Decimal):
        text = f'@.type() == "string" && @.double() {sign} {limit}'
        return _either("entry.{column} @@ %s::jsonpath", [
            " || ".join(f"{path} {sign} {limit} || exists({path} ? ({text}))" for path in paths)
        ])  # fmt: skip
    return _any([_dated(column, path, sign, limit) for column in COLUMNS for path in paths])


def _dated(column: str, path: str, sign: str, limit: datetime) -> Bound:
    margin = timedelta(days=-1 if ">" in sign else 2)
    try:
        nearly = f'@ {sign[0]} "{(limit + margin).date().isoformat()}"'
    except OverflowError:
        nearly = "@ != null"
    sql = _DATED.format(column=column, is_date=IS_DATE, sign=sign)
    dated = f"{path}[*] ? ({nearly})"
    return sql, [dated, dated, limit]


def limit_of(value: Scalar) -> Decimal | datetime:
    """What a range compares with: a number, or a moment (aware). Raises UnusableRange."""
    if isinstance(value, bool):
        raise UnusableRange
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise UnusableRange
        return Decimal(repr(value))
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if (moment := moment_of(text)) is not None:
        return moment
    raise UnusableRange


def moment_of(text: str) -> datetime | None:
    """An ISO 8601 date or date-time; UTC where it names no offset. None for anything else."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def value_of(field: str, kind: str) -> Bound:
    """The field as `number`, `date` or `text`; NULL where it is of another type. On a table `entry`."""
    paths = _json_paths(field)
    if not paths:
        return f"NULL::{_TYPES[kind]}", []
    template, path = _VALUES[kind]
    columns = [template.format(column=column) for column in COLUMNS for _ in paths]
    bound = [path.format(path=each) for _ in COLUMNS for each in paths]
    return f"coalesce({', '.join(columns)})", bound


_TYPES = {"number": "float8", "date": "timestamptz", "text": "text"}
# Errors are silenced: whatever is of another type gives nothing. Strict, because an array is of another type.
_ITEM = "jsonb_path_query_first(entry.{column}, %s::jsonpath, '{{}}', true)"
_VALUES = {
    "number": (f"({_ITEM})::float8", 'strict {path} ? (@.type() != "boolean").double()'),
    "date": (
        f"(SELECT CASE WHEN {IS_DATE} THEN said::timestamptz END "  # noqa: S608
        f"FROM (SELECT {_ITEM} #>> '{{{{}}}}' AS said) AS item)",
        'strict {path} ? (@.type() == "string")',
    ),
    "text": (
        f"({_ITEM} #>> '{{{{}}}}')",
        'strict {path} ? (@.type() == "string" || @.type() == "number" || @.type() == "boolean")',
    ),
}
