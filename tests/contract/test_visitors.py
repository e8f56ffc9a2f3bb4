"""Pages of other sites at an integration: where they may be from, what they read, and who goes on with what."""

from __future__ import annotations

import base64
import json
import time

import pytest

from accounts.models import Plan
from accounts.plans import put_on
from integrations import keys
from integrations.identities import signature_of
from integrations.models import ChatbotKey, Integration, IntegrationEvent
from knowledge.models import Entry
from tests.cast import make_user
from tests.knowledge.library import add_entry

SHOP = "https://shop.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def account(transactional_db):
    account = make_user("Alice").personal_account
    put_on(account, Plan.objects.get(name="pro"))
    return account


@pytest.fixture
def integration(account):
    entry = add_entry(account, "Customers request a refund within 30 days.", title="Refunds")
    domains = ["shop.example.com", "*.wild.example", "port.example:8443"]
    made = Integration.objects.create(account=account, type="chatbot", name="Bot", allowed_domains=domains)
    made.connect([entry.collection_id])
    return made


@pytest.fixture
def key(account, integration):
    return keys.create(account, "Shop", integrations=[integration])


@pytest.fixture
def path(integration):
    return f"/integrations/{integration.id}"


@pytest.fixture
def page(browser, key):
    return browser(keys.text_of(key), Origin=SHOP)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (SHOP, 200),
        ("https://www.shop.example.com", 200),
        ("https://a.wild.example", 200),
        ("https://wild.example", 403),
        ("https://port.example:8443", 200),
        ("https://port.example", 403),
        ("https://evilshop.example.com", 403),
        ("https://shop.example.com.evil.example", 403),
        ("null", 403),
    ],
)
def test_a_page_is_let_in_by_its_origin(browser, key, path, origin, status):
    page = browser(keys.text_of(key), Origin=origin)
    answers = [
        page.post(f"{path}/search", json={"query": "refund"}),
        page.post(f"{path}/events", json={"event_type": "click"}),
    ]
    for answer in answers:
        assert answer.status_code == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight = browser().request("OPTIONS", f"{path}/search", headers=PREFLIGHT | {"Origin": origin})
    assert preflight.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)


def test_without_domains_no_page_is_let_in_and_without_an_origin_nobody(browser, key, page, path, integration):
    assert browser(keys.text_of(key)).post(f"{path}/search", json={"query": "a"}).status_code == 403
    Integration.objects.update(allowed_domains=None)
    assert page.post(f"{path}/search", json={"query": "a"}).status_code == 403


def test_errors_can_be_read_by_the_page(browser, page, path):
    for answer, status in (
        (page.post(f"{path}/search", json={}), 422),
        (browser("cb_x", Origin=SHOP).get(f"{path}/widget"), 401),
    ):
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP


def test_a_key_opens_the_integrations_it_is_bound_to_and_no_other(browser, account, page, path, key):
    other = Integration.objects.create(account=account, type="custom", name="B", allowed_domains=["shop.example.com"])
    assert page.post(f"/integrations/{other.id}/search", json={"query": "a"}).status_code == 404
    unbound = browser(keys.text_of(keys.create(account, "All")), Origin=SHOP)
    assert unbound.post(f"{path}/search", json={"query": "a"}).status_code == 404
    assert page.get(path).status_code == 401
    Integration.objects.update(is_active=False)
    assert page.post(f"{path}/search", json={"query": "a"}).status_code == 404


def test_a_session_is_good_here_and_ends_with_its_key(browser, page, path, key, account):
    begun = page.post(f"{path}/sessions", json={})
    assert begun.status_code == 201
    token = begun.json()["data"]["token"]
    session = browser(token, Origin=SHOP)
    assert session.get(f"{path}/widget").json()["data"]["name"] == "Bot"
    assert session.post(f"{path}/search", json={"query": "refund"}).status_code == 200
    assert session.post(f"{path}/sessions", json={}).status_code == 401
    assert browser(token, Origin="https://a.wild.example").get(f"{path}/widget").status_code == 401
    assert browser(token[:-2] + "xx", Origin=SHOP).get(f"{path}/widget").status_code == 401
    keys.rotate(key)
    assert session.get(f"{path}/widget").status_code == 401


