"""Against an issuer of our own over HTTP: discovery, authorization with PKCE, token, user information."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts import api_tokens, confirmation
from accounts.models import AuditEvent, Invitation, SiteSettings, User
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

CLIENT_ID, CLIENT_SECRET = "doculume", "a secret between the two"


class Issuer(BaseHTTPRequestHandler):
    """Signs in whoever `person` says, without asking."""

    def do_GET(self):
        place = urlsplit(self.path)
        if place.path == "/.well-known/openid-configuration":
            self._answer(self.server.description())
        elif place.path == "/authorize":
            self._authorize({key: values[0] for key, values in parse_qs(place.query).items()})
        elif place.path == "/userinfo":
            known = self.headers["Authorization"] == f"Bearer {self.server.access_token}"
            self._answer(self.server.person if known else {"error": "invalid_token"}, 200 if known else 401)
        else:
            self._answer({}, 404)

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.server.codes.pop(sent["code"][0], None)
        verifier = urlsafe_b64encode(sha256(sent["code_verifier"][0].encode()).digest()).rstrip(b"=").decode()
        secret = self.headers.get("Authorization") or sent.get("client_secret", [""])[0]
        if asked is None or verifier != asked["code_challenge"] or secret != CLIENT_SECRET:
            self._answer({"error": "invalid_grant"}, 400)
            return
        claims = {"iss": self.server.url, "aud": CLIENT_ID, "sub": self.server.person["sub"]}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60, **self.server.claims}
        token = jwt.encode(claims, "k" * 32, algorithm="HS256")
        self._answer({"access_token": self.server.access_token, "token_type": "Bearer", "id_token": token})

    def _authorize(self, asked):
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.server.codes[code] = asked
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
        self.end_headers()

    def _answer(self, body, status=200):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class IssuerServer(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Issuer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.codes, self.claims, self.elsewhere = {}, {}, {}
        self.access_token = secrets.token_urlsafe(8)
        self.person = {"sub": "77", "email": "Dana@example.com", "email_verified": True, "name": "Dana"}

    def description(self):
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        found = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in ends.items()}
        methods = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **found, **methods, **self.elsewhere}


@pytest.fixture
def issuer(settings):
    with IssuerServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "The Works", "hosts": []}
        settings.OIDC = {"issuer": server.url, **own}
        yield server
        server.shutdown()


@pytest.fixture
def browser():
    return Client()


def go_there(browser, **fields):
    """The address that the page after the button leads to."""
    page = browser.post("/sign-in/elsewhere", fields)
    assert page.status_code == 200
    return unescape(re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())[1])


def come_back(browser, there):
    """What the issuer's redirect leads to."""
    import requests

    back = urlsplit(requests.get(there, allow_redirects=False, timeout=5).headers["Location"])
    assert back.path == "/sign-in/oidc/callback"
    return browser.get(f"{back.path}?{back.query}")


def sign_in(browser, **fields):
    return come_back(browser, go_there(browser, **fields))


def who(browser):
    return browser.get("/api/v1/users/me").json().get("email")


def test_a_new_person_registers_by_it_and_comes_back_by_it(browser, issuer):
    assert "Sign in with The Works" in browser.get("/sign-in").content.decode()
    assert sign_in(browser, next="/account/profile")["Location"] == "/account/profile"
    user = User.objects.get()
    assert (user.email, user.full_name, user.has_usable_password()) == ("dana@example.com", "Dana", False)
    assert confirmation.is_confirmed(user)
    assert who(browser) == user.email
    assert {event.action for event in AuditEvent.objects.all()} == {"registered", "signed_in"}
    # By what it is connected with from now on, not by the address.
    issuer.person["email"] = "dana@elsewhere.example"
    again = Client()
    sign_in(again)
    assert who(again) == "dana@example.com"
    assert User.objects.count() == SocialAccount.objects.count() == 1


def test_no_tokens_of_the_issuer_are_kept(browser, issuer):
    sign_in(browser)
    assert issuer.access_token not in json.dumps(SocialAccount.objects.get().extra_data)
    assert issuer.access_token not in json.dumps(dict(browser.session.items()))


