"""Integrations, their search and their events as the reference shows them, in the message dialect."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import Membership
from integrations.models import Integration, IntegrationCollection, IntegrationEvent
from knowledge.models import Collection
from tests.cast import client_of, make_user
from tests.contract.bad_input import BODIES, send
from tests.knowledge.library import add_entry

pytestmark = pytest.mark.django_db

INTEGRATIONS = "/api/v1/integrations"
UNKNOWN = uuid.uuid4()
# From the reference, but for the collection.
CHATBOT = {
    "type": "chatbot",
    "name": "Support Bot",
    "allowed_domains": ["example.com"],
    "welcome_message": "Ask me anything about support.",
    "instructions": "Only answer from provided collection data.",
    "persona": "customer-support",
}
SEARCH_BOX = {
    "type": "search_box",
    "name": "Docs Search",
    "allowed_domains": ["example.com"],
    "placeholder": "Search our docs...",
    "results_display": "summary_results",
}
INTEGRATION_FIELDS = {
    "id", "name", "project", "type", "allowed_domains", "is_active", "settings", "collection_ids", "created_at",
    "updated_at",
}  # fmt: skip
RESULT_FIELDS = {
    "id", "collection_id", "title", "raw_text", "meta", "searchable_meta", "source_url", "source_type", "source_id",
    "created_at", "updated_at", "score_breakdown",
}  # fmt: skip


def refused(response: Any, status: int, *fields: str) -> dict[str, Any]:
    """The body of an error in the message shape, about `fields` and no others."""
    assert response.status_code == status, (response.status_code, response.content[:300])
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == ({"message", "errors"} if fields else {"message"}), body
    assert isinstance(body["message"], str)
    assert set(body.get("errors", ())) == set(fields)
    assert all(texts and all(isinstance(text, str) for text in texts) for texts in body.get("errors", {}).values())
    return body


def is_timestamp(text: str) -> bool:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") is not None


@pytest.fixture
def collection(account):
    return Collection.objects.create(account=account, name="Support Articles")


@pytest.fixture
def chatbot(collection):
    return CHATBOT | {"collection_ids": [str(collection.id)]}


@pytest.fixture
def made(as_alice, chatbot):
    return as_alice.post(INTEGRATIONS, chatbot).json()["data"]


class TestTheReferencesExamples:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_create_a_chatbot_and_see_it_everywhere(self, as_alice, chatbot, collection, slash):
        response = as_alice.post(INTEGRATIONS + slash, chatbot)
        assert response.status_code == 201
        assert set(response.json()) == {"data"}
        made = response.json()["data"]
        assert set(made) == INTEGRATION_FIELDS
        assert made["settings"] == {
            "welcome_message": "Ask me anything about support.",
            "instructions": "Only answer from provided collection data.",
            "persona": "customer-support",
            "unknown_answer_message": None,
        }
        assert made["collection_ids"] == [str(collection.id)]
        assert (made["type"], made["name"], made["project"]) == ("chatbot", "Support Bot", None)
        assert (made["allowed_domains"], made["is_active"]) == (["example.com"], True)
        assert uuid.UUID(made["id"])
        assert is_timestamp(made["created_at"])
        assert is_timestamp(made["updated_at"])
        assert as_alice.get(f"{INTEGRATIONS}/{made['id']}{slash}").json() == {"data": made}
        listed = as_alice.get(f"{INTEGRATIONS}{slash}?type=chatbot").json()
        assert set(listed) == {"data", "links", "meta"}
        assert listed["data"] == [made]
        assert listed["meta"] == {"current_page": 1, "last_page": 1, "per_page": 15, "total": 1}
        assert set(listed["links"]) == {"first", "last", "prev", "next"}
        assert listed["links"]["prev"] is listed["links"]["next"] is None

    def test_create_a_search_box(self, as_alice, collection):
        response = as_alice.post(INTEGRATIONS, SEARCH_BOX | {"collection_ids": [str(collection.id)]})
        assert response.status_code == 201
        made = response.json()["data"]
        assert made["settings"] == {"placeholder": "Search our docs...", "results_display": "summary_results"}

    def test_create_a_custom_one_with_what_is_required_only(self, as_alice, collection):
        sent = {"type": "custom", "name": "Own", "collection_ids": [str(collection.id)]}
        made = as_alice.post(INTEGRATIONS, sent).json()["data"]
        assert made["settings"] == {"label": None}
        assert (made["project"], made["allowed_domains"], made["is_active"]) == (None, None, True)

    def test_defaults_of_a_search_box(self, as_alice, collection):
        sent = {"type": "search_box", "name": "Box", "collection_ids": [str(collection.id)]}
        made = as_alice.post(INTEGRATIONS, sent).json()["data"]
        assert made["settings"] == {"placeholder": "Search...", "results_display": "results"}

    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("method", ["patch", "put"])
    def test_update_and_delete(self, as_alice, made, slash, method):
        path = f"{INTEGRATIONS}/{made['id']}{slash}"
        sent = {"name": "Renamed", "persona": "technical-expert", "is_active": False}
        response = getattr(as_alice, method)(path, sent)
        assert response.status_code == 200
        changed = response.json()["data"]
        assert changed["updated_at"] > made["updated_at"]
        assert changed == made | {
            "name": "Renamed",
            "is_active": False,
            "settings": made["settings"] | {"persona": "technical-expert"},
            "updated_at": changed["updated_at"],
        }
        assert as_alice.get(path).json() == {"data": changed}
        response = as_alice.delete(path)
        assert (response.status_code, response.content) == (204, b"")
        refused(as_alice.get(path), 404)

    def test_events(self, as_alice, made):
        path = f"{INTEGRATIONS}/{made['id']}/events"
        sent = {"event_type": "thumbs_up", "meta": {"url": "https://example.com/page"}}
        response = as_alice.post(path, sent)
        assert (response.status_code, response.json()) == (200, {"ok": True})
        event = IntegrationEvent.objects.get()
        assert (str(event.integration_id), event.event_type, event.meta) == (made["id"], "thumbs_up", sent["meta"])

    def test_errors(self, as_alice, anonymous):
        body = refused(
            as_alice.post(INTEGRATIONS, {"type": "chatbot", "collection_ids": []}), 422, "name", "collection_ids"
        )
        assert body["errors"]["name"] == ["The name field is required."]
        assert refused(anonymous.get(INTEGRATIONS), 401) == {"message": "Unauthenticated."}
        assert refused(as_alice.get(f"{INTEGRATIONS}/{UNKNOWN}"), 404) == {"message": "Not found."}


class TestFields:
    @pytest.mark.parametrize(
        ("field", "value", "named"),
        [
            ("type", "widget", "type"),
            ("type", None, "type"),
            ("type", ["chatbot"], "type"),
            ("type", 1, "type"),
            ("name", "", "name"),
            ("name", None, "name"),
            ("name", 7, "name"),
            ("name", "x" * 256, "name"),
            ("collection_ids", None, "collection_ids"),
            ("collection_ids", "x", "collection_ids"),
            ("collection_ids", [], "collection_ids"),
            ("collection_ids", ["x"], "collection_ids.0"),
            ("collection_ids", [None], "collection_ids.0"),
            ("collection_ids", [str(UNKNOWN)], "collection_ids.0"),
            ("collection_ids", [str(uuid.uuid4()) for _ in range(101)], "collection_ids"),
            ("project", 5, "project"),
            ("project", "x" * 256, "project"),
            ("is_active", "perhaps", "is_active"),
            ("is_active", None, "is_active"),
            ("allowed_domains", "example.com", "allowed_domains"),
            ("allowed_domains", ["https://example.com"], "allowed_domains.0"),
            ("allowed_domains", ["example.com", "a b"], "allowed_domains.1"),
            ("allowed_domains", [1], "allowed_domains.0"),
            ("allowed_domains", ["example.com"] * 101, "allowed_domains"),
            ("persona", "pirate", "persona"),
            ("persona", None, "persona"),
            ("welcome_message", 1, "welcome_message"),
            ("welcome_message", "x" * 2001, "welcome_message"),
            ("instructions", "x" * 10_001, "instructions"),
            ("unknown_answer_message", {"a": 1}, "unknown_answer_message"),
            ("settings", "x", "settings"),
            ("settings", [1], "settings"),
        ],
    )
    @pytest.mark.parametrize("change", [False, True])
    def test_what_cannot_be_used_names_the_field(self, as_alice, chatbot, made, field, value, named, change):
        if change:
            response = as_alice.patch(f"{INTEGRATIONS}/{made['id']}", {field: value})
        else:
            response = as_alice.post(INTEGRATIONS, chatbot | {field: value})
        refused(response, 422, named)
        assert Integration.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "value"), [("placeholder", None), ("placeholder", "x" * 256), ("results_display", "grid")]
    )
    def test_settings_of_a_search_box(self, as_alice, collection, field, value):
        sent = SEARCH_BOX | {"collection_ids": [str(collection.id)], field: value}
        refused(as_alice.post(INTEGRATIONS, sent), 422, field)

    def test_required_fields_are_all_named(self, as_alice):
        refused(as_alice.post(INTEGRATIONS, {}), 422, "type", "name", "collection_ids")

    def test_the_type_stays(self, as_alice, made):
        path = f"{INTEGRATIONS}/{made['id']}"
        refused(as_alice.patch(path, {"type": "custom"}), 422, "type")
        assert as_alice.patch(path, {"type": "chatbot", "name": "Same"}).json()["data"]["name"] == "Same"

    def test_fields_of_other_types_and_unknown_ones_are_left_out(self, as_alice, chatbot):
        sent = chatbot | {"label": 7, "placeholder": None, "account": 1, "account_id": 1, "id": str(UNKNOWN), "x": "y"}
        response = as_alice.post(INTEGRATIONS, sent)
        assert response.status_code == 201
        assert response.json()["data"]["id"] != str(UNKNOWN)
        kept = Integration.objects.get()
        assert (kept.label, kept.placeholder) == (None, "Search...")

    def test_what_was_shown_can_be_changed_and_sent_back(self, as_alice, made):
        made["settings"]["persona"] = "sales-assistant"
        changed = as_alice.patch(f"{INTEGRATIONS}/{made['id']}", made).json()["data"]
        assert changed["settings"]["persona"] == "sales-assistant"
        both = {"persona": "custom", "settings": {"persona": "onboarding-guide"}}
        assert as_alice.patch(f"{INTEGRATIONS}/{made['id']}", both).json()["data"]["settings"]["persona"] == "custom"

    def test_null_takes_away_what_is_optional(self, as_alice, made):
        nothing = {
            "project": None, "allowed_domains": None, "welcome_message": None, "instructions": "",
            "unknown_answer_message": None,
        }  # fmt: skip
        changed = as_alice.patch(f"{INTEGRATIONS}/{made['id']}", nothing).json()["data"]
        assert (changed["project"], changed["allowed_domains"]) == (None, None)
        assert changed["settings"] == dict.fromkeys(made["settings"]) | {"persona": "customer-support"}

    def test_domains_are_kept_in_one_way_of_writing_them(self, as_alice, chatbot):
        sent = chatbot | {"allowed_domains": ["Example.COM", "example.com", "*.Bücher.de", "localhost:3000"]}
        made = as_alice.post(INTEGRATIONS, sent).json()["data"]
        assert made["allowed_domains"] == ["example.com", "*.xn--bcher-kva.de", "localhost:3000"]

    def test_collections_are_those_of_the_account_in_the_order_given(self, as_alice, made, account, charlie):
        others = Collection.objects.create(account=charlie.personal_account, name="Others")
        own = [str(Collection.objects.create(account=account, name=name).id) for name in "bac"]
        path = f"{INTEGRATIONS}/{made['id']}"
        refused(as_alice.patch(path, {"collection_ids": [own[0], str(others.id)]}), 422, "collection_ids.1")
        changed = as_alice.patch(path, {"collection_ids": [own[2], own[0], own[2]]}).json()["data"]
        assert changed["collection_ids"] == [own[2], own[0]]
        assert as_alice.get(path).json()["data"]["collection_ids"] == [own[2], own[0]]

    def test_a_collection_that_is_deleted_is_no_longer_there(self, as_alice, made, collection, account):
        other = Collection.objects.create(account=account, name="Other")
        path = f"{INTEGRATIONS}/{made['id']}"
        as_alice.patch(path, {"collection_ids": [str(collection.id), str(other.id)]})
        assert as_alice.delete(f"/api/v1/collections/{collection.id}").status_code == 204
        assert as_alice.get(path).json()["data"]["collection_ids"] == [str(other.id)]
        as_alice.delete(f"/api/v1/collections/{other.id}")
        assert as_alice.get(path).json()["data"]["collection_ids"] == []
        assert as_alice.get(f"{path}/search?query=anything").json()["data"] == []


class TestLists:
    def test_are_filtered_by_type_and_project(self, as_alice, chatbot):
        ids = {}
        for kind, project in [("chatbot", "a.com"), ("chatbot", "b.com"), ("custom", "a.com")]:
            sent = chatbot | {"type": kind, "project": project}
            ids[kind, project] = as_alice.post(INTEGRATIONS, sent).json()["data"]["id"]

        def listed(query):
            return [each["id"] for each in as_alice.get(f"{INTEGRATIONS}?{query}").json()["data"]]

        assert listed("type=custom") == [ids["custom", "a.com"]]
        assert listed("project=a.com") == [ids["custom", "a.com"], ids["chatbot", "a.com"]]
        assert listed("project=a.com&type=chatbot") == [ids["chatbot", "a.com"]]
        assert listed("project=nothing") == []
        assert listed("type=") == listed("")

    def test_a_type_that_is_none_is_refused(self, as_alice):
        refused(as_alice.get(f"{INTEGRATIONS}?type=widget"), 422, "type")
        refused(as_alice.get(f"{INTEGRATIONS}?project=%00"), 422, "project")

    def test_pages_are_clamped_and_linked(self, as_alice, account):
        made = [str(Integration.objects.create(account=account, type="custom", name=str(n)).id) for n in range(3)]
        assert as_alice.get(f"{INTEGRATIONS}?per_page=1000").json()["meta"]["per_page"] == 100
        first = as_alice.get(f"{INTEGRATIONS}?per_page=2&type=custom").json()
        second = as_alice.get(first["links"]["next"]).json()
        assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
        assert second["links"]["next"] is None
        assert as_alice.get(second["links"]["prev"]).json()["data"] == first["data"]
        for query in ("page=0", "page=x", "per_page=0"):
            refused(as_alice.get(f"{INTEGRATIONS}?{query}"), 422, query.partition("=")[0])


@pytest.mark.parametrize("body", sorted(set(BODIES) - {"empty"}))
@pytest.mark.parametrize("path", ["", "/search", "/events"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_bad_bodies_are_refused_in_shape(as_alice, made, path, body, slash):
    where = f"{INTEGRATIONS}/{made['id']}{path}" if path else INTEGRATIONS
    response = send(as_alice, "post", where + slash, BODIES[body])
    assert response.status_code in (400, 422)
    assert set(response.json()) <= {"message", "errors"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_415(as_alice, made, content_type):
    for path in (INTEGRATIONS, f"{INTEGRATIONS}/{made['id']}/search", f"{INTEGRATIONS}/{made['id']}/events"):
        refused(send(as_alice, "post", path, b"query=x", content_type), 415)


def test_another_method_is_405(as_alice, made):
    path = f"{INTEGRATIONS}/{made['id']}"
    for method, where in [
        ("post", path), ("delete", INTEGRATIONS), ("patch", f"{path}/search"), ("get", f"{path}/events"),
    ]:  # fmt: skip
        refused(getattr(as_alice, method)(where), 405)


@pytest.mark.parametrize("ident", ["x", "1", "9e3a7c2f", "b81d17eb-99c7-408a-8081-09319dff64e", "%00"])
@pytest.mark.parametrize("path", ["", "/search?query=a", "/events"])
def test_an_id_that_is_none_is_not_found(as_alice, ident, path):
    assert refused(as_alice.get(f"{INTEGRATIONS}/{ident}{path}"), 404) == {"message": "Not found."}


class TestWhoMay:
    def test_strangers_find_nothing(self, made, as_charlie):
        for ident in (made["id"], UNKNOWN):
            path = f"{INTEGRATIONS}/{ident}"
            for method, where, body in [
                ("get", path, None),
                ("patch", path, {"name": ""}),
                ("delete", path, None),
                ("get", f"{path}/search", None),
                ("post", f"{path}/search", {"query": "x"}),
                ("post", f"{path}/events", {"event_type": "nonsense"}),
            ]:
                assert refused(getattr(as_charlie, method)(where, body), 404) == {"message": "Not found."}
        assert as_charlie.get(INTEGRATIONS).json()["data"] == []
        assert Integration.objects.count() == 1

    def test_a_viewer_reads_and_searches_but_changes_nothing(self, made, chatbot, account):
        vera = make_user("Vera")
        Membership.objects.create(account=account, user=vera, role=Membership.Role.VIEWER)
        as_vera, path = client_of(vera, account), f"{INTEGRATIONS}/{made['id']}"
        assert as_vera.get(path).status_code == as_vera.get(INTEGRATIONS).status_code == 200
        assert as_vera.get(f"{path}/search?query=x").status_code == 200
        assert as_vera.post(f"{path}/search", {"query": "x"}).status_code == 200
        assert as_vera.post(f"{path}/events", {"event_type": "click"}).status_code == 200
        for response in (as_vera.post(INTEGRATIONS, chatbot), as_vera.patch(path, {"name": "x"}), as_vera.delete(path)):
            refused(response, 403)

    def test_an_inactive_one_is_shown_but_not_searched(self, as_alice, made):
        path = f"{INTEGRATIONS}/{made['id']}"
        as_alice.patch(path, {"is_active": False})
        assert refused(as_alice.get(f"{path}/search?query=x"), 404) == {"message": "Not found."}
        refused(as_alice.post(f"{path}/search", {"query": "x"}), 404)
        refused(as_alice.post(f"{path}/events", {"event_type": "click"}), 404)
        assert as_alice.patch(path, {"is_active": True}).status_code == 200
        assert as_alice.get(f"{path}/search?query=x").status_code == 200


class TestEvents:
    @pytest.mark.parametrize("kind", ["click", "thumbs_up", "thumbs_down"])
    @pytest.mark.parametrize("meta", [{}, None, [], {"url": "https://example.com", "rank": 3}, {"message_id": "m-1"}])
    def test_are_kept(self, as_alice, made, kind, meta):
        response = as_alice.post(f"{INTEGRATIONS}/{made['id']}/events", {"event_type": kind, "meta": meta})
        assert response.json() == {"ok": True}
        assert IntegrationEvent.objects.get().meta == (meta or {})

    @pytest.mark.parametrize(
        ("sent", "field"),
        [
            ({}, "event_type"),
            ({"event_type": "purchase"}, "event_type"),
            ({"event_type": ["click"]}, "event_type"),
            ({"event_type": "click", "meta": "x"}, "meta"),
            ({"event_type": "click", "meta": [1]}, "meta"),
            ({"event_type": "click", "meta": {"a": "x" * 5000}}, "meta"),
            ({"event_type": "click", "meta": {"a": "é" * 2500}}, "meta"),
            ({"event_type": "click", "meta": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, "meta"),
        ],
    )
    def test_that_cannot_be_kept_name_the_field(self, as_alice, made, sent, field):
        refused(as_alice.post(f"{INTEGRATIONS}/{made['id']}/events", sent), 422, field)
        assert not IntegrationEvent.objects.exists()

    def test_go_with_their_integration_and_the_collections_stay(self, as_alice, made, collection):
        as_alice.post(f"{INTEGRATIONS}/{made['id']}/events", {"event_type": "click"})
        as_alice.delete(f"{INTEGRATIONS}/{made['id']}")
        assert not IntegrationEvent.objects.exists()
        assert not IntegrationCollection.objects.exists()
        assert Collection.objects.filter(id=collection.id).exists()


NOW = datetime.now(UTC)
COFFEES = [
    # text, meta, searchable_meta
    (
        "A dark roast coffee from Brazil with notes of chocolate.",
        {"price": 8, "on_sale": True, "published_at": (NOW - timedelta(days=400)).isoformat(), "source": "blog"},
        {"tags": ["coffee", "dark"], "post_type": "post"},
    ),
    (
        "A decaf coffee from Colombia with notes of caramel.",
        {
            "price": 12,
            "published_at": (NOW - timedelta(days=2)).isoformat(),
            "source": "blog",
            "origin": {"country": "CO"},
        },
        {"tags": ["coffee", "decaf"], "post_type": "page"},
    ),
    (
        "An espresso coffee blend with notes of hazelnut.",
        {"price": 19.5, "published_at": (NOW - timedelta(days=90)).isoformat(), "source": "shop"},
        {"tags": ["coffee"], "post_type": "product"},
    ),
    ("Coffee tastes best from a warm cup.", {"source": "shop"}, {}),
]
BRAZIL, COLOMBIA, BLEND, CUP = range(4)


@pytest.fixture
def coffees(collection, account):
    entries = []
    for text, meta, searchable in COFFEES:
        entry = add_entry(account, text, title=text.partition(" with ")[0], collection=collection)
        entry.meta, entry.searchable_meta = meta, searchable
        entry.source_type, entry.source_id, entry.source_url = "web", f"coffee-{len(entries)}", "https://example.com/c"
        entry.raw_text = text
        entry.save()
        entries.append(entry)
    return entries


@pytest.fixture
def search(as_alice, made, coffees):
    """Searches, with everything as a candidate unless told otherwise, by the query string or by a JSON body."""
    path = f"{INTEGRATIONS}/{made['id']}/search"

    def run(query="", body=None, method="post"):
        if body is not None:
            body = {"query": "coffee", "threshold": 0} | body
            return send(as_alice, method, f"{path}?{query}" if query else path, json.dumps(body).encode())
        return as_alice.get(f"{path}?query=coffee&threshold=0&{query}")

    return run


@pytest.fixture
def which(coffees):
    places = {str(entry.id): number for number, entry in enumerate(coffees)}

    def of(response):
        assert response.status_code == 200, response.content[:500]
        return [places[result["id"]] for result in response.json()["data"]]

    return of


class TestSearch:
    def test_answers_with_entries_and_why(self, as_alice, made, coffees, collection):
        path = f"{INTEGRATIONS}/{made['id']}/search"
        response = as_alice.get(f"{path}?query=decaf+coffee+from+Colombia&threshold=0.3")
        assert response.status_code == 200
        body = response.json()
        assert set(body) == {"data", "summarisable", "links", "meta"}
        best = body["data"][0]
        assert set(best) == RESULT_FIELDS
        entry = coffees[COLOMBIA]
        assert (best["id"], best["collection_id"]) == (str(entry.id), str(collection.id))
        assert (best["title"], best["raw_text"]) == (entry.title, entry.raw_text)
        assert (best["meta"], best["searchable_meta"]) == (entry.meta, entry.searchable_meta)
        assert (best["source_type"], best["source_id"]) == ("web", "coffee-1")
        assert best["source_url"] == "https://example.com/c"
        assert is_timestamp(best["created_at"])
        assert is_timestamp(best["updated_at"])
        assert set(best["score_breakdown"]) == {"similarity", "final_score", "boosts"}
        assert 0.3 <= best["score_breakdown"]["similarity"] <= 1
        assert isinstance(body["summarisable"], bool)
        assert set(body["meta"]) == {"current_page", "last_page", "per_page", "total"}
        assert body["meta"]["total"] == len(body["data"])

    def test_is_the_same_by_query_string_by_get_with_a_body_and_by_post(self, search, which):
        asked = {"meta": {"price": {"lt": 15}}, "boost": [{"field": "price", "type": "prefer_low", "scale": 5}]}
        query = "meta[price][lt]=15&boost[0][field]=price&boost[0][type]=prefer_low&boost[0][scale]=5"
        answers = [search(query), search(body=asked, method="get"), search(body=asked)]
        assert which(answers[0]) == which(answers[1]) == which(answers[2])
        assert sorted(which(answers[0])) == [BRAZIL, COLOMBIA]
        assert answers[0].json()["data"] == answers[2].json()["data"]

    def test_finds_nothing_below_the_threshold(self, search, which):
        assert which(search("threshold=1")) == []
        assert search("threshold=1").json()["meta"]["total"] == 0
        assert search("threshold=1").json()["summarisable"] is False

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("meta[source]=blog", {BRAZIL, COLOMBIA}),
            ("meta[post_type]=post", {BRAZIL}),
            ("meta[post_type][or][]=post&meta[post_type][or][]=page", {BRAZIL, COLOMBIA}),
            ("meta[post_type][]=post&meta[post_type][]=page", {BRAZIL, COLOMBIA}),
            ("meta[post_type][or][0]=post&meta[post_type][or][3]=page", {BRAZIL, COLOMBIA}),
            ("meta[tags][and][]=coffee&meta[tags][and][]=decaf", {COLOMBIA}),
            ("meta%5Btags%5D%5Band%5D%5B%5D=coffee&meta%5Btags%5D%5Band%5D%5B%5D=dark", {BRAZIL}),
            ("meta[post_type][or][]=post&meta[post_type][or][]=page&meta[source]=blog", {BRAZIL, COLOMBIA}),
            ("meta[price]=12", {COLOMBIA}),
            ("meta[on_sale]=true", {BRAZIL}),
            ("meta[origin.country]=CO", {COLOMBIA}),
            ("meta[price][gte]=8&meta[price][lt]=12", {BRAZIL}),
            ("meta[price][gt]=8", {COLOMBIA, BLEND}),
            ("meta[price][lte]=12", {BRAZIL, COLOMBIA}),
            (f"meta[published_at][gte]={(NOW - timedelta(days=100)).date()}", {COLOMBIA, BLEND}),
            ("meta[source][not]=shop", {BRAZIL, COLOMBIA}),
            ("meta[source][not][]=shop", {BRAZIL, COLOMBIA}),
            ("meta[price][exists]=false", {CUP}),
            ("meta[source]=nothing", set()),
            ("meta[source]=", set()),
            ("meta=", {BRAZIL, COLOMBIA, BLEND, CUP}),
        ],
    )
    def test_filters(self, search, which, query, found):
        assert set(which(search(query))) == found

    def test_filters_of_a_body_keep_their_types(self, search, which):
        assert which(search(body={"meta": {"price": 12}})) == [COLOMBIA]
        assert which(search(body={"meta": {"on_sale": True}})) == [BRAZIL]
        assert set(which(search(body={"meta": {"price": {"or": [8, "19.5"]}}}))) == {BRAZIL, BLEND}
        assert len(which(search(body={"meta": {}}))) == len(which(search(body={"meta": []}))) == 4

    def test_the_references_boost(self, search, which):
        boost = {"field": "published_at", "type": "recency", "strength": "high"}
        results = search(body={"boost": [boost]}).json()["data"]
        factors = {result["source_id"]: result["score_breakdown"]["boosts"][0]["factor"] for result in results}
        assert 1.48 < factors["coffee-1"] <= 1.5
        assert factors["coffee-2"] == pytest.approx(1.25, abs=0.01)
        assert 1 < factors["coffee-0"] < 1.05
        assert factors["coffee-3"] == 1
        assert results[0]["score_breakdown"]["boosts"][0] | {"factor": 0} == {
            "field": "published_at", "type": "recency", "factor": 0
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("boost", "highest"),
        [
            ({"type": "prefer_low", "field": "price", "scale": 4}, "coffee-0"),
            ({"type": "prefer_high", "field": "price", "scale": "4"}, "coffee-2"),
            ({"type": "near_value", "field": "price", "scale": 1, "target": 12}, "coffee-1"),
            ({"type": "recency", "field": "published_at", "scale": "12h"}, "coffee-1"),
        ],
    )
    def test_boosts_of_each_type(self, search, boost, highest):
        results = search(body={"boost": [boost | {"strength": "low"}]}).json()["data"]
        factors = {result["source_id"]: result["score_breakdown"]["boosts"][0]["factor"] for result in results}
        assert max(factors, key=factors.__getitem__) == highest
        assert all(1 <= factor <= 1.1 for factor in factors.values())
        assert factors["coffee-3"] == 1

    def test_the_references_sort(self, search, which):
        newest = {"field": "published_at", "direction": "desc", "type": "date"}
        assert which(search(body={"sort": [newest]})) == [COLOMBIA, BLEND, BRAZIL, CUP]
        assert which(search("sort[0][field]=published_at&sort[0][direction]=asc&sort[0][type]=date")) == [
            BRAZIL, BLEND, COLOMBIA, CUP
        ]  # fmt: skip

    def test_sort_by_number_and_then_by_text(self, search, which):
        assert which(search("sort[0][field]=price&sort[0][direction]=desc&sort[0][type]=number")) == [
            BLEND, COLOMBIA, BRAZIL, CUP
        ]  # fmt: skip
        by_source, by_price = {"field": "source", "direction": "desc"}, {"field": "price", "direction": "asc"}
        assert which(search(body={"sort": [by_source, by_price | {"type": "number"}]})) == [
            BLEND,
            CUP,
            BRAZIL,
            COLOMBIA,
        ]

    def test_pages_keep_the_query_string(self, search, as_alice, which):
        first = search(
            "per_page=3&meta[source][or][]=blog&meta[source][or][]=shop&sort[0][field]=price&sort[0][direction]=asc"
        )
        second = as_alice.get(first.json()["links"]["next"])
        assert sorted(which(first) + which(second)) == [BRAZIL, COLOMBIA, BLEND, CUP]
        assert second.json()["links"]["next"] is None
        assert second.json()["meta"] == {"current_page": 2, "last_page": 2, "per_page": 3, "total": 4}
        assert which(as_alice.get(second.json()["links"]["prev"])) == which(first)
        kept = parse_qs(urlsplit(first.json()["links"]["next"]).query)
        assert (kept["query"], kept["per_page"], kept["page"]) == (["coffee"], ["3"], ["2"])

    def test_links_of_a_search_by_body_stand_for_themselves(self, search, as_alice, which):
        first = search(body={"per_page": 2, "meta": {"source": {"or": ["blog", "shop"]}}})
        second = as_alice.get(first.json()["links"]["next"])
        assert sorted(which(first) + which(second)) == [BRAZIL, COLOMBIA, BLEND, CUP]
        again = search(urlsplit(first.json()["links"]["next"]).query, body={"per_page": 2, "page": 1})
        assert which(again) == which(second)

    def test_pages_are_clamped_to_fifty_and_empty_past_the_end(self, search):
        assert search("per_page=1000").json()["meta"]["per_page"] == 50
        body = search("page=999999999999").json()
        assert (body["data"], body["meta"]["total"], body["links"]["next"]) == ([], 4, None)

    def test_empty_parameters_count_as_not_sent(self, search, which):
        assert len(which(search("page=&per_page=&boost=&sort=&explain="))) == 4
        assert len(which(search(body={"page": None, "boost": None, "sort": [], "meta": None}))) == 4

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]"])
    def test_a_get_may_have_an_empty_body(self, as_alice, made, body):
        path = f"{INTEGRATIONS}/{made['id']}/search"
        assert send(as_alice, "get", f"{path}?query=coffee", body).status_code == 200

    def test_explains_to_members(self, search, coffees):
        body = search("explain=1").json()
        assert body["timings"]["total"] > 0
        assert len(body["data"]) == 4
        for result in body["data"]:
            assert {"vector", "lexical", "boosts", "filters", "calibration"} <= set(result["explain"])
        assert "explain" not in search().json()["data"][0]


def one(kind="recency", **more):
    return {"field": "price", "type": kind} | more


class TestRefusals:
    @pytest.mark.parametrize(
        ("sent", "fields"),
        [
            ({"query": None}, ["query"]),
            ({"query": "  "}, ["query"]),
            ({"query": 7}, ["query"]),
            ({"query": ["a"]}, ["query"]),
            ({"query": "x" * 4001}, ["query"]),
            ({"threshold": 1.01}, ["threshold"]),
            ({"threshold": -0.1}, ["threshold"]),
            ({"threshold": "high"}, ["threshold"]),
            ({"threshold": "nan"}, ["threshold"]),
            ({"threshold": True}, ["threshold"]),
            ({"threshold": 10**400}, ["threshold"]),
            ({"page": 0}, ["page"]),
            ({"page": "x"}, ["page"]),
            ({"per_page": 0}, ["per_page"]),
            ({"per_page": "many"}, ["per_page"]),
            ({"explain": "perhaps"}, ["explain"]),
            ({"meta": "x"}, ["meta"]),
            ({"meta": ["x"]}, ["meta"]),
            ({"meta": {"a": {"like": "x"}}}, ["meta.a"]),
            ({"meta": {"a": {"b": {"c": 1}}}}, ["meta.a"]),
            ({"meta": {"a.b": {"or": []}}}, ["meta.a.b"]),
            ({"meta": {"a": {"or": [{}]}}}, ["meta.a"]),
            ({"meta": {"a": {}}}, ["meta.a"]),
            ({"meta": {"a": []}}, ["meta.a"]),
            ({"meta": {"a": None}}, ["meta.a"]),
            ({"meta": {"a": {"gte": "soon"}}}, ["meta.a"]),
            ({"meta": {"a": {"gt": True}}}, ["meta.a"]),
            ({"meta": {"a": {"lt": [1]}}}, ["meta.a"]),
            ({"meta": {"a": 10**400}}, ["meta.a"]),
            ({"meta": {"a": "x" * 1001}}, ["meta.a"]),
            ({"meta": {"a": {"or": ["x"] * 101}}}, ["meta.a"]),
            ({"meta": {str(n): 1 for n in range(21)}}, ["meta"]),
            ({"meta": {"a": {"exists": "maybe"}}}, ["meta.a"]),
            ({"boost": "x"}, ["boost"]),
            ({"boost": {"field": "price"}}, ["boost"]),
            ({"boost": ["x"]}, ["boost.0"]),
            ({"boost": [one()] * 4}, ["boost"]),
            ({"boost": [{}]}, ["boost.0.field", "boost.0.type"]),
            ({"boost": [one("hype")]}, ["boost.0.type"]),
            ({"boost": [one(strength="extreme")]}, ["boost.0.strength"]),
            ({"boost": [one(), one(field="")]}, ["boost.1.field"]),
            ({"boost": [one(scale="soon")]}, ["boost.0.scale"]),
            ({"boost": [one(scale="0d")]}, ["boost.0.scale"]),
            ({"boost": [one(scale="-3d")]}, ["boost.0.scale"]),
            ({"boost": [one(scale="3 d")]}, ["boost.0.scale"]),
            ({"boost": [one(scale=90)]}, ["boost.0.scale"]),
            ({"boost": [one(scale=["90d"])]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_low")]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_high", scale="90d")]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_high", scale=0)]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_high", scale=-1)]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_high", scale="inf")]}, ["boost.0.scale"]),
            ({"boost": [one("prefer_high", scale=True)]}, ["boost.0.scale"]),
            ({"boost": [one("near_value", scale=1)]}, ["boost.0.target"]),
            ({"boost": [one("near_value", scale=1, target="x")]}, ["boost.0.target"]),
            ({"sort": "x"}, ["sort"]),
            ({"sort": [{"field": "price", "direction": "up"}]}, ["sort.0.direction"]),
            ({"sort": [{"direction": "asc"}]}, ["sort.0.field"]),
            ({"sort": [{"field": "price", "direction": "asc", "type": "version"}]}, ["sort.0.type"]),
            ({"sort": [{"field": "price", "direction": "asc"}] * 4}, ["sort"]),
            ({"sort": [{"field": "price", "direction": "asc"}], "boost": [one()]}, ["boost", "sort"]),
        ],
    )
    def test_of_a_search_name_the_field(self, as_alice, made, sent, fields):
        response = as_alice.post(f"{INTEGRATIONS}/{made['id']}/search", {"query": "coffee"} | sent)
        refused(response, 422, *fields)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "query"),
            ("query=", "query"),
            ("query[]=a", "query"),
            ("query=a&meta[a[b]=1", "meta[a[b]"),
            ("query=a&" + "&".join(f"x[]={n}" for n in range(501)), "x[]"),
            ("query=a&boost[0][field]=p&boost[0][type]=recency&boost[0][scale]=x", "boost.0.scale"),
        ],
    )
    def test_of_a_query_string_name_the_field(self, as_alice, made, query, field):
        refused(as_alice.get(f"{INTEGRATIONS}/{made['id']}/search?{query}"), 422, field)

    @pytest.mark.parametrize("query", ["query=%00", "query=a&meta[%00]=1", "query=a&" + "x=1&" * 1200])
    def test_of_text_that_cannot_be_read(self, as_alice, made, query):
        assert as_alice.get(f"{INTEGRATIONS}/{made['id']}/search?{query}").status_code in (400, 422)

    def test_of_bytes_that_are_no_text_are_none(self, as_alice, made):
        assert as_alice.get(f"{INTEGRATIONS}/{made['id']}/search?query=%ff%fe").status_code == 200
