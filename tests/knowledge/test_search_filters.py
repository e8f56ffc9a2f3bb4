"""Filters against brute force: what passes, how many there are, and that the nearest are among the first."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.models import Collection, Entry
from knowledge.search import EntryResults, MetaFilter, SortKey, _candidates, _vector, search_entries
from knowledge.search.indexes import ensure_vector_index
from llm_settings.models import EmbeddingModel
from tests.knowledge.crowd import DIMENSIONS, asking, cosines, crowd, unit

pytestmark = pytest.mark.django_db

RECORDS = Path(os.environ.get("DOCULUME_SHARED_DATA", "../shared/data")) / "records"

PRICES = [0, 5, 9.5, 10, 10.0, -3, 250, 1e6, "10", "9.5", "ten", "", True, None, [5, 10], {"eur": 10}]
TAGS = ["red", "green", "blue", "10", 10, True, "true", "a b", 'q"uote', "back\\slash", "ünï", "🙂"]
DATES = [
    "2024-02-28", "2024-02-29", "2024-02-30", "2024-02-29T00:00:00Z", "2024-02-29T01:00:00+02:00",
    "2024-02-29T23:30:00-05:00", "2024-03-01T00:00", "1999-12-31 23:59:59", "someday", 20240229, None,
]  # fmt: skip
RANGES = ("gt", "gte", "lt", "lte")


def random_meta(chance: random.Random) -> dict:
    meta = {}
    if chance.random() < 0.8:
        meta["price"] = chance.choice(PRICES)
    if chance.random() < 0.8:
        meta["tags"] = chance.sample(TAGS, chance.randrange(4))
    if chance.random() < 0.7:
        meta["on"] = chance.choice(DATES)
    if chance.random() < 0.6:
        meta["deep"] = {"er": {"tag": chance.choice(TAGS)}, "price": chance.choice(PRICES)}
    if chance.random() < 0.2:
        meta["deep.price"] = chance.choice(PRICES)
    return meta


def scalars(values: list) -> st.SearchStrategy:
    return st.sampled_from([value for value in values if isinstance(value, str | int | float)])


equalities = st.one_of(
    st.builds(
        lambda field, operator, values: MetaFilter(field, operator, tuple(values)),
        st.sampled_from(["price", "tags", "on", "deep.er.tag", "deep.price", "nowhere", "deep"]),
        st.sampled_from(["or", "and", "not"]),
        st.lists(scalars(PRICES + TAGS + DATES), min_size=1, max_size=3),
    ),
    st.builds(
        lambda field, value: MetaFilter(field, "eq", (value,)),
        st.sampled_from(["price", "tags", "on", "deep.er.tag", "deep.price"]),
        scalars(PRICES + TAGS + DATES),
    ),
    st.builds(
        lambda field, value: MetaFilter(field, "exists", (value,)),
        st.sampled_from(["price", "tags", "on", "deep.er", "deep.price", "nowhere"]),
        st.booleans(),
    ),
)
ranges = st.one_of(
    st.builds(
        lambda field, operator, value: MetaFilter(field, operator, (value,)),
        st.sampled_from(["price", "deep.price", "on"]),
        st.sampled_from(RANGES),
        st.sampled_from([0, 9.5, "10", "-3", 11, "1e2", 20240000]),
    ),
    st.builds(
        lambda field, operator, value: MetaFilter(field, operator, (value,)),
        st.sampled_from(["on", "price"]),
        st.sampled_from(RANGES),
        st.sampled_from(["2024-02-29", "2024-02-28T23:00:00Z", "2024-03-01T04:30:00Z", "2000-01-01", "0001-01-01"]),
    ),
)
filters = st.lists(equalities | ranges, max_size=3)


# --- what the filters mean, said again without a database ---


def values_at(meta: dict, field: str) -> list:
    """What stands at the field, by its own name and by its dots; of an array, its elements."""
    found = []
    for keys in [[field], field.split(".")] if "." in field else [[field]]:
        here: Any = meta
        for key in keys:
            here = here.get(key) if isinstance(here, dict) else None
        found += here if isinstance(here, list) else [here]
    return [value for value in found if value is not None]


def number_in(value) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def moment_in(value) -> datetime | None:
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same(stored, wanted) -> bool:
    if isinstance(stored, bool):
        return wanted is stored or wanted == str(stored).lower()
    if isinstance(stored, int | float):
        return not isinstance(wanted, bool) and wanted != "" and number_in(wanted) == stored
    if isinstance(stored, str):
        return stored == (str(wanted).lower() if isinstance(wanted, bool) else str(wanted))
    return False


COMPARE = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def passes(meta: dict, wanted: MetaFilter) -> bool:
    stored = values_at(meta, wanted.field)
    hits = [any(same(one, value) for one in stored) for value in wanted.values]
    if wanted.operator in RANGES:
        [value] = wanted.values
        read = number_in if number_in(value) is not None else moment_in
        return any(COMPARE[wanted.operator](read(one), read(value)) for one in stored if read(one) is not None)
    if wanted.operator == "exists":
        return bool(stored) == wanted.values[0]
    if wanted.operator == "not":
        return not any(hits)
    return all(hits) if wanted.operator == "and" else any(hits)


def expected(metas, wanted) -> set[int]:
    return {at for at, meta in enumerate(metas) if all(passes(meta, one) for one in wanted)}


# --- against the database ---


class Crowd:
    def __init__(self, account, size: int) -> None:
        chance = random.Random(size)
        self.account, self.size = account, size
        self.collection = Collection.objects.create(account=account, name="crowd")
        self.metas = [random_meta(chance) for _ in range(size)]
        numbers = np.random.default_rng(size)
        self.vectors = unit(numbers.normal(size=(size, DIMENSIONS)) + 2 * numbers.normal(size=DIMENSIONS))
        self.question = unit(self.vectors[0] + numbers.normal(size=DIMENSIONS) / 30)
        # One half of each entry's fields is in the one column, the other in the other.
        halves = [self.halved(meta, chance) for meta in self.metas]
        texts = [f"entry number{at % 50} of many" for at in range(size)]
        ids = crowd(
            self.collection, texts, [one for one, _ in halves], self.vectors, searchable=[two for _, two in halves]
        )
        self.places = {entry: at for at, entry in enumerate(ids)}
        self.cosines = cosines(self.vectors, self.question)

    @staticmethod
    def halved(meta: dict, chance: random.Random) -> tuple[dict, dict]:
        first = {key for key in meta if chance.random() < 0.5}
        return {key: meta[key] for key in first}, {key: meta[key] for key in meta.keys() - first}

    def search(self, wanted: Any, query: str = "zzz", **options: Any) -> EntryResults:
        with asking(zzz=self.question, number7=self.question):
            return search_entries(
                self.account, query, collection_ids=[self.collection.id], meta=wanted, **{"threshold": 0} | options
            )

    def check(self, wanted, threshold: float) -> None:
        """Nothing that passes is missing, nothing else is there, and the nearest come first."""
        passing = expected(self.metas, wanted)
        # The database computes in single precision, so that a hair's breadth of the threshold may go either way.
        surely, near = (
            {at for at in passing if threshold == 0 or self.cosines[at] >= threshold + hair} for hair in (1e-4, -1e-4)
        )
        result = self.search(wanted, threshold=threshold, per_page=100)
        found = [self.places[hit.entry_id] for hit in result.hits]
        assert len(surely) <= result.total <= len(near)
        assert len(found) == len(set(found)) == min(100, result.total)
        assert set(found) <= near
        ideal = sorted(self.cosines[list(near)])[::-1][: min(10, len(found))]
        assert np.allclose([self.cosines[at] for at in found[:10]], ideal, atol=2e-4)


@pytest.mark.parametrize("size", [100, 1_000])
def test_what_passes_is_found_and_nothing_else(account, size):
    people = Crowd(account, size)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(filters, st.sampled_from([0.0, 0.0, 0.8]))
    def check(wanted, threshold):
        people.check(wanted, threshold)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("size", [10_000, 50_000])
def test_what_passes_is_found_among_many(account, size):
    people = Crowd(account, size)
    connection.check_constraints()  # what is pending would keep the index from being made
    ensure_vector_index(EmbeddingModel.objects.active())

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(equalities | ranges, min_size=1, max_size=3), st.sampled_from([0.0, 0.8]))
    def check(wanted, threshold):
        people.check(wanted, threshold)

    check()


@pytest.mark.parametrize("query", ["zzz", "number7"])
@pytest.mark.parametrize("wanted", [(), (MetaFilter("tags", "eq", ("red",)),)])
def test_pages_show_each_entry_once(account, query, wanted):
    people = Crowd(account, 450)
    everything = people.search(wanted, query, per_page=100)
    shown = []
    for page in range(1, everything.total // 40 + 3):
        result = people.search(wanted, query, page=page, per_page=40)
        assert result.total == everything.total == len(expected(people.metas, wanted))
        shown += [people.places[hit.entry_id] for hit in result.hits]
    assert sorted(shown) == sorted(expected(people.metas, wanted))
    assert shown[:100] == [people.places[hit.entry_id] for hit in everything.hits]
    assert people.search(wanted, query, page=10_000).hits == []


def test_where_not_every_chunk_is_compared_pages_end_with_what_was_found(account, monkeypatch):
    people = Crowd(account, 450)
    connection.check_constraints()
    ensure_vector_index(EmbeddingModel.objects.active())
    monkeypatch.setattr(_candidates, "COMPARED_UP_TO", 100)
    monkeypatch.setattr(_vector, "exact_up_to", lambda model: 100)
    first = people.search((), "number7", per_page=100)
    assert not first.total_is_exact
    assert 200 <= first.total <= 300
    shown = [hit.entry_id for page in range(1, 5) for hit in people.search((), "number7", page=page, per_page=100).hits]
    assert len(shown) == len(set(shown)) == first.total
    by_cosine = sorted(people.cosines)[::-1]
    few = people.search((), "number7", threshold=float(by_cosine[5] + by_cosine[6]) / 2)
    assert (few.total, few.total_is_exact) == (6, True)
    prices = people.search((), sorts=[SortKey("price", "asc", "number")], per_page=100)
    assert len(prices.hits) == 100
    red = people.search((MetaFilter("tags", "eq", ("red",)),), per_page=100)
    assert {people.places[hit.entry_id] for hit in red.hits} <= expected(
        people.metas, [MetaFilter("tags", "eq", ("red",))]
    )


def test_a_filter_in_one_account_knows_nothing_of_another(account, charlie):
    people, others = Crowd(account, 100), Crowd(charlie.personal_account, 120)
    wanted = (MetaFilter("tags", "eq", ("red",)),)
    with asking(zzz=people.question):
        result = search_entries(
            account, "zzz", collection_ids=[people.collection.id, others.collection.id], meta=wanted, threshold=0
        )
        assert result.total == len(expected(people.metas, wanted))
        assert search_entries(account, "zzz", collection_ids=[others.collection.id], threshold=0).total == 0


@pytest.mark.skipif(not RECORDS.is_dir(), reason="needs the public record sets")
def test_the_records_are_filtered_and_sorted_as_their_oracle_says(account):
    collections, names = {}, {}
    numbers = np.random.default_rng(1)
    for name in ("movies", "tedtalks"):
        rows = [json.loads(line) for line in (RECORDS / f"{name}.jsonl").read_text().splitlines()]
        collections[name] = Collection.objects.create(account=account, name=name)
        own = {"external_id", "text"}
        crowd(
            collections[name], [row["text"] or "-" for row in rows],
            [{key: value for key, value in row.items() if key not in own} for row in rows],
            unit(numbers.normal(size=(len(rows), DIMENSIONS))), sources=[row["external_id"] for row in rows],
        )  # fmt: skip
    names = dict(Entry.objects.filter(account=account).values_list("id", "source_id"))
    question = unit(numbers.normal(size=DIMENSIONS))
    cases = [json.loads(line) for line in (RECORDS / "oracle.jsonl").read_text().splitlines()]
    for case in cases:
        wanted = [
            MetaFilter(field, operator, (value,))
            for field, said in case["filter"].items()
            for operator, value in (said.items() if isinstance(said, dict) else [("eq", said)])
        ]
        field, direction = case["sort"]["field"], case["sort"]["order"]
        kind = {"date": "date", "release_date": "date", "title": "text"}.get(field, "number")
        with asking(zzz=question):
            result = search_entries(
                account, "zzz", collection_ids=[collections[case["set"]].id], meta=wanted, threshold=0,
                sorts=[SortKey(field, direction, kind)], per_page=100,
            )  # fmt: skip
        assert result.total == case["expected_total"], case["id"]
        if case["expected_ids"] is not None and case["expected_total"] <= 100:
            assert {names[hit.entry_id] for hit in result.hits} == set(case["expected_ids"]), case["id"]
        assert [hit.meta.get(field) for hit in result.hits[:20]] == case["sorted_values_top20"], case["id"]
