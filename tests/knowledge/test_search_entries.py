"""What a search among entries finds: filters, threshold, boosts, sorts, reranking, and what it says of them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.models import Entry
from knowledge.search import Boost, MetaFilter, SortKey, UnusableRange, search_entries
from tests.knowledge.library import add_entry
from tests.llm_settings.endpoints import answering, serving

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


# --- thresholds, boosts, sorts ---


SHOES = "A red running shoe for the road"
DAY = 86_400.0


@pytest.fixture
def shoes(account):
    """The same text six times, so that relevance decides nothing, and one that is about something else."""
    now = timezone.now()
    metas = [
        {"price": 10, "on": now.isoformat(), "stars": 4.5},
        {"price": 20, "on": (now - timedelta(days=90)).isoformat(), "stars": "3"},
        {"price": 40, "on": (now - timedelta(days=900)).date().isoformat(), "stars": 1},
        {"price": "30", "stars": None},
        {"on": "yesterday", "stars": [5]},
        {"price": "free", "stars": True},
    ]
    entries = [add_entry(account, SHOES) for _ in metas] + [add_entry(account, "Tax returns are due in May.")]
    for entry, meta in zip(entries, metas, strict=False):
        Entry.objects.filter(id=entry.id).update(meta=meta)
    return entries


def order(account, shoes, query="red running shoe", **options):
    options = {"threshold": 0.2, "collection_ids": [shoes[0].collection_id]} | options
    result = search_entries(account, query, **options)
    places = {entry.id: number for number, entry in enumerate(shoes)}
    return [places[hit.entry_id] for hit in result.hits], result.hits


def test_the_threshold_is_on_similarity_and_changes_no_score(account, shoes):
    everything, hits = order(account, shoes, threshold=0)
    assert len(everything) == 7
    least = hits[5].similarity
    some, fewer = order(account, shoes, threshold=least - 1e-6)
    assert (some, [hit.final_score for hit in fewer]) == (everything[:6], [hit.final_score for hit in hits[:6]])
    assert order(account, shoes, threshold=1.0)[0] == []


def test_a_code_does_not_pass_the_threshold_for_its_words_alone(account, shoes):
    add_entry(account, "The KX-4711-B replaces the older pump of the washing machine, and comes with two seals.")
    options = {"collection_ids": [shoes[0].collection_id]}
    [first, *_] = search_entries(account, "KX-4711-B", threshold=0, **options).hits
    assert "KX-4711-B" in first.raw_text or "KX-4711-B" in first.chunk.text
    assert all(hit.similarity >= 0.4 for hit in search_entries(account, "KX-4711-B", threshold=0.4, **options).hits)


@pytest.mark.parametrize(
    ("boost", "first"),
    [
        (Boost("price", "prefer_low", scale=10), [0, 1, 3, 2]),
        (Boost("price", "prefer_high", scale=10), [2, 3, 1, 0]),
        (Boost("price", "near_value", scale=5, target=31), [3, 2, 1, 0]),
        (Boost("on", "recency", scale=90 * DAY), [0, 1, 2]),
        (Boost("stars", "prefer_high", scale=2), [0, 1, 2]),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_a_boost_orders_what_is_equally_relevant(account, shoes, boost, first):
    places, hits = order(account, shoes, boosts=[boost])
    assert places[: len(first)] == first
    assert {place for place in places if place not in first} >= {4, 5}
    for hit in hits[len(first) : 6]:  # what has no such field, or another type in it, stands as it did
        assert [applied.factor for applied in hit.boosts] == [1.0]


def test_recency_halves_with_each_scale(account, shoes):
    _, hits = order(account, shoes, boosts=[Boost("on", "recency", "high", scale=90 * DAY)])
    assert [round(hit.boosts[0].factor, 3) for hit in hits[:2]] == [1.5, 1.25]


@pytest.mark.parametrize(("strength", "most"), [("low", 0.1), ("medium", 0.25), ("high", 0.5)])
def test_a_boost_moves_a_score_by_no_more_than_its_strength(account, shoes, strength, most):
    plain = {hit.entry_id: hit.final_score for hit in order(account, shoes)[1]}
    boosts = [Boost("price", "prefer_low", strength, scale=1e9)] * 3
    for count, bound in [(1, most), (3, min(3 * most, 0.5))]:
        for hit in order(account, shoes, boosts=boosts[:count])[1]:
            assert plain[hit.entry_id] <= hit.final_score <= plain[hit.entry_id] * (1 + bound) + 1e-9
    assert all(0 <= score <= 1 for score in plain.values())


@settings(max_examples=300, deadline=None)
@given(
    st.builds(
        Boost,
        st.just("x"),
        st.sampled_from(["recency", "prefer_low", "prefer_high", "near_value"]),
        st.sampled_from(["low", "medium", "high"]),
        st.floats(min_value=0, allow_nan=False),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.none() | st.floats(),
)
def test_a_factor_is_bounded_whatever_the_value(boost, value):
    assert 1.0 <= boost.factor(value) <= {"low": 1.1, "medium": 1.25, "high": 1.5}[boost.strength]


def test_relevance_stays_in_charge(account, shoes):
    Entry.objects.filter(id=shoes[6].id).update(meta={"price": 0})
    places, _ = order(account, shoes, threshold=0, boosts=[Boost("price", "prefer_low", "high", scale=1)])
    assert places[-1] == 6


@pytest.mark.parametrize(
    ("key", "places"),
    [
        (SortKey("price", "asc", "number"), [0, 1, 3, 2]),
        (SortKey("price", "desc", "number"), [2, 3, 1, 0]),
        (SortKey("on", "desc", "date"), [0, 1, 2]),
        (SortKey("on", "asc", "date"), [2, 1, 0]),
        (SortKey("price", "asc", "text"), [0, 1, 3, 2, 5]),
        (SortKey("stars", "asc", "text"), [2, 1, 0, 5]),
        (SortKey("stars", "desc", "number"), [0, 1, 2]),
    ],
    ids=str,
)
def test_a_sort_is_typed_and_puts_what_is_missing_last(account, shoes, key, places):
    found, hits = order(account, shoes, sorts=[key])
    assert found[: len(places)] == places
    assert len(found) == 6
    assert all(hit.final_score == hit.similarity for hit in hits)


def test_sorts_break_each_others_ties(account, shoes):
    for number, entry in enumerate(shoes[:6]):
        Entry.objects.filter(id=entry.id).update(meta={"a": number % 2, "b": {"c": -number}})
    assert order(account, shoes, sorts=[SortKey("a", "desc", "number"), SortKey("b.c", "asc", "number")])[0] == [
        5, 3, 1, 4, 2, 0,
    ]  # fmt: skip


def test_an_entry_sorts_by_what_it_is_where_its_meta_does_not_say(account, shoes):
    newest_first = order(account, shoes, sorts=[SortKey("created_at", "desc", "date")])[0]
    assert newest_first == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("field", ["'", '"', "a\0b", "\ud800", "%s", "{0}", "x" * 5_000, "$", ".", "a..b", ""])
def test_no_field_name_breaks_the_search(account, shoes, field):
    for options in (
        {"sorts": [SortKey(field, "asc", kind) for kind in ("date", "number", "text")]},
        {"boosts": [Boost(field, "recency"), Boost(field, "prefer_low", scale=1)]},
        {"meta": [MetaFilter(field, "not", ("x",))]},
    ):
        assert len(order(account, shoes, **options)[0]) == 6
    for operator in ("gt", "lte"):
        for value in (1, "2024-01-01"):
            assert order(account, shoes, meta=[MetaFilter(field, operator, (value,))])[0] == []


@pytest.mark.parametrize("value", ["soon", "", True, float("nan"), float("inf"), "2024-13-01", "10 euros"])
def test_a_range_needs_a_number_or_a_date(account, shoes, value):
    with pytest.raises(UnusableRange):
        order(account, shoes, meta=[MetaFilter("price", "gt", (value,))])


# --- what is shown, and said of it ---


def test_a_hit_shows_the_entry_and_its_best_part(account, shoes):
    entry = add_entry(account, "Introduction.", "Visitors may park behind the building.", title="House rules")
    Entry.objects.filter(id=entry.id).update(
        raw_text="# sent", meta={"a": 1}, searchable_meta={"b": [2]}, source_url="https://example.com/rules"
    )
    [hit] = search_entries(account, "Where do visitors park?", collection_ids=[entry.collection_id], per_page=1).hits
    entry.refresh_from_db()
    assert (hit.entry_id, hit.title, hit.raw_text, hit.meta) == (entry.id, "House rules", "# sent", {"a": 1})
    assert (hit.searchable_meta, hit.source_url) == ({"b": [2]}, "https://example.com/rules")
    assert (hit.created_at, hit.updated_at) == (entry.created_at, entry.updated_at)
    assert hit.chunk.text == entry.text[hit.chunk.start : hit.chunk.end] == "Visitors may park behind the building."
    assert 0.4 <= hit.similarity <= 1
    assert hit.explain is None


def test_an_explanation_is_plain_data(account, shoes):
    _, hits = order(
        account, shoes, explain=True, meta=[MetaFilter("price", "gte", (10,))],
        boosts=[Boost("price", "prefer_low", scale=10)],
    )  # fmt: skip
    said = json.loads(json.dumps(hits[0].explain))
    assert said["vector"]["rank"] >= 1
    assert said["lexical"]["score"] > 0
    assert said["boosts"] == [{"field": "price", "type": "prefer_low", "factor": hits[0].boosts[0].factor}]
    assert said["filters"] == [{"field": "price", "operator": "gte", "values": [10]}]
    assert said["calibration"]["threshold"] == 0.2
    assert hits[0].final_score == pytest.approx(said["fused_score"] * said["boosted_by"])


def test_only_answers_are_worth_summing_up(account, shoes):
    add_entry(account, "Refunds are paid within thirty days of the purchase. Ask for one at the service desk.")

    def summarisable(query, **options):
        return search_entries(account, query, collection_ids=[shoes[0].collection_id], **options).summarisable

    assert summarisable("Within how many days are refunds paid?")
    assert summarisable("Within how many days are refunds paid?", page=7)
    assert summarisable("Within how many days are refunds paid?", sorts=[SortKey("price", "asc", "number")])
    assert not summarisable("Who discovered the electron?", threshold=0)
    assert not summarisable("How is a boundary layer kept laminar at supersonic speed?", threshold=0)


def test_nothing_is_found_in_nothing(account, shoes):
    collection = shoes[0].collection_id
    assert search_entries(account, "  \0 ", collection_ids=[collection]).hits == []
    assert search_entries(account, "shoe", collection_ids=[]).total == 0
    assert search_entries(account, "shoe", collection_ids=[uuid4()]).total == 0


# --- the reranker ---


def relevance_by(scores):
    """An endpoint that scores each document by the first of the words that it holds."""

    def behave(exchange):
        documents = exchange.body["documents"]
        rows = [
            {"index": at, "relevance_score": next((s for word, s in scores.items() if word in text), 0.0)}
            for at, text in enumerate(documents)
        ]
        answering("200 OK", json.dumps({"results": rows}))(exchange)

    return behave


@pytest.fixture
def reranked(settings):
    def by(url, budget_ms=2_000):
        settings.RERANK = {
            "provider": "cohere", "base_url": url, "model": "m", "api_key": "", "budget_ms": budget_ms,
        }  # fmt: skip

    return by


def test_a_reranker_reorders_and_explains(account, talks, reranked):
    before = search_entries(account, "coffee", collection_ids=[talks[0].collection_id], threshold=0)
    last = before.hits[-1]
    with serving(relevance_by({last.chunk.text: 0.9})) as endpoint:
        reranked(endpoint.url)
        after = search_entries(account, "coffee", collection_ids=[talks[0].collection_id], threshold=0, explain=True)
    assert after.hits[0].entry_id == last.entry_id
    assert after.hits[0].explain["reranker"] == 0.9
    assert [hit.final_score for hit in after.hits] == [hit.final_score for hit in before.hits]
    assert {hit.entry_id: hit.similarity for hit in after.hits} == {h.entry_id: h.similarity for h in before.hits}


def hang(exchange):
    time.sleep(2)


@pytest.mark.parametrize("behavior", [hang, answering("500 Oops", "{}"), answering("200 OK", "[]")])
def test_the_order_stands_where_the_reranker_fails(account, talks, reranked, behavior, caplog):
    def found():
        return search_entries(account, "coffee", collection_ids=[talks[0].collection_id], threshold=0).hits

    before = found()
    with serving(behavior) as endpoint:
        reranked(endpoint.url, budget_ms=200)
        assert found() == before
    assert "the order stands without reranking" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_search_whose_statements_the_server_lost_fails_once_at_most(account, talks):
    """They are kept on the connection; whoever empties that, empties it for all that is asked there."""
    wanted = MetaFilter("tags", "eq", ("coffee",))
    for _ in range(2):
        assert found(account, talks, wanted) == {0, 1}
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with suppress(ProgrammingError):
        found(account, talks, wanted)
    assert found(account, talks, wanted) == {0, 1}


@pytest.mark.django_db(transaction=True)
def test_what_was_planned_for_one_finds_all_of_another(account, talks, settings):
    """A plan without values is taken after some searches by one text. With any values it finds what any plan does."""
    tags = ["coffee", "farm", "bicycle", "nothing"] * 4
    kept = [found(account, talks, MetaFilter("tags", "eq", (tag,))) for tag in tags]
    settings.DATABASE_PREPARED_STATEMENTS = False
    connection.close()
    connection.close_pool()
    assert kept == [found(account, talks, MetaFilter("tags", "eq", (tag,))) for tag in tags]
    connection.close()
    connection.close_pool()
