from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, include, path
from django.urls.resolvers import RegexPattern, URLResolver

from doculume.routing import both


def view(request: HttpRequest, **kwargs: str) -> HttpResponse:
    return HttpResponse()


THINGS = [
    both("things", view, "things"),
    both("other/", view, "other"),
    both("things/<uuid:id>", view, "thing"),
    both("by/<str:kind>", view, "kind"),
    both("by-source/<path:source>", view, "source"),
]


@pytest.fixture
def resolver() -> URLResolver:
    return URLResolver(RegexPattern("^/"), [path("api/", include(THINGS))])


UUID = "0190a6a0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/api/things", "things"),
        ("/api/things/", "things"),
        ("/api/other", "other"),
        ("/api/other/", "other"),
        (f"/api/things/{UUID}", "thing"),
        (f"/api/things/{UUID}/", "thing"),
        ("/api/by/a/", "kind"),
    ],
)
def test_answers_with_and_without_a_slash(resolver, address, name):
    assert resolver.resolve(address).url_name == name


@pytest.mark.parametrize("address", ["/api/things//", "/api/thing", "/api/things/x", "/api/by/", "/api/by//", "/api/"])
def test_and_nothing_else(resolver, address):
    with pytest.raises(Resolver404):
        resolver.resolve(address)


@pytest.mark.parametrize("source", ["a", "a/", "a/b", "a//"])
def test_a_slash_at_the_end_of_a_path_belongs_to_it(resolver, source):
    assert resolver.resolve(f"/api/by-source/{source}").kwargs == {"source": source}


def test_reversing_gives_the_route_as_written(resolver):
    assert resolver.reverse("things") == "api/things"
    assert resolver.reverse("other") == "api/other/"
    assert resolver.reverse("thing", id=UUID) == f"api/things/{UUID}"
