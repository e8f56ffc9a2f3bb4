"""Walks the URLconf: each API route speaks a dialect, and each route lets in whom `matrix` says and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from accounts.api.scope import AccountScoped
from accounts.models import Membership, Plan
from accounts.plans import put_on
from doculume.dialects import Dialect
from integrations import keys
from tests.cast import client_of, make_user
from tests.contract.matrix import BODIES, OWN, OWN_THING, PAGES, PUBLIC, ROUTES, THINGS, WHO

MADE_UP = ("x", "a.b.c", "cb_0123456789abcdef0123456789abcdef", "")
# Ways in that other tests walk: the admin lets in staff only, and what is unknown is a 404.
ELSEWHERE = ("admin/", "^api/.*$", "^v1(?:/.*)?$")
OF_API = ("api/v1/", "v1/")


def patterns(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[tuple[str, str, Any]]:
    """Route, full name and pattern of everything in the URLconf."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from patterns(pattern, route, inner)
        else:
            yield route, f"{space}{pattern.name}", pattern


EVERYTHING = [(route, name, it) for route, name, it in patterns() if not route.startswith(ELSEWHERE)]
API = {name: it for route, name, it in EVERYTHING if route.startswith(OF_API)}
HTML = {name: it for route, name, it in EVERYTHING if not route.startswith(OF_API)}


def view_class(pattern: URLPattern) -> Any:
    return getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)


def methods_of(pattern: URLPattern) -> set[str]:
    view = view_class(pattern)
    handled = getattr(pattern.callback, "actions", None) or {m for m in view.http_method_names if hasattr(view, m)}
    return set(handled) - {"options", "head"}


@pytest.mark.parametrize("name", API)
def test_every_api_view_speaks_a_dialect(name):
    assert issubclass(view_class(API[name]), Dialect)


def test_every_api_route_is_written_down_with_its_methods():
    assert {name: methods_of(it) for name, it in API.items()} == {name: set(line) for name, line in ROUTES.items()}


def test_every_page_is_written_down_with_its_methods():
    """What browsers send; Django's form views take PUT as they take POST."""
    assert set(HTML) == set(PAGES)
    of_classes = {name: methods_of(it) & {"get", "post"} for name, it in HTML.items() if view_class(it)}
    assert of_classes == {name: set(PAGES[name]) for name in of_classes}


def test_every_route_with_an_id_has_a_thing_to_ask_for():
    with_id = {name for name, it in (API | HTML).items() if it.pattern.converters or it.pattern.regex.groups}
    assert with_id <= set(THINGS)


CELLS = [(name, method) for name, line in ROUTES.items() for method in line]
GUARDED = [(name, method) for name, method in CELLS if ROUTES[name][method] is not PUBLIC]
# What takes keys alone refuses whoever signs in before it looks at anything.
OF_PEOPLE = [(name, method) for name, method in GUARDED if ROUTES[name][method]["owner"] != "401"]
PAGE_CELLS = [(name, method) for name, line in PAGES.items() for method in line]


@pytest.fixture
def cast(alice, account, charlie) -> dict[str, Any]:
    """Users by their place in the matrix."""
    people = {"owner": alice, "stranger": charlie, "staff": make_user("Stan")}
    for role in (Membership.Role.MEMBER, Membership.Role.VIEWER):
        people[role.value] = make_user(f"{role.value}-of-alices")
        Membership.objects.create(account=account, user=people[role.value], role=role)
    people["staff"].is_staff = people["staff"].is_superuser = True
    people["staff"].save(update_fields=["is_staff", "is_superuser"])
    return people


@pytest.fixture
def programs(cast, account, chatbot_key) -> dict[str, APIClient]:
    clients = {who: client_of(user, account if who in ("viewer", "member") else None) for who, user in cast.items()}
    clients |= {who: APIClient(raise_request_exception=False) for who in ("anonymous", "key")}
    clients["key"].credentials(HTTP_AUTHORIZATION=f"Bearer {chatbot_key}")
    return clients


@pytest.fixture
def chatbot_key(account) -> str:
    """The text of a live one, of an account whose plan has chatbots."""
    put_on(account, Plan.objects.get(name="pro"))
    return keys.text_of(keys.create(account, "Site"))


@pytest.fixture
def browsers(cast, chatbot_key) -> dict[str, Client]:
    clients = {who: Client(raise_request_exception=False) for who in WHO}
    clients["key"] = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {chatbot_key}"})
    for who, user in cast.items():
        clients[who].force_login(user)
    return clients


