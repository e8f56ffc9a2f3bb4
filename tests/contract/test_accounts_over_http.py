"""The account API's own requests and answers, one by one, against a running server."""

from __future__ import annotations

import re

import pytest

from accounts.models import ApiToken, SiteSettings, User

ADA = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "password": "a-strong-password",
    "password_confirmation": "a-strong-password",
    "terms_of_service": True,
}
LOG_IN = {"email": "ada@example.com", "password": "a-strong-password"}
CHANGE = {
    "current_password": "a-strong-password",
    "password": "new-long-password",
    "password_confirmation": "new-long-password",
}
TOKEN = re.compile(r"dl_[A-Za-z0-9]{40,}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def flat(answer, status):
    """The body of an error of the flat dialect."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert isinstance(body["error"], str)
    assert set(body) <= {"error", "errors"}
    return body


@pytest.fixture
def ada(browser):
    """Her answer to registering."""
    answer = browser().post("/users", json={"user": ADA})
    assert answer.status_code == 200
    return answer.json()["user"]


@pytest.fixture
def hers(browser, ada):
    return browser(ada["api_tokens"][0]["token"])


@pytest.mark.parametrize("slash", ["", "/"])
def test_registering_answers_with_a_token_that_works(browser, slash):
    answer = browser().post(f"/users{slash}", json={"user": ADA})
    assert answer.status_code == 200
    user = User.objects.get(email="ada@example.com")
    row = ApiToken.objects.get()
    [token] = answer.json()["user"]["api_tokens"]
    assert answer.json() == {
        "user": {"id": user.id, "email": "ada@example.com", "name": "Ada Lovelace", "api_tokens": [token]}
    }
    assert token == {"id": row.id, "name": "Default", "token": token["token"]}
    assert TOKEN.fullmatch(token["token"])
    assert answer.headers["cache-control"] == "no-store"
    assert browser(token["token"]).get(f"/me{slash}").json()["id"] == user.id


def test_logging_in_returns_the_same_token_at_each_time(browser, ada):
    answers = [browser().post(f"/auth{slash}", json=LOG_IN) for slash in ("", "/", "")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.text for answer in answers} == {f'{{"token":"{ada["api_tokens"][0]["token"]}"}}'}


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"email": "nobody@example.com"}])
def test_a_wrong_log_in_is_the_references_own_error(browser, ada, wrong):
    answer = browser().post("/auth", json=LOG_IN | wrong)
    assert flat(answer, 401) == {"error": "Invalid Email or password."}
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_current_user(hers, ada, server, slash):
    answer = hers.get(f"/me{slash}")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["id", "name", "avatar_url", "sgid", "content"]
    assert (body["id"], body["name"]) == (ada["id"], "Ada Lovelace")
    assert body["avatar_url"].startswith(f"{server}/")
    assert hers.get(body["avatar_url"]).headers["content-type"] == "image/svg+xml"
    assert body["content"].startswith('<div class="flex items-center">')
    assert "Ada Lovelace" in body["content"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("body", [{"user": CHANGE}, CHANGE])
def test_changing_the_password(browser, hers, ada, slash, body):
    answer = hers.patch(f"/password{slash}", json=body)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert browser().post("/auth", json=LOG_IN).status_code == 401
    again = browser().post("/auth", json=LOG_IN | {"password": "new-long-password"})
    assert again.json() == {"token": ada["api_tokens"][0]["token"]}
    assert hers.get("/me").status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_accounts(hers, ada, slash):
    user = User.objects.get()
    answer = hers.get(f"/accounts{slash}")
    assert answer.status_code == 200
    [account] = answer.json()
    assert list(account) == ["id", "name", "personal", "owner_id", "created_at", "updated_at", "account_users"]
    assert account["id"] == user.personal_account.id
    assert (account["name"], account["personal"], account["owner_id"]) == ("Ada Lovelace", True, ada["id"])
    assert account["account_users"] == [{"id": user.memberships.get().id, "user_id": ada["id"]}]
    assert all(TIME.fullmatch(account[name]) for name in ("created_at", "updated_at"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_deleting_the_current_user(browser, hers, slash):
    answer = hers.delete(f"/me{slash}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert hers.get("/me").status_code == 401
    assert browser().post("/auth", json=LOG_IN).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/me"), ("GET", "/accounts"), ("PATCH", "/password"), ("DELETE", "/me")]
)
def test_without_a_valid_token_it_is_401(browser, server, method, path):
    for token in ("", "dl_" + "x" * 43, "cb_0123456789", "eyJ.x.y"):
        answer = browser(token).request(method, path)
        flat(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": ""}, "email"),
        ({"email": 7}, "email"),
        ({"password": "short", "password_confirmation": "short"}, "password"),
        ({"password": "password123", "password_confirmation": "password123"}, "password"),
        ({"password_confirmation": "something-else"}, "password_confirmation"),
        ({"name": "x" * 201}, "name"),
        ({"name": ["Ada"]}, "name"),
        ({"terms_of_service": "yes"}, "terms_of_service"),
        ({"terms_of_service": None}, "terms_of_service"),
        ({"invitation": 7}, "invitation"),
        ({"invitation": "made-up"}, "invitation"),
    ],
)
def test_what_is_wrong_with_a_registration_is_named(browser, server, change, field):
    body = flat(browser().post("/users", json={"user": ADA | change}), 422)
    assert list(body["errors"]) == [field]
    assert not User.objects.exists()


def test_missing_fields_are_all_named(browser, server):
    for sent in ({}, {"user": {}}):
        body = flat(browser().post("/users", json=sent), 422)
        assert set(body["errors"]) == {"email", "password", "password_confirmation"}
    assert set(flat(browser().post("/auth", json={}), 422)["errors"]) == {"email", "password"}


@pytest.mark.parametrize("user", [None, "Ada", 7, ["x"], True])
def test_a_user_that_is_no_object_is_named(browser, hers, user):
    assert list(flat(browser().post("/users", json={"user": user}), 422)["errors"]) == ["user"]
    assert list(flat(hers.patch("/password", json={"user": user}), 422)["errors"]) == ["user"]


def test_a_taken_address_is_an_error_of_its_field(browser, ada):
    body = flat(browser().post("/users", json={"user": ADA | {"email": "ADA@example.com"}}), 422)
    assert list(body["errors"]) == ["email"]


def test_the_terms_are_required_where_the_deployment_says_so(browser, server):
    SiteSettings.objects.update_or_create(pk=1, defaults={"terms_required": True})
    for terms in ({"terms_of_service": False}, {}):
        sent = {name: value for name, value in ADA.items() if name != "terms_of_service"} | terms
        assert list(flat(browser().post("/users", json={"user": sent}), 422)["errors"]) == ["terms_of_service"]
    assert browser().post("/users", json={"user": ADA}).status_code == 200
    assert User.objects.get().terms_accepted_at is not None


@pytest.mark.parametrize("state", ["closed", "invite_only"])
def test_registration_that_is_not_open_is_403(browser, server, state):
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration": state})
    assert "errors" not in flat(browser().post("/users", json={"user": ADA}), 403)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"current_password": "wrong"}, "current_password"),
        ({"password": "short", "password_confirmation": "short"}, "password"),
        ({"password": "ada@example.com", "password_confirmation": "ada@example.com"}, "password"),
        ({"password_confirmation": "something-else"}, "password_confirmation"),
        ({"password": 1234567890}, "password"),
        ({"current_password": None}, "current_password"),
    ],
)
def test_what_is_wrong_with_a_new_password_is_named(browser, hers, change, field):
    body = flat(hers.patch("/password", json={"user": CHANGE | change}), 422)
    assert list(body["errors"]) == [field]
    assert browser().post("/auth", json=LOG_IN).status_code == 200
