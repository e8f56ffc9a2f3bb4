"""Providers and keys over the API: the references' own requests, and what must not be possible."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest
from django.db import connection

from accounts.models import AuditEvent, Membership
from llm_settings import configuring
from llm_settings.models import LLMProvider, UserLLMConfig
from tests.cast import client_of, make_user
from tests.contract.bad_input import BODIES, send, structured
from tests.contract.test_statements import statements, unbound
from tests.llm_settings.endpoints import DONE, answering, said, serving, streaming

SETTINGS, PROVIDER, TEST = (f"/api/v1/settings/llm{path}" for path in ("", "/provider", "/test"))
PROVIDERS, OWN_KEYS = "/api/v1/chat/llm-providers", "/api/v1/chat/user-llm-configs"
URL = "https://models.example.com/v1"
KEY = "sk-a-very-secret-key-wxyz"
OTHER_KEY = "sk-another-secret-key-abcd"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_private_hosts(settings) -> None:
    settings.PRIVATE_HOSTS = []


def configure(client, name="openai", **config):
    return client.post(PROVIDER, {"provider_name": name, "config": {"type": "openai_compatible"} | config})


def offering(*models: str):
    """An endpoint that has models and answers."""
    listed = json.dumps({"data": [{"id": model} for model in models]})

    def behave(exchange):
        listing = exchange.path == "/v1/models"
        (answering("200 OK", listed) if listing else streaming(said("OK", "stop"), DONE))(exchange)

    return behave


def allow(settings, *endpoints) -> None:
    settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port) for endpoint in endpoints]


def test_the_reference_adds_a_provider_changes_it_and_deletes_it(as_alice, settings):
    settings.PRIVATE_HOSTS = [("localhost", 11434)]
    config = {"type": "ollama", "base_url": "http://localhost:11434/v1", "model": "llama2"}
    added = as_alice.post(PROVIDER, {"provider_name": "ollama", "config": config})
    assert added.status_code == 201
    body = added.json()
    assert {name: body[name] for name in ("name", *config, "is_active", "has_api_key", "api_key")} == {
        "name": "ollama",
        **config,
        "is_active": True,
        "has_api_key": False,
        "api_key": None,
    }
    changed = as_alice.post(PROVIDER, {"provider_name": "ollama", "config": config | {"model": "llama3"}})
    assert (changed.status_code, changed.json()["model"], changed.json()["id"]) == (200, "llama3", body["id"])
    deleted = as_alice.delete(f"{PROVIDER}/ollama")
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert as_alice.delete(f"{PROVIDER}/ollama").status_code == 404
    found = as_alice.get(SETTINGS).json()
    assert (found["active_provider"], found["providers"]) == (None, [])
    assert found["default_model"] == "extractive"
    assert set(found["embedding"]) == {"provider", "model", "dimensions"}


@pytest.mark.parametrize("path", [SETTINGS, f"{SETTINGS}/"])
def test_one_provider_is_active(as_alice, path):
    configure(as_alice, "first", base_url=URL)
    configure(as_alice, "second", base_url=URL)
    assert as_alice.get(path).json()["active_provider"] == "first"
    configure(as_alice, "third", base_url=URL, is_active=True)
    found = as_alice.get(path).json()
    assert found["active_provider"] == "third"
    assert [(each["name"], each["is_active"]) for each in found["providers"]] == [
        ("third", True),
        ("first", False),
        ("second", False),
    ]
    as_alice.delete(f"{PROVIDER}/third")
    assert as_alice.get(path).json()["active_provider"] == "first"


def test_the_address_of_a_known_kind_need_not_be_said(as_alice, settings):
    settings.PRIVATE_HOSTS = [("localhost", 11434)]
    assert configure(as_alice, "a", type="openai").json()["base_url"] == "https://api.openai.com/v1"
    assert configure(as_alice, "b", type="ollama").json()["base_url"] == "http://localhost:11434/v1"
    refused = structured(configure(as_alice, "c"), 400)
    assert refused["error"]["details"] == {"config.base_url": ["This field is required."]}


def test_a_key_never_comes_out_again(as_alice, alice, caplog):
    caplog.set_level(logging.DEBUG)
    added = configure(as_alice, base_url=URL, api_key=KEY)
    assert (added.json()["api_key"], added.json()["has_api_key"]) == ("sk-…wxyz", True)
    identity = added.json()["id"]
    own = as_alice.post(OWN_KEYS, {"user_id": alice.uuid, "provider_id": identity, "api_key": OTHER_KEY})
    assert own.json()["api_key"] == "sk-…abcd"
    answers = [added, own, as_alice.get(SETTINGS), as_alice.get(f"{PROVIDERS}/{identity}")]
    answers.append(as_alice.get(f"{OWN_KEYS}/{alice.uuid}/{identity}"))
    stored = [*LLMProvider.objects.values_list(), *UserLLMConfig.objects.values_list(), *AuditEvent.objects.values()]
    for text in (*(answer.content.decode() for answer in answers), str(stored), caplog.text):
        assert "secret-key" not in text


@pytest.mark.parametrize(("key", "shown"), [("short", "…"), ("0123456789abcdefgh", "…efgh"), (KEY, "sk-…wxyz")])
def test_of_a_short_key_nothing_is_shown(as_alice, key, shown):
    assert configure(as_alice, base_url=URL, api_key=key).json()["api_key"] == shown


def test_another_address_drops_the_keys(as_alice, alice, settings):
    configure(as_alice, base_url=URL, api_key=KEY)
    provider = LLMProvider.objects.get()
    as_alice.post(OWN_KEYS, {"user_id": alice.uuid, "provider_id": provider.pk, "api_key": OTHER_KEY})
    kept = configure(as_alice, base_url=f"{URL}/", model="other").json()
    assert (kept["has_api_key"], kept["base_url"]) == (True, URL)
    moved = configure(as_alice, base_url="https://evil.example.com/v1", api_key="sk-…wxyz").json()
    assert (moved["has_api_key"], moved["api_key"]) == (False, None)
    assert not UserLLMConfig.objects.exists()
    assert configure(as_alice, base_url=URL, api_key=OTHER_KEY).json()["api_key"] == "sk-…abcd"
    assert configure(as_alice, api_key="").json()["has_api_key"] is False


def test_a_key_sent_back_as_it_was_shown_stays(as_alice):
    configure(as_alice, base_url=URL, api_key=KEY)
    before = LLMProvider.objects.get().encrypted_key
    assert configure(as_alice, base_url=URL, api_key="sk-…wxyz").json()["api_key"] == "sk-…wxyz"
    assert LLMProvider.objects.get().encrypted_key == before
    assert structured(configure(as_alice, api_key="sk-…abcd"), 400)["error"]["details"] == {
        "config.api_key": ["This is a key as it is shown, not the key."]
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6379/",
        "http://127.0.0.1:6379\\@1.1.1.1/",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://localhost:11434/v1",
        "http://user:pass@1.1.1.1/",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_an_address_that_policy_refuses_is_not_kept_and_not_called(as_alice, url):
    assert set(structured(configure(as_alice, base_url=url), 400)["error"]["details"]) == {"config.base_url"}
    refused = as_alice.post(PROVIDERS, {"name": "own", "api_endpoint": url})
    assert set(structured(refused, 400)["error"]["details"]) == {"api_endpoint"}
    tested = as_alice.post(TEST, {"provider_name": "x", "config": {"type": "openai_compatible", "base_url": url}})
    assert tested.status_code == 200
    assert tested.json()["success"] is False
    assert tested.json()["models"] == []
    assert not LLMProvider.objects.exists()


@pytest.mark.parametrize("name", ["a/b", "a\\b", "..", "", " ", "a\u0000b", "a" * 101, "a\nb", 7, None])
def test_a_name_is_one_that_can_stand_in_a_path(as_alice, name):
    structured(as_alice.post(PROVIDER, {"provider_name": name, "config": {"base_url": URL}}, format="json"), 400)


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        "ollama",
        {"type": "telnet", "base_url": URL},
        {"base_url": 7},
        {"base_url": URL, "api_key": "a\nb"},
        {"base_url": URL, "api_key": "schlüssel"},
        {"base_url": URL, "api_key": "k" * 501},
        {"base_url": URL, "model": ["a"]},
        {"base_url": URL, "is_active": "yes"},
        {"base_url": URL, "position": -1},
    ],
)
def test_a_bad_config_is_told_what_is_wrong(as_alice, config):
    for path in (PROVIDER, TEST):
        body = structured(as_alice.post(path, {"provider_name": "a", "config": config}, format="json"), 400)
        assert [name.partition(".")[0] for name in body["error"]["details"]] == ["config"]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", [PROVIDER, TEST, PROVIDERS, OWN_KEYS])
def test_bad_bodies_are_refused(as_alice, path, kind):
    structured(send(as_alice, "post", path, BODIES[kind]), 400)


@pytest.mark.parametrize("name", ["%00", "%ff", "..%2f..", "%F0%9F%98%80", "a%20b", "x" * 300])
def test_odd_names_in_a_path_are_not_found(as_alice, name):
    structured(as_alice.delete(f"{PROVIDER}/{name}"), 404)


def test_an_account_has_no_more_than_its_share_of_providers(as_alice):
    for number in range(20):
        assert configure(as_alice, f"p{number}", base_url=URL).status_code == 201
    structured(configure(as_alice, "one more", base_url=URL), 400)
    assert configure(as_alice, "p0", base_url=URL).status_code == 200


def test_the_reference_adds_a_provider_in_chat_services_words(as_alice, as_charlie):
    sent = {"name": "string", "api_endpoint": URL}
    added = as_alice.post(PROVIDERS, sent)
    assert added.status_code == 201
    assert {name: added.json()[name] for name in sent} == sent
    assert added.json()["is_active"] is True
    path = f"{PROVIDERS}/{added.json()['id']}"
    assert as_alice.get(path).json() == added.json()
    assert [each["name"] for each in as_alice.get(SETTINGS).json()["providers"]] == ["string"]
    assert structured(as_alice.post(PROVIDERS, sent), 400)["error"]["details"]["name"]
    other, none = as_charlie.get(path), as_charlie.get(f"{PROVIDERS}/{uuid4()}")
    assert (structured(other, 404)["error"], other.status_code) == (structured(none, 404)["error"], 404)
    structured(as_alice.get(f"{PROVIDERS}/nonsense"), 404)


def test_the_reference_keeps_a_users_own_key(as_alice, alice, bob, as_bob, charlie):
    provider = as_alice.post(PROVIDERS, {"name": "own", "api_endpoint": URL}).json()["id"]
    sent = {"user_id": str(bob.uuid), "provider_id": provider, "api_key": KEY}
    made = as_bob.post(OWN_KEYS, sent)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in sent} == sent | {"api_key": "sk-…wxyz"}
    again = as_bob.post(OWN_KEYS, sent | {"api_key": OTHER_KEY})
    assert (again.status_code, again.json()["id"], again.json()["api_key"]) == (200, made.json()["id"], "sk-…abcd")
    path = f"{OWN_KEYS}/{bob.uuid}/{provider}"
    assert as_bob.get(path).json() == again.json()
    # Alice owns the account, and that key is still Bob's.
    structured(as_alice.get(path), 404)
    structured(as_alice.post(OWN_KEYS, sent), 403)
    structured(as_bob.get(f"{OWN_KEYS}/{bob.uuid}/{uuid4()}"), 404)
    structured(as_bob.post(OWN_KEYS, sent | {"provider_id": str(uuid4())}), 404)
    structured(client_of(charlie).post(OWN_KEYS, sent | {"user_id": str(charlie.uuid)}), 404)


def test_staff_see_and_keep_keys_of_people_of_the_account_they_are_in(account, as_alice, bob, charlie):
    provider = as_alice.post(PROVIDERS, {"name": "own", "api_endpoint": URL}).json()["id"]
    stan = make_user("Stan")
    stan.is_staff = True
    stan.save()
    Membership.objects.create(account=account, user=stan, role=Membership.Role.MEMBER)
    as_stan = client_of(stan, account)
    sent = {"user_id": str(bob.uuid), "provider_id": provider, "api_key": KEY}
    assert as_stan.post(OWN_KEYS, sent).status_code == 201
    assert as_stan.get(f"{OWN_KEYS}/{bob.uuid}/{provider}").json()["api_key"] == "sk-…wxyz"
    structured(as_stan.post(OWN_KEYS, sent | {"user_id": str(charlie.uuid)}), 404)


def test_who_leaves_an_account_takes_their_key_along(account, as_alice, bob, as_bob):
    provider = as_alice.post(PROVIDERS, {"name": "own", "api_endpoint": URL}).json()["id"]
    as_bob.post(OWN_KEYS, {"user_id": bob.uuid, "provider_id": provider, "api_key": KEY})
    Membership.objects.get(account=account, user=bob).delete()
    assert not UserLLMConfig.objects.exists()


def test_a_test_really_calls(as_alice, settings):
    with serving(offering("llama2", "llama3")) as endpoint:
        allow(settings, endpoint)
        config = {"type": "openai_compatible", "base_url": endpoint.url, "model": "llama3", "api_key": KEY}
        answer = as_alice.post(TEST, {"provider_name": "test", "config": config})
        assert answer.status_code == 200
        found = answer.json()
        assert (found["success"], found["models"]) == (True, ["llama2", "llama3"])
        assert found["message"]
        assert found["latency_ms"] >= 0
        assert [exchange.path for exchange in endpoint.requests] == ["/v1/models", "/v1/chat/completions"]
        assert endpoint.requests[1].body["model"] == "llama3"
        assert {exchange.headers["authorization"] for exchange in endpoint.requests} == {f"Bearer {KEY}"}
    assert not LLMProvider.objects.exists()


def test_what_is_kept_can_be_tested_by_its_name(as_alice, settings):
    with serving(offering("llama2")) as endpoint, serving(offering("llama2")) as other:
        allow(settings, endpoint, other)
        configure(as_alice, "kept", base_url=endpoint.url, model="llama2", api_key=KEY)
        assert as_alice.post(TEST, {"provider_name": "kept"}).json()["success"] is True
        changed = {"provider_name": "kept", "config": {"model": "another", "api_key": "sk-…wxyz"}}
        assert as_alice.post(TEST, changed).json()["success"] is True
        assert {exchange.headers["authorization"] for exchange in endpoint.requests} == {f"Bearer {KEY}"}
        # The key was given for one address, and is not sent to another.
        moved = {"provider_name": "kept", "config": {"base_url": other.url}}
        assert as_alice.post(TEST, moved).json()["success"] is True
        assert KEY not in str([exchange.headers for exchange in other.requests])
    structured(as_alice.post(TEST, {"provider_name": "unheard of"}), 404)


@pytest.mark.parametrize(
    "behavior",
    [
        answering("401 Unauthorized", json.dumps({"error": {"message": f"Incorrect API key: {KEY}"}})),
        answering("500 Internal Server Error", "<html>oops</html>", "text/html"),
        answering("302 Found", "", headers="Location: http://127.0.0.1:1/\r\n"),
        answering("200 OK", "no JSON"),
        lambda exchange: None,
    ],
)
def test_a_provider_that_fails_is_no_success_and_no_error(as_alice, settings, behavior):
    with serving(behavior) as endpoint:
        allow(settings, endpoint)
        config = {"type": "openai_compatible", "base_url": endpoint.url, "model": "llama3", "api_key": KEY}
        answer = as_alice.post(TEST, {"provider_name": "test", "config": config})
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert answer.json()["message"]
    assert KEY not in answer.content.decode()


def test_what_is_done_is_written_down_without_the_key(as_alice, alice, account):
    configure(as_alice, base_url=URL, api_key=KEY)
    configure(as_alice, model="other")
    provider = LLMProvider.objects.get()
    as_alice.post(OWN_KEYS, {"user_id": alice.uuid, "provider_id": provider.pk, "api_key": KEY})
    as_alice.delete(f"{PROVIDER}/openai")
    events = AuditEvent.objects.filter(account=account, target="openai").order_by("id")
    actions = [event.action for event in events]
    assert actions == ["provider_added", "provider_changed", "own_key_set", "provider_deleted"]
    assert events[1].details == {"base_url": URL, "changed": ["model"]}
    assert {event.actor for event in events} == {"alice@example.com"}


def test_every_statement_binds_the_account(as_alice, alice):
    with statements() as seen:
        provider = configure(as_alice, base_url=URL, api_key=KEY).json()["id"]
        configure(as_alice, base_url="https://other.example.com/v1", is_active=True)
        as_alice.post(PROVIDERS, {"name": "own", "api_endpoint": URL})
        as_alice.post(OWN_KEYS, {"user_id": alice.uuid, "provider_id": provider, "api_key": KEY})
        for path in (SETTINGS, f"{PROVIDERS}/{provider}", f"{OWN_KEYS}/{alice.uuid}/{provider}"):
            assert as_alice.get(path).status_code == 200
        assert as_alice.delete(f"{PROVIDER}/openai").status_code == 200
    assert len([sql for sql in seen if "llm_settings_llmprovider" in sql]) > 10
    assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_a_question_is_answered_by_the_accounts_own_model(as_alice, settings):
    behave = streaming(said("At nine.", "stop"), DONE)
    with serving(behave) as endpoint:
        allow(settings, endpoint)
        configure(as_alice, base_url=endpoint.url, model="llama2", api_key=KEY)
        with statements() as seen:
            answer = as_alice.post("/api/v1/chat/ask", {"question": "When does it open?", "use_rag": False})
        assert (answer.status_code, answer.json()["answer"], answer.json()["model"]) == (200, "At nine.", "llama2")
        assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_of_many_saved_at_once_one_is_active(as_alice, alice, account):
    configure(as_alice, "first", base_url=URL)

    def save(number: int) -> None:
        try:
            configuring.save(account, f"p{number}", request=None, actor=alice, base_url=URL, is_active=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(save, range(6)))
    assert LLMProvider.objects.count() == 7
    assert LLMProvider.objects.filter(is_active=True).count() == 1