def address_of(name: str, account: Any, alice: Any) -> str:
    return reverse(name, kwargs=THINGS[name](account, alice) if name in THINGS else None)


def tried(call: Any) -> Any:
    """What `call` answers; what it did is undone, so that everybody finds the same."""
    with transaction.atomic():
        answer = call()
        transaction.set_rollback(True)
    return answer


def cell(answer: Any) -> str:
    """`in`, `ok` or the status."""
    if answer.status_code in (301, 302, 303):
        return "in" if answer["Location"].startswith(("/sign-in", "/admin/login")) else "ok"
    return (
        "ok" if answer.status_code < 300 or answer.status_code in (400, 402, 409, 415, 422) else str(answer.status_code)
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_the_api_lets_in_whom_the_matrix_says(programs, account, alice, name, method):
    address, body = address_of(name, account, alice), BODIES.get(name, {})
    found = {who: cell(tried(lambda who=who: getattr(programs[who], method)(address, body))) for who in WHO}
    assert found == ROUTES[name][method]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ROUTES)
def test_options_and_head_never_fail(programs, account, alice, name):
    """REST framework asks a view for more than the view needs when it describes itself."""
    address = address_of(name, account, alice)
    for who in WHO:
        for method in ("options", "head"):
            assert tried(lambda who=who, method=method: getattr(programs[who], method)(address)).status_code < 500


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), [each for each in CELLS if each not in GUARDED])
def test_what_is_public_is_the_same_for_everybody(programs, account, alice, name, method):
    address, body = address_of(name, account, alice), BODIES.get(name, {})
    found = {tried(lambda who=who: getattr(programs[who], method)(address, body)).status_code for who in WHO}
    assert len(found) == 1
    assert found < set(range(200, 500)) - {403, 404, 405}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_nobody_gets_in_with_a_made_up_credential(anonymous, account, alice, name, method):
    address = address_of(name, account, alice)
    for token in MADE_UP:
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        assert getattr(anonymous, method)(address).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "method"),
    [(name, method) for name, method in OF_PEOPLE if issubclass(view_class(API[name]), AccountScoped)],
)
def test_a_stranger_who_names_the_account_is_refused_by_each_of_its_routes(charlie, account, alice, name, method):
    address = address_of(name, account, alice)
    for who, status in ((charlie, 403), (None, 401)):
        client = client_of(who, account) if who else APIClient(headers={"X-Account-Id": str(account.id)})
        assert getattr(client, method)(address, BODIES.get(name, {})).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), WITH_ID := [each for each in OF_PEOPLE if each[0] in THINGS])
def test_what_is_alices_looks_to_strangers_as_if_it_did_not_exist(charlie, account, alice, name, method):
    """Same status and body, but for what names the request."""
    theirs, answers = client_of(charlie), []
    address = address_of(name, account, alice)
    answers.append(getattr(theirs, method)(address, BODIES.get(name, {})))
    with transaction.atomic():
        gone = address_of(name, account, alice)
        transaction.set_rollback(True)
    answers.append(getattr(theirs, method)(gone, BODIES.get(name, {})))
    bodies = [
        {key: value for key, value in answer.json().items() if key not in ("instance", "request_id")}
        for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), PAGE_CELLS)
def test_pages_open_to_whom_the_matrix_says(browsers, account, alice, name, method):
    address, body = address_of(name, account, alice), BODIES.get(name, {})
    found = {}
    for who in WHO:
        inside = f"{address}?account={account.id}" if who in ("viewer", "member") else address
        found[who] = cell(tried(lambda who=who, inside=inside: getattr(browsers[who], method)(inside, body)))
    assert found == PAGES[name][method]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, line in PAGES.items()
        if all(
            cells["anonymous"] == "in" != cells["stranger"] and cells is not OWN and cells is not OWN_THING
            for cells in line.values()
        )
    ],
)
def test_a_page_of_an_account_is_not_there_for_strangers_who_name_it(browsers, account, alice, name):
    for method in PAGES[name]:
        address = f"{address_of(name, account, alice)}?account={account.id}"
        assert getattr(browsers["stranger"], method)(address).status_code == 404


@pytest.mark.django_db
def test_the_admin_lets_in_staff_only(browsers):
    for route, name, it in patterns():
        if route.startswith("admin/") and not it.pattern.converters and not it.pattern.regex.groups:
            if name in ("admin:login", "admin:logout", "admin:None"):
                continue
            for who in WHO:
                answer = browsers[who].get(reverse(name))
                assert (cell(answer) == "in") == (who != "staff"), (name, who)
