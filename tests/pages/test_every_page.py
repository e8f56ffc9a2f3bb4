"""Every page of the URLconf, of an account that is in use: who sees it, and what it costs the database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from tests.cast import PASSWORD, make_user
from tests.pages.every_page import SIGNED_OUT, WHO, address, addresses, expected
from tests.pages.full_account import Filled, fill

pytestmark = pytest.mark.django_db

MOST_QUERIES = 12


@pytest.fixture
def filled(account, alice, settings, tmp_path) -> Filled:
    settings.MEDIA_ROOT = tmp_path
    return fill(account, alice)


@pytest.fixture
def browsers(filled, charlie) -> dict[str, Client]:
    people = {"owner": filled.owner, "stranger": charlie}
    for role in ("member", "viewer"):
        people[role] = make_user(role)
        Membership.objects.create(account=filled.account, user=people[role], role=role)
    return {who: signed_in(user) for who, user in people.items()}


def signed_in(user: User) -> Client:
    """By the form, so that pages which want the password to be fresh are shown."""
    browser = Client()
    assert browser.post("/sign-in", {"username": user.email, "password": PASSWORD}).status_code == 302
    return browser


@pytest.fixture
def pages(filled, browsers) -> dict[str, str]:
    return addresses(filled, browsers["owner"])


@pytest.mark.parametrize("who", WHO)
def test_each_sees_the_pages_that_they_may(pages, browsers, who):
    assert len(pages) > 20
    found = {name: browsers[who].get(path).status_code for name, path in pages.items()}
    assert found == {name: expected(name, who) for name in pages}


def test_those_who_are_not_signed_in_are_sent_to_the_sign_in(pages, filled):
    assert {name: Client().get(address(name, filled)).status_code for name in SIGNED_OUT} == dict.fromkeys(
        SIGNED_OUT, 200
    )
    found = {name: Client().get(path) for name, path in pages.items()}
    assert {
        name for name, answer in found.items() if not answer.headers.get("Location", "").startswith("/sign-in")
    } == set()


def test_no_page_asks_the_database_more_than_twelve_times(pages, browsers):
    costs = {}
    for name, path in pages.items():
        with CaptureQueriesContext(connection) as asked:
            browsers["owner"].get(path)
        costs[name] = [query["sql"] for query in asked]
    dear = {name: statements for name, statements in costs.items() if len(statements) > MOST_QUERIES}
    shown = [f"{name}: {len(sql)}\n" + "\n".join(each[:200] for each in sql) for name, sql in dear.items()]
    assert not dear, "\n\n".join(shown)
