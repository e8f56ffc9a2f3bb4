"""The settings' own requests and answers, and what ends with a user, against a running server."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest
from django.test import override_settings

from accounts.models import ApiToken, User
from chat.models import Message
from tests.cast import PASSWORD, make_user
from tests.llm_settings.endpoints import said, serving, streaming

EXAMPLE = {"theme": "dark", "language": "en", "notifications_enabled": True}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def structured(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error", "type", "title", "status", "detail", "instance", "request_id"}
    assert (body["error"]["code"], body["status"]) == (code, status)
    return body


@pytest.fixture
def alice(server) -> User:
    return make_user("Alice")


def signed_in(browser, email: str = "alice@example.com"):
    answer = browser().post("/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser(answer.json()["access_token"])


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_references_example(browser, alice, slash):
    hers = signed_in(browser)
    answer = hers.put(f"/settings/user{slash}", json=EXAMPLE)
    assert answer.status_code == 200
    assert answer.json() == EXAMPLE | {"updated_at": answer.json()["updated_at"]}
    assert TIME.fullmatch(answer.json()["updated_at"])
    assert hers.get(f"/settings/user{slash}").json() == answer.json()


def test_by_cookie_as_by_token(browser, alice, server):
    page = browser()
    assert page.post("/auth/login", json={"email": "alice@example.com", "password": PASSWORD}).status_code == 200
    assert page.put("/settings/user", json={"theme": "light"}).json()["theme"] == "light"
    assert page.get("/settings/user").json()["theme"] == "light"
    foreign = page.put("/settings/user", json={"theme": "dark"}, headers={"Origin": "https://elsewhere.example"})
    structured(foreign, 403, "permission_denied")
    assert page.get("/settings/user").json()["theme"] == "light"


def test_nobody_has_no_settings(browser):
    for method, path in [("GET", "user"), ("PUT", "user"), ("GET", "admin"), ("PUT", "admin")]:
        answer = browser().request(method, f"/settings/{path}", json={} if method == "PUT" else None)
        structured(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["user", "admin"])
def test_other_methods_and_bodies_are_refused_in_the_same_shape(browser, alice, path):
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    hers = signed_in(browser)
    for method in ("POST", "DELETE", "PATCH"):
        answer = hers.request(method, f"/settings/{path}", json={})
        structured(answer, 405, "method_not_allowed")
    broken = hers.put(f"/settings/{path}", content=b"{", headers={"Content-Type": "application/json"})
    structured(broken, 400, "invalid_request")
    form = hers.put(f"/settings/{path}", data={"theme": "dark"})
    structured(form, 415, "unsupported_media_type")


def test_only_staff_see_and_change_the_deployments_settings(browser, alice):
    hers = signed_in(browser)
    structured(hers.get("/settings/admin"), 403, "permission_denied")
    structured(hers.put("/settings/admin", json={"registration": "closed"}), 403, "permission_denied")
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    before = hers.get("/settings/admin").json()
    assert before["registration"] == "open"
    after = hers.put("/settings/admin", json={"registration": "closed"}).json()
    assert after == before | {"registration": "closed", "updated_at": after["updated_at"]}
    new = {"email": "new@example.com", "password": PASSWORD, "full_name": "New"}
    structured(browser().post("/auth/register", json=new), 403, "permission_denied")
    refused = hers.put("/settings/admin", json={"upload_max_bytes": 10**15, "registration": "open"})
    assert list(structured(refused, 400, "invalid_request")["error"]["details"]) == ["upload_max_bytes"]
    assert hers.get("/settings/admin").json() == after


@pytest.mark.parametrize("slash", ["", "/"])
def test_delete_me_refuses_every_credential_from_the_next_request_on(browser, alice, slash):
    bearer, page = signed_in(browser), browser()
    signed = page.post("/auth/login", json={"email": "alice@example.com", "password": PASSWORD}).json()
    token = browser(browser().post("/auth", json={"email": "alice@example.com", "password": PASSWORD}).json()["token"])
    assert [client.get("/me").status_code for client in (bearer, page, token)] == [200, 200, 200]
    answer = token.delete(f"/me{slash}")
    assert (answer.status_code, answer.json()) == (200, {})
    for client in (bearer, page, token):
        refused = client.get("/me")
        assert refused.status_code == 401
        assert set(refused.json()) == {"error"}
    again = browser().post("/auth/refresh", json={"refresh_token": signed["refresh_token"]})
    structured(again, 401, "unauthenticated")
    wrong = browser().post("/auth/login", json={"email": "alice@example.com", "password": PASSWORD})
    structured(wrong, 401, "unauthenticated")
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not ApiToken.objects.exists()
    new = {"email": "alice@example.com", "password": PASSWORD, "full_name": "Alice"}
    assert browser().post("/auth/register", json=new).status_code == 201


def test_an_open_stream_ends_when_its_sign_in_does(browser, alice):
    """Over a socket, with the server's own event loop, and a model that has fallen silent."""
    hers, hung_up, seen, ended = signed_in(browser), threading.Event(), [], 0.0

    def tell(exchange):
        streaming(said("Once "), said("upon"))(exchange)
        if exchange.closed_by_peer(20):
            hung_up.set()

    with serving(tell) as endpoint:
        model = {"provider": "openai", "base_url": endpoint.url, "model": "m", "api_key": "", "context_tokens": 4096}
        with override_settings(CREDENTIAL_CHECK_SECONDS=1, CHAT=model):
            question = {"question": "Tell me a story.", "use_rag": False, "stream": True}
            with hers.stream("POST", "/chat/ask", json=question) as stream:
                assert stream.status_code == 200
                for line in stream.iter_lines():
                    seen.append(line)
                    if "upon" in line:
                        assert hers.post("/auth/logout").status_code == 200
                        ended = time.monotonic()
            assert ended, seen
            assert time.monotonic() - ended < 10
            assert hung_up.wait(5)
    data = [line.removeprefix("data: ") for line in seen if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    error = json.loads(data[-2])
    assert (error["type"], error["error"]["code"]) == ("error", "unauthenticated")
    reply = Message.objects.get(role="assistant")
    assert (reply.status, reply.content, reply.reason) == ("stopped", "Once upon", "The credential was revoked.")
