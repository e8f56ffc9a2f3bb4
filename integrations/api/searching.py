"""The parameters of a search, from a query string with brackets, from a JSON body, or from both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.fields import Number, TextField
from doculume.dialects.parsers import check_value
from integrations.api import nesting
from integrations.api.serializers import Choice
from knowledge.search import Boost, MetaFilter, SortKey
from knowledge.search.meta import RANGES, Operator, UnusableRange, limit_of

LONGEST_QUERY = 4_000
LONGEST_FIELD = 200
LONGEST_VALUE = 1_000
MOST_FIELDS = 20
MOST_VALUES = 100
MOST_PER_PAGE = 50
BOOST_TYPES = ("recency", "prefer_low", "prefer_high", "near_value")
SORT_TYPES = ("date", "number", "text")
OPERATORS = tuple(name for name in get_args(Operator) if name != "eq")
LISTS = ("or", "and", "not")

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "mo": 30 * 86_400, "y": 365 * 86_400}
DURATION = re.compile(r"(?P<amount>[0-9]{1,6}(\.[0-9]{1,6})?)(?P<unit>mo|[smhdwy])")
INDEX = re.compile(r"[0-9]{1,6}")


def parameters_of(request: Request) -> dict[str, Any]:
    """What was asked for. A name in the body goes before one in the query string, but for `page`: so the links of a
    page can be followed with the same body. What is null or an empty text counts as not sent, as with Laravel.
    """
    query = nesting.parse((name, value) for name, values in request.query_params.lists() for value in values)
    check_value(query)
    body = request.data
    if body == []:
        body = {}  # what PHP makes of an empty array
    if not isinstance(body, Mapping):
        raise serializers.ValidationError("The body must be a JSON object.")
    sent = query | dict(body) | ({"page": query["page"]} if "page" in query else {})
    return {name: value for name, value in sent.items() if value is not None and value != ""}


class IndexedList(serializers.ListField):
    """A list; also one whose indices have gaps, which a query string makes an object of."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, dict) and data and all(INDEX.fullmatch(key) for key in data):
            data = [data[key] for key in sorted(data, key=int)]
        return super().to_internal_value(data)


