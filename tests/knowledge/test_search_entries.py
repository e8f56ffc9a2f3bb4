"""What a search among entries finds: filters, threshold, pages."""

from __future__ import annotations

import pytest

from knowledge.search import MetaFilter, search_entries
from tests.knowledge.library import add_entry

pytestmark = pytest.mark.django_db

TALKS = [
    ("How to grow coffee in the mountains of Ethiopia", {"price": 10, "tags": ["coffee", "farm"], "on": "2024-05-01"}),
    ("How to roast coffee at home", {"price": "12.5", "tags": ["coffee"], "on": "2024-05-01T10:00:00+02:00"}),
    ("The history of the coffee house", {"price": 20.0, "a": {"b": {"c": "deep"}}, "published": True}),
    ("Repairing old bicycles", {"price": None, "tags": ["bicycle"], "published": "true", "a.b": "literal"}),
    ("A bicycle tour along the Danube", {"tags": [], "on": "someday", "price": "cheap", "code": "007"}),
]


@pytest.fixture
def talks(account):
    entries = []
    for text, meta in TALKS:
        entry = add_entry(account, text)
        entry.meta = meta
        entry.save()
        entries.append(entry)
    return entries


def found(account, talks, *meta, query="coffee", **options):
    options = {"threshold": 0, "collection_ids": [talks[0].collection_id]} | options
    result = search_entries(account, query, meta=meta, **options)
    names = {entry.id: number for number, entry in enumerate(talks)}
    assert result.total == len(result.hits)
    return {names[hit.entry_id] for hit in result.hits}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (MetaFilter("price", "eq", ("10",)), {0}),
        (MetaFilter("price", "eq", (12.5,)), {1}),
        (MetaFilter("price", "eq", ("20",)), {2}),
        (MetaFilter("tags", "eq", ("coffee",)), {0, 1}),
        (MetaFilter("tags", "and", ("coffee", "farm")), {0}),
        (MetaFilter("tags", "or", ("farm", "bicycle")), {0, 3}),
        (MetaFilter("tags", "not", ("coffee",)), {2, 3, 4}),
        (MetaFilter("a.b.c", "eq", ("deep",)), {2}),
        (MetaFilter("a.b", "eq", ("literal",)), {3}),
        (MetaFilter("published", "eq", ("true",)), {2, 3}),
        (MetaFilter("published", "eq", (True,)), {2, 3}),
        (MetaFilter("code", "eq", (7,)), set()),
        (MetaFilter("code", "eq", ("007",)), {4}),
        (MetaFilter("price", "gte", ("10",)), {0, 1, 2}),
        (MetaFilter("price", "gt", (10,)), {1, 2}),
        (MetaFilter("price", "lt", ("12.5",)), {0}),
        (MetaFilter("on", "lte", ("2024-05-01",)), {0}),
        (MetaFilter("on", "gt", ("2024-05-01T07:59:59Z",)), {1}),
        (MetaFilter("on", "lt", ("2024-05-02",)), {0, 1}),
        (MetaFilter("price", "exists", (True,)), {0, 1, 2, 4}),
        (MetaFilter("price", "exists", ("false",)), {3}),
        (MetaFilter('x"; DROP TABLE', "eq", ("' OR 1=1",)), set()),
        (MetaFilter("tags", "eq", ("a\0b",)), set()),
        (MetaFilter("\ud800", "exists", (False,)), {0, 1, 2, 3, 4}),
    ],
    ids=str,
)
def test_filters(account, talks, wanted, numbers):
    assert found(account, talks, wanted) == numbers
