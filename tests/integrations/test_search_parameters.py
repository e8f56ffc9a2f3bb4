"""Whatever is sent as a search is understood or refused with the field's name, and never trips anything."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from doculume.dialects.base import flatten
from integrations.api.nesting import query_string
from integrations.api.searching import SearchSerializer, duration_of
from knowledge.search import Boost, MetaFilter, SortKey
from knowledge.search.meta import conditions

DAY = 86_400.0


def read(**parameters):
    sent = SearchSerializer(data={"query": "coffee"} | parameters)
    sent.is_valid(raise_exception=True)
    return sent.validated_data


@pytest.mark.parametrize(
    ("scale", "seconds"),
    [
        ("90d", 90 * DAY), ("12h", DAY / 2), ("6mo", 180 * DAY), ("2w", 14 * DAY), ("1y", 365 * DAY),
        ("1.5d", 1.5 * DAY), ("30m", 1800), ("45s", 45), (" 90D ", 90 * DAY),
    ],
)  # fmt: skip
def test_durations_are_seconds(scale, seconds):
    assert duration_of(scale) == seconds


@pytest.mark.parametrize(
    "scale", ["", "d", "90", "90 d", "-1d", "0d", "1e3d", "٩d", "1d2h", "9999999d", "1mon", 90, None]
)
def test_what_is_no_duration_is_refused(scale):
    with pytest.raises(ValidationError) as refused:
        duration_of(scale)
    assert list(refused.value.detail) == ["scale"]


def test_defaults():
    assert read() == {
        "query": "coffee", "threshold": 0.4, "meta": (), "boost": (), "sort": (), "page": 1, "per_page": 15,
        "explain": False, "as_you_type": False,
    }  # fmt: skip


def test_boosts_and_sorts_are_what_search_takes():
    recency = {"field": "at", "type": "recency"}
    near = {"field": "price", "type": "near_value", "target": "10", "scale": "2.5", "strength": "high"}
    assert read(boost=[recency, near])["boost"] == (
        Boost("at", "recency", "medium", 90 * DAY), Boost("price", "near_value", "high", 2.5, 10.0)
    )  # fmt: skip
    assert read(
        sort={"1": {"field": "a", "direction": "desc"}, "7": {"field": "b", "direction": "asc", "type": "date"}}
    )["sort"] == (SortKey("a", "desc", "text"), SortKey("b", "asc", "date"))


def test_filters_are_what_search_takes():
    sent = {
        "a": "x",
        "b": {"or": ["y", 1], "not": "z"},
        "c.d": {"gte": 1, "lt": "2026-01-01"},
        "e": ["p", "q"],
        "f": True,
    }
    assert read(meta=sent)["meta"] == (
        MetaFilter("a", "eq", ("x",)),
        MetaFilter("b", "or", ("y", 1)),
        MetaFilter("b", "not", ("z",)),
        MetaFilter("c.d", "gte", (1,)),
        MetaFilter("c.d", "lt", ("2026-01-01",)),
        MetaFilter("e", "or", ("p", "q")),
        MetaFilter("f", "eq", (True,)),
    )


words = st.sampled_from(
    ["or", "and", "not", "gte", "lt", "exists", "field", "type", "direction", "strength", "scale", "target", "recency",
     "near_value", "prefer_low", "asc", "desc", "date", "number", "90d", "0", "1", "10", "2026-01-01", "true", "", "x"]
)  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | st.text(max_size=6)
anything = st.recursive(
    leaves | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)
names = ["query", "threshold", "meta", "boost", "sort", "page", "per_page", "explain", "as_you_type"]


@given(st.dictionaries(st.sampled_from(names), anything))
def test_anything_is_understood_or_refused_by_the_names_that_were_sent(sent):
    serializer = SearchSerializer(data=sent)
    if not serializer.is_valid():
        refused = {name.partition(".")[0] for name in flatten(serializer.errors)}
        assert refused <= {*sent, "query"}
        return
    asked = serializer.validated_data
    assert 0 <= asked["threshold"] <= 1
    assert 1 <= asked["per_page"] <= 50
    assert asked["page"] >= 1
    assert len(asked["boost"]) <= 3
    assert len(asked["sort"]) <= 3
    assert all(boost.scale > 0 and math.isfinite(boost.scale) for boost in asked["boost"])
    conditions(asked["meta"])
    json.dumps([asked["query"], *(each.field for each in asked["meta"])])


@given(st.dictionaries(st.sampled_from(names), anything))
def test_anything_can_be_written_into_a_link(sent):
    assert "\n" not in query_string(sent)
