"""The people of the tests: Alice owns the account, Bob is a member of it, Charlie is a stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient
from selectolax.lexbor import LexborHTMLParser

from accounts.models import Account, Membership, User
from accounts.tokens import start_family

PASSWORD = "correct horse battery staple"


def make_user(name: str) -> User:
    return User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, full_name=name)


@pytest.fixture
def alice(db: None) -> User:
    return make_user("Alice")


@pytest.fixture
def account(alice: User) -> Account:
    """Alice's."""
    return alice.personal_account


@pytest.fixture
def bob(account: Account) -> User:
    user = make_user("Bob")
    Membership.objects.create(account=account, user=user, role=Membership.Role.MEMBER)
    return user


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("Charlie")


def client_of(user: User, account: Account | None = None) -> APIClient:
    """A program that signed in as `user`, and acts in `account` where one is given."""
    headers = {"HTTP_AUTHORIZATION": f"Bearer {start_family(user).access}"}
    if account is not None:
        headers["HTTP_X_ACCOUNT_ID"] = str(account.id)
    # A view that crashes must show as the 500 that a client would see.
    client = APIClient(raise_request_exception=False)
    client.credentials(**headers)
    return client


@pytest.fixture
def as_alice(alice: User) -> APIClient:
    return client_of(alice)


@pytest.fixture
def as_bob(bob: User, account: Account) -> APIClient:
    return client_of(bob, account)


@pytest.fixture
def as_charlie(charlie: User) -> APIClient:
    return client_of(charlie)


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def page(client: Client, alice: User) -> Callable[..., tuple[Any, LexborHTMLParser]]:
    """Alice's browser: gets an address, or posts `data` to it; the answer, and its page to look into."""
    client.force_login(alice)

    def page(path: str, data: Any = None, **options: Any) -> tuple[Any, LexborHTMLParser]:
        answer = client.get(path, **options) if data is None else client.post(path, data, **options)
        return answer, LexborHTMLParser(answer.content)

    return page
