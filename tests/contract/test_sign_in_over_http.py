"""DocuLume's and Quillium's own requests of sign-in and users, one by one, against a running server."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.models import ApiToken, AuditEvent, TokenFamily, User

REGISTER = {"email": "user@example.com", "password": "secure_password", "full_name": "John Doe"}
LOGIN = {"email": "user@example.com", "password": "secure_password"}
PROFILE = {"full_name": "New Name", "email": "newemail@example.com"}
CHANGE = {
    "current_password": "secure_password",
    "password": "another_secure_password",
    "password_confirmation": "another_secure_password",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SLASHES = pytest.mark.parametrize("slash", ["", "/"])


def structured(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error", "type", "title", "status", "detail", "instance", "request_id"}
    assert body["error"]["code"] == code
    assert body["request_id"] == answer.headers["x-request-id"]
    return body["error"]


@pytest.fixture
def john(browser):
    answer = browser().post("/auth/register", json=REGISTER)
    assert answer.status_code == 201
    return answer.json()


@pytest.fixture
def signed_in(browser, john):
    """A browser with the cookies of a sign-in, and the tokens in it."""
    client = browser()
    return client, client.post("/auth/login", json=LOGIN).json()


def works(browser, access):
    status = browser(access).get("/users/me").status_code
    assert status in (200, 401)
    return status == 200


@SLASHES
def test_register(browser, server, slash):
    answer = browser().post(f"/auth/register{slash}", json=REGISTER)
    assert answer.status_code == 201
    user = User.objects.get()
    created = answer.json().pop("created_at")
    assert TIME.fullmatch(created)
    assert answer.json() == {
        "id": user.id,
        "uuid": str(user.uuid),
        "email": "user@example.com",
        "full_name": "John Doe",
        "avatar_url": None,
        "plan": "free",
        "account_id": user.personal_account.id,
        "is_staff": False,
        "created_at": created,
    }
    structured(browser().post(f"/auth/register{slash}", json=REGISTER), 400, "invalid_request")


@SLASHES
def test_log_in_sets_both_cookies(browser, john, slash):
    client = browser()
    answer = client.post(f"/auth/login{slash}", json=LOGIN)
    assert answer.status_code == 200
    body = answer.json()
    assert body == {
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "expires_in": 900,
        "token_type": "Bearer",
    }
    cookies = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    assert set(cookies) == {"access_token", "refresh_token"}
    for line in cookies.values():
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Secure" not in line  # plain http to this machine
    assert "Path=/;" in cookies["access_token"] + ";"
    assert "Path=/api/v1/auth;" in cookies["refresh_token"] + ";"
    assert answer.headers["cache-control"] == "no-store"


def test_another_host_over_plain_http_gets_secure_cookies(browser, john, settings):
    settings.ALLOWED_HOSTS = ["docs.example.com"]
    answer = browser(Host="docs.example.com").post("/auth/login", json=LOGIN)
    assert all("Secure" in line for line in answer.headers.get_list("set-cookie"))


@SLASHES
def test_cookies_are_sent_back_by_themselves(signed_in, slash):
    client, _ = signed_in
    assert client.get(f"/users/me{slash}").json()["email"] == "user@example.com"
    assert client.get(f"/documents{slash}").status_code == 200


@SLASHES
def test_refresh_by_cookie_needs_no_body(signed_in, slash):
    client, first = signed_in
    answer = client.post(f"/auth/refresh{slash}")
    assert (answer.status_code, answer.json()) == (200, {"expires_in": 900, "token_type": "Bearer"})
    assert client.cookies["access_token"] != first["access_token"]
    assert client.get("/users/me").status_code == 200


@SLASHES
def test_refresh_by_body_sets_no_cookie(browser, signed_in, slash):
    _, first = signed_in
    answer = browser().post(f"/auth/refresh{slash}", json={"refresh_token": first["refresh_token"]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert "set-cookie" not in answer.headers
    assert works(browser, answer.json()["access_token"])


def test_a_replay_ends_the_family_and_is_written_down_once(browser, signed_in):
    _, first = signed_in
    second = browser().post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    for _ in range(3):
        answer = browser().post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
        structured(answer, 401, "unauthenticated")
    assert browser().post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
    assert not works(browser, second["access_token"])
    assert AuditEvent.objects.filter(action="token_replayed").count() == 1


def test_of_twenty_parallel_refreshes_at_most_one_family_lives(browser, signed_in):
    _, first = signed_in
    clients, barrier = [browser() for _ in range(20)], Barrier(20)

    def refresh(client):
        barrier.wait()
        return client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, clients))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert TokenFamily.objects.live().count() <= 1
    # One token came twenty times: it was replayed, and the family is over.
    assert not any(works(browser, body["access_token"]) for body in won)
    assert not works(browser, first["access_token"])


@SLASHES
def test_log_out_ends_all_at_once(browser, signed_in, slash):
    client, tokens = signed_in
    answer = client.post(f"/auth/logout{slash}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert not client.cookies
    assert not works(browser, tokens["access_token"])
    assert browser().post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    structured(client.get("/users/me"), 401, "unauthenticated")


def test_an_api_token_cannot_log_out(browser, john):
    token = browser().post("/auth", json=LOGIN).json()["token"]
    structured(browser(token).post("/auth/logout"), 403, "permission_denied")
    assert works(browser, token)


@SLASHES
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_profile(signed_in, slash, method):
    client, _ = signed_in
    answer = client.request(method, f"/users/me{slash}", json=PROFILE)
    assert answer.status_code == 200
    assert (answer.json()["full_name"], answer.json()["email"]) == ("New Name", "newemail@example.com")
    assert client.get(f"/users/me{slash}").json() == answer.json()


@SLASHES
def test_an_api_key(browser, signed_in, slash):
    client, _ = signed_in
    answer = client.post(f"/users/api-key{slash}", json={"name": "Backup script"})
    assert answer.status_code == 201
    body, row = answer.json(), ApiToken.objects.get()
    assert TIME.fullmatch(body["created_at"])
    assert body == {"id": row.id, "name": "Backup script", "api_key": body["api_key"], "created_at": body["created_at"]}
    assert answer.headers["cache-control"] == "no-store"
    assert works(browser, body["api_key"])
    assert body["api_key"] not in str(ApiToken.objects.values().get())
    unnamed = client.post(f"/users/api-key{slash}")
    assert (unnamed.status_code, unnamed.json()["name"]) == (201, "API key")


@pytest.mark.parametrize("name", ["Default", "", None, 7, ["x"], "x" * 101, " Default "])
def test_a_name_that_no_key_can_have_is_an_error_of_its_field(signed_in, name):
    client, _ = signed_in
    error = structured(client.post("/users/api-key", json={"name": name}), 400, "invalid_request")
    assert list(error["details"]) == ["name"]


def test_a_wrong_password_and_an_unknown_address_look_alike(browser, john):
    answers = [
        browser().post("/auth/login", json=LOGIN | wrong)
        for wrong in ({"password": "wrong"}, {"email": "nobody@example.com"})
    ]
    bodies = [structured(answer, 401, "unauthenticated") for answer in answers]
    assert bodies[0] == bodies[1]
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_a_password_change_ends_every_other_sign_in_at_once(browser, signed_in):
    client, tokens = signed_in
    elsewhere = browser().post("/auth/login", json=LOGIN).json()
    key = client.post("/users/api-key").json()["api_key"]
    by_token = browser(tokens["access_token"])
    assert by_token.patch("/password", json={"user": CHANGE}).json() == {"success": True}
    assert not works(browser, elsewhere["access_token"])
    assert browser().post("/auth/refresh", json={"refresh_token": elsewhere["refresh_token"]}).status_code == 401
    assert works(browser, tokens["access_token"])
    assert works(browser, key)
    assert browser().post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200
    assert browser().post("/auth/login", json=LOGIN).status_code == 401


def test_a_bearer_comes_before_the_cookie_and_a_bad_one_does_not_fall_through(browser, signed_in):
    client, _ = signed_in
    browser().post("/auth/register", json=REGISTER | {"email": "other@example.com"})
    other = browser().post("/auth/login", json=LOGIN | {"email": "other@example.com"}).json()["access_token"]
    shown = client.get("/users/me", headers={"Authorization": f"Bearer {other}"}).json()
    assert shown["email"] == "other@example.com"
    for bad in ("rubbish", "dl_rubbish", "dl_" + "x" * 43, "cb_0123456789"):
        structured(client.get("/users/me", headers={"Authorization": f"Bearer {bad}"}), 401, "unauthenticated")
    assert client.get("/users/me").json()["email"] == "user@example.com"


def test_another_site_cannot_use_the_cookies(signed_in):
    client, _ = signed_in
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        structured(client.patch("/users/me", json={}, headers=headers), 403, "permission_denied")
        structured(client.post("/users/api-key", headers=headers), 403, "permission_denied")
    assert not ApiToken.objects.exists()
