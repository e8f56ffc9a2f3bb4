"""Nested parameters of query strings are read as PHP reads them, and bounded."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.api.nesting import DEEPEST, MOST, UnreadableParameter, parse, query_string


def read(query: str):
    return parse(parse_qsl(query, keep_blank_values=True))


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("meta[category]=billing", {"meta": {"category": "billing"}}),
        (
            "meta[category][or][]=billing&meta[category][or][]=support",
            {"meta": {"category": {"or": ["billing", "support"]}}},
        ),
        (
            "meta[post_type][or][]=post&meta[post_type][or][]=page&meta[source]=blog",
            {"meta": {"post_type": {"or": ["post", "page"]}, "source": "blog"}},
        ),
        ("meta%5Btags%5D%5Band%5D%5B%5D=coffee", {"meta": {"tags": {"and": ["coffee"]}}}),
        ("meta[author.name]=Ann+B", {"meta": {"author.name": "Ann B"}}),
        (
            "sort[1][field]=b&sort[0][field]=a&sort[0][direction]=asc",
            {"sort": [{"field": "a", "direction": "asc"}, {"field": "b"}]},
        ),
        ("sort[3][field]=a", {"sort": {"3": {"field": "a"}}}),
        ("a[]=1&a[5]=2&a[]=3", {"a": {"0": "1", "5": "2", "6": "3"}}),
        ("a=1&a=2", {"a": "2"}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=2&a=1", {"a": "1"}),
        ("=1&[a]=2&b=", {"b": ""}),
        ("", {}),
    ],
)
def test_names_with_brackets_are_paths(query, parameters):
    assert read(query) == parameters


@pytest.mark.parametrize(
    "query", ["a[b=1", "a]=1", "a[b]c=1", "a[[b]]=1", "a" + "[b]" * DEEPEST + "=1", "a" * 1000 + "=1", "meta[=1"]
)
def test_brackets_that_do_not_match_or_go_too_deep_are_refused(query):
    with pytest.raises(UnreadableParameter) as refused:
        read(query)
    assert list(refused.value.details) == [query.removesuffix("=1")[:100]]


def test_too_many_parameters_are_refused():
    assert len(parse(("a[]", "x") for _ in range(MOST))["a"]) == MOST
    with pytest.raises(UnreadableParameter):
        parse(("a[]", "x") for _ in range(MOST + 1))


names = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=8)
# Names that are indices would come back as those of a list.
words = names.filter(lambda name: not name.isdecimal())
values = st.recursive(
    st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(words, inner, min_size=1, max_size=3),
    max_leaves=12,
)


def depth(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, parts), default=-1) if isinstance(value, dict | list) else 0


@given(st.dictionaries(names, values.filter(lambda value: depth(value) < DEEPEST), max_size=4))
def test_what_is_written_is_read_again(parameters):
    assert read(query_string(parameters)) == parameters


@given(st.text(max_size=60))
def test_any_query_string_is_read_or_refused(query):
    try:
        parsed = read(query)
    except UnreadableParameter:
        return
    assert all(isinstance(name, str) and name for name in parsed)
