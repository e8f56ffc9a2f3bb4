from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client()


def sign_in(browser, password=PASSWORD, **more):
    return browser.post("/sign-in", {"username": "Alice@example.com", "password": password, **more})


def test_signing_in_leads_to_the_start_page_as_that_user(browser, alice):
    assert browser.get("/sign-in").status_code == 200
    answer = sign_in(browser)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.get("/api/v1/users/me").json()["email"] == alice.email
    assert browser.get("/sign-in").status_code == 302


def test_a_form_from_elsewhere_is_refused(alice):
    browser = Client(enforce_csrf_checks=True)
    assert sign_in(browser).status_code == 403


@pytest.mark.parametrize(
    ("following", "place"),
    [
        ("/documents?page=2", "/documents?page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\evil.example", "/"),
    ],
)
def test_it_leads_on_within_the_site_only(browser, alice, following, place):
    assert sign_in(browser, next=following)["Location"] == place


def test_a_wrong_password_is_told_without_a_word_on_what_was_wrong(browser, alice):
    wrong = sign_in(browser, "wrong")
    nobody = browser.post("/sign-in", {"username": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == nobody.status_code == 200
    for answer in (wrong, nobody):
        assert answer.context["form"].non_field_errors() == ["Invalid email or password."]
        assert "wrong" not in answer.content.decode()
    assert browser.get("/api/v1/users/me").status_code == 401


def test_page_and_api_count_failures_together(browser, alice):
    for _ in range(5):
        sign_in(browser, "wrong")
        Client().post(
            "/api/v1/auth/login", {"email": "alice@example.com", "password": "wrong"}, content_type="application/json"
        )
    answer = sign_in(browser)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "Too many attempts" in answer.content.decode()


def test_the_admins_door_is_the_same_one(browser, alice):
    answer = browser.get("/admin/", follow=True)
    assert answer.redirect_chain[-1] == ("/sign-in?next=%2Fadmin%2F", 302)
    # Its own form is out of use, whoever posts to it.
    posted = browser.post("/admin/login/", {"username": alice.email, "password": PASSWORD, "next": "/admin/"})
    assert posted["Location"].startswith("/sign-in?next=")
    sign_in(browser)
    assert browser.get("/admin/login/").status_code == 403
    User.objects.update(is_staff=True)
    assert browser.get("/admin/").status_code == 200


def test_bad_input_shows_the_form_again(browser, alice):
    bad = [
        {},
        {"username": "a\x00@example.com", "password": "x"},
        {"username": "alice@example.com", "password": "a\x00b"},
        {"username": "x" * 500 + "@example.com", "password": "x"},
        {"username": "alice@example.com", "password": "x" * 10_000},
    ]
    for fields in bad:
        answer = browser.post("/sign-in", fields)
        assert answer.status_code == 200
        assert answer.context["form"].errors


def test_signing_out_takes_a_post_and_ends_the_cookies_of_the_api_too(browser, alice):
    sign_in(browser)
    tokens = browser.post(
        "/api/v1/auth/login", {"email": alice.email, "password": PASSWORD}, content_type="application/json"
    ).json()
    assert browser.get("/sign-out").status_code == 405
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in")
    assert browser.get("/api/v1/users/me").status_code == 401
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {tokens['access_token']}"}
    assert Client().get("/api/v1/users/me", **bearer).status_code == 401


def test_registering_signs_in(browser):
    assert browser.get("/register").status_code == 200
    answer = browser.post(
        "/register", {"email": "Dana@example.com", "full_name": "Dana", "password": PASSWORD, "next": "//evil.example"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.get("/api/v1/users/me").json()["email"] == "dana@example.com"
    assert User.objects.get().personal_account.name == "Dana"
    assert browser.get("/register")["Location"] == "/"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "ALICE@example.com"}, "email"),
        ({"email": "no address"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 300}, "password"),
        ({"full_name": "x" * 201}, "full_name"),
        ({"full_name": "a\x00b"}, "full_name"),
    ],
)
def test_what_cannot_be_registered_is_told_at_its_field(browser, alice, fields, field):
    answer = browser.post("/register", {"email": "dana@example.com", "password": PASSWORD} | fields)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert User.objects.count() == 1


def test_closed_registration_says_so(browser, settings):
    settings.REGISTRATION = "closed"
    for answer in (
        browser.get("/register"),
        browser.post("/register", {"email": "d@example.com", "password": PASSWORD}),
    ):
        assert answer.status_code == 403
        assert "Registration is closed" in answer.content.decode()
    assert "/register" not in browser.get("/sign-in").content.decode()
    assert not User.objects.exists()
