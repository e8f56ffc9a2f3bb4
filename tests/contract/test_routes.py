"""Walks the URLconf: each API route speaks a dialect, and who may call it is written down here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chat.models import Conversation
from doculume.dialects import Dialect
from knowledge import uploads

PUBLIC = "public"
SIGNED_IN = "signed in"
OF_ACCOUNT = "of the account"  # needs an id; strangers get 404
OF_USER = "of the user"  # needs an id; other members get 404 too

# A new route fails the tests until it is put here, with who may call it.
ROUTES: dict[str, dict[str, str]] = {
    "api-register": {"post": PUBLIC},
    "api-login": {"post": PUBLIC},
    "api-refresh": {"post": PUBLIC},
    "api-logout": {"post": SIGNED_IN},
    "api-me": {"get": SIGNED_IN, "put": SIGNED_IN, "patch": SIGNED_IN},
    "api-documents": {"get": SIGNED_IN},
    "api-document-upload": {"post": SIGNED_IN},
    "api-document": {"get": OF_ACCOUNT, "delete": OF_ACCOUNT},
    "api-document-retry": {"post": OF_ACCOUNT},
    "api-ask": {"post": SIGNED_IN},
    "api-conversations": {"get": SIGNED_IN},
    "api-conversation": {"get": OF_USER, "delete": OF_USER},
}


def api_patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_patterns(pattern, route)
        elif route.startswith("api/v1/"):
            yield route, pattern


PATTERNS = dict(api_patterns())


def view_class(pattern: URLPattern) -> Any:
    return getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)


@pytest.mark.parametrize("route", PATTERNS)
def test_every_api_view_speaks_a_dialect(route):
    assert issubclass(view_class(PATTERNS[route]), Dialect)


def test_every_api_route_is_written_down_with_its_methods():
    found = {}
    for pattern in PATTERNS.values():
        actions = getattr(pattern.callback, "actions", None)
        view = view_class(pattern)
        methods = actions or {m for m in view.http_method_names if hasattr(view, m)}
        found[pattern.name] = set(methods) - {"options", "head"}
    assert found == {name: set(methods) for name, methods in ROUTES.items()}


GUARDED = [(name, method) for name, methods in ROUTES.items() for method, who in methods.items() if who != PUBLIC]
WITH_ID = [(name, method) for name, method in GUARDED if ROUTES[name][method] in {OF_ACCOUNT, OF_USER}]


def path_of(name: str, ident: uuid.UUID | None = None) -> str:
    needs_id = name in {with_id for with_id, _ in WITH_ID}
    return reverse(name, kwargs={"pk": ident or uuid.uuid4()} if needs_id else None)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_nobody_gets_in_without_a_credential(anonymous, name, method):
    assert getattr(anonymous, method)(path_of(name)).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_nobody_gets_in_with_a_made_up_credential(anonymous, name, method):
    for token in ("x", "a.b.c", "cb_0123456789abcdef", ""):
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        assert getattr(anonymous, method)(path_of(name)).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), WITH_ID)
def test_what_is_alices_does_not_exist_for_others(name, method, alice, account, as_bob, as_charlie):
    ident = thing_of_alices(name, alice, account)
    for client in [as_charlie] if ROUTES[name][method] == OF_ACCOUNT else [as_charlie, as_bob]:
        assert getattr(client, method)(path_of(name, ident)).status_code == 404


def thing_of_alices(name: str, alice: Any, account: Any) -> uuid.UUID:
    if name.startswith("api-conversation"):
        return Conversation.objects.create(account=account, user=alice).id
    return uploads.accept(account, alice, SimpleUploadedFile("a.txt", b"Open at nine."), name="a.txt").id