def test_who_has_that_confirmed_address_here_is_who_signs_in(browser, issuer, alice):
    confirmation.count_as_confirmed(alice)
    issuer.person["email"] = "ALICE@example.com"
    sign_in(browser)
    assert who(browser) == alice.email
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_whoever_lay_in_wait_with_the_address_is_locked_out(browser, issuer, alice):
    token = api_tokens.create(alice, alice.personal_account, "In wait")[1]
    waiting = Client()
    waiting.post("/sign-in", {"username": alice.email, "password": PASSWORD})
    assert who(waiting) == alice.email
    issuer.person["email"] = alice.email
    sign_in(browser)
    assert who(browser) == alice.email
    alice.refresh_from_db()
    assert not alice.has_usable_password()
    assert who(waiting) is None
    assert Client().get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_address_that_somebody_only_asked_for_is_not_theirs(browser, issuer, alice):
    EmailAddress.objects.create(user=alice, email="dana@example.com", verified=False, primary=False)
    sign_in(browser)
    assert who(browser) == "dana@example.com"
    assert User.objects.count() == 2


@pytest.mark.parametrize("said", [{"email_verified": False}, {"email_verified": "false"}, {"email": None}])
def test_an_address_that_the_issuer_did_not_confirm_opens_nothing(browser, issuer, alice, said):
    issuer.person |= {"email": alice.email, **said}
    assert sign_in(browser)["Location"] == "/sign-in"
    assert "did not say" in browser.get("/sign-in").content.decode()
    assert who(browser) is None
    assert User.objects.count() == 1


def test_closed_registration_is_closed_here_too(browser, issuer):
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration": "closed"})
    assert sign_in(browser)["Location"] == "/sign-in"
    assert "registration is closed" in browser.get("/sign-in").content.decode()
    assert not User.objects.exists()


def test_where_one_must_be_invited_the_invited_come_in(browser, issuer, account, alice):
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration": "invite_only"})
    sign_in(browser)
    assert User.objects.count() == 1
    Invitation.objects.create(account=account, email="dana@example.com", digest="d", invited_by=alice)
    sign_in(browser)
    assert who(browser) == "dana@example.com"


def test_the_suspended_stay_outside(browser, issuer, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    issuer.person["email"] = alice.email
    assert sign_in(browser)["Location"] == "/sign-in"
    assert who(browser) is None


def test_a_second_factor_is_asked_for_all_the_same(browser, issuer, alice, totp_of):
    confirmation.count_as_confirmed(alice)
    code = totp_of(alice)
    issuer.person["email"] = alice.email
    assert sign_in(browser)["Location"] == "/sign-in/second-step"
    assert who(browser) is None
    assert browser.post("/sign-in/second-step", {"code": code()})["Location"] == "/"
    assert who(browser) == alice.email


@pytest.mark.parametrize("claims", [{"aud": "somebody else"}, {"iss": "http://127.0.0.1:1"}, {"exp": 1}])
def test_a_token_for_others_of_others_or_of_yesterday_is_refused(browser, issuer, claims):
    issuer.claims = claims
    assert sign_in(browser)["Location"] == "/sign-in"
    assert not User.objects.exists()


def test_a_state_of_another_browser_is_refused(browser, issuer):
    there = go_there(browser)
    victim = Client()
    assert come_back(victim, there)["Location"] == "/sign-in"
    assert who(victim) is None


@pytest.mark.parametrize("end", ["token_endpoint", "userinfo_endpoint"])
def test_no_other_host_is_called(browser, issuer, settings, end):
    with IssuerServer() as other:
        called = []
        threading.Thread(target=other.serve_forever, daemon=True).start()
        other.verify_request = lambda *_: bool(called.append(1)) or True
        issuer.elsewhere = {end: f"{other.url}/{end.partition('_')[0]}"}
        assert sign_in(browser)["Location"] == "/sign-in"
        assert not called
        settings.OIDC["hosts"] = [urlsplit(other.url).netloc]
        other.codes, other.person, other.access_token = issuer.codes, issuer.person, issuer.access_token
        other.claims = {"iss": issuer.url}
        sign_in(browser)
        assert called
        assert who(browser) == "dana@example.com"
        other.shutdown()


def test_an_issuer_that_is_away_is_no_crash(browser, issuer):
    issuer.shutdown()
    issuer.server_close()
    answer = browser.post("/sign-in/elsewhere")
    assert answer["Location"] == "/sign-in"
    assert "cannot be reached" in browser.get("/sign-in").content.decode()


def test_it_leads_on_within_the_site_only(browser, issuer):
    assert sign_in(browser, next="//evil.example/")["Location"] == "/"


def test_without_an_issuer_there_is_no_button_and_no_door(browser, db):
    assert "elsewhere" not in browser.get("/sign-in").content.decode()
    assert browser.post("/sign-in/elsewhere").status_code == 404
    assert browser.get("/sign-in/oidc/callback?code=x&state=y").status_code == 404