def test_visitors_read_and_go_on_with_their_own_conversations_alone(browser, page, path):
    def visitor(earlier=None):
        return page.post(f"{path}/sessions", json={"visitor": earlier}).json()["data"]["token"]

    first, second = visitor(), visitor()
    asked = {"message": "What is the meaning of zebras?", "stream": False}
    said = browser(first, Origin=SHOP).post(f"{path}/chat", json=asked).json()
    own = f"{path}/conversations/{said['conversation_id']}"
    for token, status in ((first, 200), (visitor(first), 200), (second, 404)):
        client = browser(token, Origin=SHOP)
        assert client.get(own).status_code == status
        more = client.post(f"{path}/chat", json=asked | {"conversation_id": said["conversation_id"]})
        assert more.status_code == status
    assert page.get(own).status_code in (401, 403)


def signed(key, secret, **payload):
    said = {"sub": "ada", "exp": int(time.time()) + 600} | payload
    text = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    return f"{text}.{signature_of(text, secret)}"


@pytest.fixture
def secret(key):
    return keys.make_identity_secret(key)


@pytest.fixture
def tenants(account, integration):
    """Two entries that fit a question alike, for two of the site's customers."""
    collection = integration.links.first().collection
    for tenant in ("acme", "umbrella"):
        text = f"The contract of {tenant} ends in December."
        entry = add_entry(account, text, title=f"Contract {tenant}", collection=collection)
        Entry.objects.filter(account=account, id=entry.id).update(meta={"tenant": tenant})


def test_whom_the_site_introduces_finds_what_it_signed_and_nothing_else(browser, page, path, key, secret, tenants):
    identity = signed(key, secret, filters={"tenant": "acme"}, attributes={"plan": "gold"})
    begun = page.post(f"{path}/sessions", json={"identity": identity}).json()["data"]
    assert begun["identified"] is True
    visitor = browser(begun["token"], Origin=SHOP)
    for meta in ({}, {"tenant": "umbrella"}, {"tenant": {"or": ["acme", "umbrella"]}}, {"tenant": {"not": "acme"}}):
        asked = {"query": "When does the contract end?", "threshold": 0, "meta": meta}
        found = {row["meta"].get("tenant") for row in visitor.post(f"{path}/search", json=asked).json()["data"]}
        assert found <= {"acme"}
        summed = visitor.post(f"{path}/summarise", json=asked | {"stream": False}).json()
        assert {row["meta"].get("tenant") for row in summed["data"]} <= {"acme"}
        assert "umbrella" not in summed["summary"]
    said = visitor.post(f"{path}/chat", json={"message": "When does the contract of umbrella end?", "stream": False})
    assert "umbrella" not in json.dumps([said.json()["message"], said.json()["citations"]])
    assert "acme" in visitor.post(f"{path}/chat", json={"message": "When does the contract end?", "stream": False}).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 0},
        {"exp": int(time.time()) + 3 * 86_400},
        {"exp": True},
        {"sub": ""},
        {"sub": None},
        {"sub": "x" * 201},
        {"filters": []},
        {"filters": {"a": {"unknown": 1}}},
        {"attributes": {"a": {"b": 1}}},
        {"attributes": {str(n): n for n in range(11)}},
    ],
)
def test_what_the_site_may_not_sign_is_refused(page, path, key, secret, wrong):
    answer = page.post(f"{path}/sessions", json={"identity": signed(key, secret, **wrong)})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["identity"])


def test_an_identity_that_the_site_did_not_sign_is_refused(page, path, key, secret):
    good = signed(key, secret)
    payload, _, signature = good.partition(".")
    forged = base64.urlsafe_b64encode(b'{"sub": "eve", "exp": 9999999999}').rstrip(b"=").decode()
    for bad in (
        f"{forged}.{signature}",
        f"{payload}.",
        payload,
        "a.b",
        f"{payload}.{signature}x",
        signed(key, "other"),
    ):
        assert page.post(f"{path}/sessions", json={"identity": bad}).status_code == 422
    keys.make_identity_secret(key)
    assert page.post(f"{path}/sessions", json={"identity": good}).status_code == 422


@pytest.mark.parametrize(
    "said",
    [
        {"sub": "\ud800"},
        {"attributes": {"plan": "\ud800"}},
        {"attributes": {"plan": "a\0b"}},
        {"attributes": {"plan": float("nan")}},
        {"filters": {"plan": "a\0b"}},
        {"filters": {"a\0b": "gold"}},
        {"filters": {"plan": json.loads("[" * 900 + "]" * 900)}},
    ],
)
def test_a_signed_identity_of_what_cannot_be_kept_is_refused(page, path, key, secret, said):
    assert page.post(f"{path}/sessions", json={"identity": signed(key, secret, **said)}).status_code == 422