@extend_schema_field({"oneOf": [{"type": "string", "example": "90d"}, {"type": "number"}]})
class ScaleField(serializers.Field):
    """A duration such as "90d" for `recency`, otherwise a number; which of them, the boost decides."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError("Must be a number, or a duration such as 90d.")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class BoostSerializer(serializers.Serializer[Any]):
    field = TextField(max_length=LONGEST_FIELD)
    type = Choice(choices=BOOST_TYPES)
    strength = Choice(choices=["low", "medium", "high"], default="medium")
    scale = ScaleField(required=False, allow_null=True)
    target = Number(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        recency = attrs["type"] == "recency"
        scale = attrs.get("scale")
        if scale in (None, ""):
            if not recency:
                raise serializers.ValidationError({"scale": "This field is required."}, code="required")
            scale = "90d"
        attrs["scale"] = duration_of(scale) if recency else amount_of(scale)
        if attrs["type"] == "near_value" and attrs.get("target") is None:
            raise serializers.ValidationError({"target": "This field is required."}, code="required")
        return attrs


def duration_of(scale: Any) -> float:
    """Seconds of "90d", "12h", "6mo", "2w", "1y"; a month has 30 days and a year 365."""
    match = DURATION.fullmatch(scale.strip().lower()) if isinstance(scale, str) else None
    seconds = float(match["amount"]) * SECONDS[match["unit"]] if match else 0.0
    if seconds <= 0:
        raise serializers.ValidationError({"scale": 'Must be a duration such as "90d", "12h", "6mo", "2w" or "1y".'})
    return seconds


def amount_of(scale: Any) -> float:
    try:
        number = Number().to_internal_value(scale)
    except serializers.ValidationError:
        number = 0.0
    if number <= 0:
        raise serializers.ValidationError({"scale": "Must be a number greater than 0."})
    return number


class SortSerializer(serializers.Serializer[Any]):
    field = TextField(max_length=LONGEST_FIELD)
    direction = Choice(choices=["asc", "desc"])
    type = Choice(choices=SORT_TYPES, default="text")


@extend_schema_field({"type": "object", "additionalProperties": True})
class FilterField(serializers.Field):
    """`{field: value}`, `{field: {operator: value or values}}`, or `{field: [values]}`, which is `or`."""

    default_error_messages = {
        "object": "Must name the fields to filter by, as in meta[category]=billing.",
        "many": f"Must have at most {MOST_FIELDS} fields.",
    }

    def to_internal_value(self, data: Any) -> tuple[MetaFilter, ...]:
        if data == []:
            return ()
        if not isinstance(data, dict):
            self.fail("object")
        if len(data) > MOST_FIELDS:
            self.fail("many")
        return tuple(one for name, wanted in data.items() for one in filters_on(name, wanted))

    def to_representation(self, value: Any) -> Any:
        return value


def filters_on(name: str, wanted: Any) -> Iterator[MetaFilter]:
    if not name or len(name) > LONGEST_FIELD:
        _refuse(name[:LONGEST_FIELD] or "*", f"The name of a field must have 1 to {LONGEST_FIELD} characters.")
    if isinstance(wanted, list):
        wanted = {"or": wanted}
    if not isinstance(wanted, dict):
        yield MetaFilter(name, "eq", (_value(name, wanted),))
        return
    if not wanted:
        _refuse(name, "Must have a value.")
    for operator, value in wanted.items():
        yield _filter(name, operator, value)


def _filter(name: str, operator: str, value: Any) -> MetaFilter:
    if operator not in OPERATORS:
        known = ", ".join(OPERATORS)
        _refuse(name, f"The operator {operator[:40]!r} is not one of {known}. A field within a field has a dot: a.b.")
    values = _values(value) if operator in LISTS else [value]
    if not values or len(values) > MOST_VALUES:
        _refuse(name, f"The operator {operator!r} needs 1 to {MOST_VALUES} values.")
    checked = tuple(_value(name, one) for one in values)
    if operator in RANGES:
        try:
            limit_of(checked[0])
        except UnusableRange as error:
            _refuse(name, error.message)
    if operator == "exists" and str(checked[0]).lower() not in ("true", "false", "1", "0"):
        _refuse(name, "The operator 'exists' needs true or false.")
    return MetaFilter(name, operator, checked)  # type: ignore[arg-type]


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict) and value and all(INDEX.fullmatch(key) for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return value if isinstance(value, list) else [value]


def _value(name: str, value: Any) -> str | int | float | bool:
    if isinstance(value, str) and len(value) <= LONGEST_VALUE:
        return value
    if isinstance(value, bool | int | float) and abs(value) < 1e60:
        return value
    return _refuse(name, f"A value must be true, false, a number, or text of at most {LONGEST_VALUE} characters.")


def _refuse(name: str, message: str) -> NoReturn:
    raise serializers.ValidationError({name: [message]})


class SearchSerializer(serializers.Serializer[Any]):
    query = TextField(max_length=LONGEST_QUERY)
    threshold = Number(default=0.4, min_value=0, max_value=1)
    meta = FilterField(default=())
    boost = IndexedList(child=BoostSerializer(), max_length=3, default=list)
    sort = IndexedList(child=SortSerializer(), max_length=3, default=list)
    page = serializers.IntegerField(default=1, min_value=1)
    per_page = serializers.IntegerField(default=15, min_value=1)
    explain = serializers.BooleanField(default=False)
    as_you_type = serializers.BooleanField(default=False)

    def validate_per_page(self, number: int) -> int:
        return min(number, MOST_PER_PAGE)

    def validate_boost(self, boosts: list[dict[str, Any]]) -> tuple[Boost, ...]:
        return tuple(Boost(**boost) for boost in boosts)

    def validate_sort(self, sorts: list[dict[str, Any]]) -> tuple[SortKey, ...]:
        return tuple(SortKey(**sort) for sort in sorts)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["boost"] and attrs["sort"]:
            message = "The boost and sort fields cannot be used together."
            raise serializers.ValidationError({"boost": [message], "sort": [message]})
        return attrs
