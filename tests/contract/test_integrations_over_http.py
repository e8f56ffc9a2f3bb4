"""Searching an integration over a wire, where a GET may bring a body in more ways than one."""

from __future__ import annotations

import json

import pytest

from accounts.tokens import start_family
from tests.cast import make_user
from tests.knowledge.library import add_entry

CONTENT = {"Content-Type": "application/json", "Accept": "application/json"}


@pytest.fixture
def program(browser):
    """Alice's, who has an integration with one collection of three entries."""
    alice = make_user("Alice")
    client = browser(start_family(alice).access, **CONTENT)
    for text, category in [("Refunds are available for 30 days.", "billing"), ("We ship worldwide.", "shipping")]:
        entry = add_entry(alice.personal_account, text, title=text)
        entry.meta = {"category": category}
        entry.save()
    sent = {"type": "search_box", "name": "Docs", "collection_ids": [str(entry.collection_id)]}
    made = client.post("/integrations", json=sent)
    assert made.status_code == 201, made.text
    client.path = f"/integrations/{made.json()['data']['id']}"
    return client


def categories(response):
    assert response.status_code == 200, response.text
    return [result["meta"]["category"] for result in response.json()["data"]]


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_references_own_request(program, slash):
    response = program.get(f"{program.path}/search{slash}?query=how+do+refunds+work&threshold=0.3")
    assert categories(response)[0] == "billing"
    assert response.json()["links"]["first"].startswith(str(program.base_url).rstrip("/"))


def test_brackets_in_clear_and_percent_encoded(program):
    # The address is sent as it stands here.
    for query in ("meta[category]=shipping", "meta%5Bcategory%5D=shipping", "meta%5bcategory%5d[or][]=shipping"):
        assert categories(program.get(f"{program.path}/search?query=x&threshold=0&{query}")) == ["shipping"]


def test_a_get_with_a_body_with_and_without_its_length(program):
    asked = json.dumps({"query": "refunds", "threshold": 0, "meta": {"category": "shipping"}}).encode()

    def pieces():
        yield asked[:20]
        yield asked[20:]

    for content in (asked, pieces()):
        assert categories(program.request("GET", f"{program.path}/search", content=content)) == ["shipping"]
    assert categories(program.post(f"{program.path}/search", content=asked)) == ["shipping"]


def test_a_get_with_a_bad_body_is_refused_in_shape(program):
    for content, status in ((b"{", 400), (b"[1]", 422), (b'{"query": "a\\u0000"}', 400)):
        response = program.request("GET", f"{program.path}/search?query=x", content=content)
        assert response.status_code == status, response.text
        assert set(response.json()) <= {"message", "errors"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = program.request("GET", f"{program.path}/search", content=b"query=x", headers=form)
    assert (response.status_code, set(response.json())) == (415, {"message"})