def test_a_key_may_ask_that_visitors_are_introduced(browser, page, path, key, secret):
    anonymous = page.post(f"{path}/sessions", json={}).json()["data"]["token"]
    ChatbotKey.objects.update(requires_identity=True)
    assert page.get(f"{path}/widget").status_code == 200
    assert page.post(f"{path}/sessions", json={}).status_code == 403
    assert page.post(f"{path}/search", json={"query": "refund"}).status_code == 403
    assert page.post("/chatbot/ask_question", json={"question": "refund"}).status_code == 403
    assert browser(anonymous, Origin=SHOP).post(f"{path}/search", json={"query": "refund"}).status_code == 401
    token = page.post(f"{path}/sessions", json={"identity": signed(key, secret)}).json()["data"]["token"]
    assert browser(token, Origin=SHOP).post(f"{path}/search", json={"query": "refund"}).status_code == 200


def test_nobody_goes_on_as_whom_the_site_introduced_without_being_introduced(browser, page, path, key, secret):
    known = page.post(f"{path}/sessions", json={"identity": signed(key, secret)}).json()["data"]["token"]
    said = browser(known, Origin=SHOP).post(f"{path}/chat", json={"message": "Refund?", "stream": False}).json()
    where = f"{path}/conversations/{said['conversation_id']}"
    again = page.post(f"{path}/sessions", json={"identity": signed(key, secret)}).json()["data"]["token"]
    assert browser(again, Origin=SHOP).get(where).status_code == 200
    without = page.post(f"{path}/sessions", json={"visitor": known}).json()["data"]
    assert without["identified"] is False
    assert browser(without["token"], Origin=SHOP).get(where).status_code == 404


def test_a_conversation_is_read_with_what_it_cites(browser, page, path):
    token = page.post(f"{path}/sessions", json={}).json()["data"]["token"]
    visitor = browser(token, Origin=SHOP)
    said = visitor.post(f"{path}/chat", json={"message": "When can I request a refund?", "stream": False}).json()
    shown = visitor.get(f"{path}/conversations/{said['conversation_id']}").json()["data"]
    assert [one["role"] for one in shown["messages"]] == ["user", "assistant"]
    answer = shown["messages"][1]
    assert (answer["content"], answer["citations"], answer["status"]) == (
        said["message"],
        said["citations"],
        "complete",
    )
    html = visitor.get(f"{path}/conversations/{said['conversation_id']}?format=html").json()["data"]["messages"][1]
    assert html["content"].startswith("<")
    assert visitor.get(f"{path}/conversations/{said['conversation_id']}?format=pdf").status_code == 422
    assert visitor.get(f"{path}/conversations/none").status_code == 404


def test_two_visitors_with_one_idempotency_key_get_an_answer_each(browser, page, path):
    answers = []
    for _ in range(2):
        token = page.post(f"{path}/sessions", json={}).json()["data"]["token"]
        visitor = browser(token, Origin=SHOP, **{"Idempotency-Key": "same"})
        asked = {"message": "When can I request a refund?", "stream": False}
        answers.append([visitor.post(f"{path}/chat", json=asked).json()["conversation_id"] for _ in range(2)])
    assert answers[0][0] == answers[0][1]
    assert answers[1][0] == answers[1][1]
    assert answers[0][0] != answers[1][0]


def test_thumbs_are_for_ones_own_answers_and_count_once(browser, page, path, integration):
    first, second = (page.post(f"{path}/sessions", json={}).json()["data"]["token"] for _ in range(2))
    visitor, other = browser(first, Origin=SHOP), browser(second, Origin=SHOP)
    said = visitor.post(f"{path}/chat", json={"message": "When can I request a refund?", "stream": False}).json()
    meta = {"message_id": said["message_id"]}
    spelled = {"message_id": said["message_id"].replace("-", "").upper()}
    for kind, judged in (("thumbs_up", meta), ("thumbs_up", spelled), ("thumbs_down", meta)):
        assert visitor.post(f"{path}/events", json={"event_type": kind, "meta": judged}).status_code == 200
    assert list(IntegrationEvent.objects.values_list("event_type", flat=True)) == ["thumbs_down"]
    assert other.post(f"{path}/events", json={"event_type": "thumbs_up", "meta": meta}).status_code == 422
    wrong = {"event_type": "thumbs_up", "meta": {"message_id": "x"}}
    assert visitor.post(f"{path}/events", json=wrong).status_code == 422


def test_a_page_is_not_shown_how_scores_come_about(page, path):
    found = page.post(f"{path}/search", json={"query": "refund", "threshold": 0, "explain": True}).json()
    assert found["data"]
    assert "explain" not in found["data"][0]
    assert "timings" not in found
