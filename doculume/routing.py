"""Routes that answer with and without a trailing slash, and never by a redirect (it would lose a POST's body)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.urls.resolvers import RoutePattern


class EitherSlashPattern(RoutePattern):
    """Matches its route as written, or else with the last slash added or taken away.

    As written comes first, so that a slash at the end of a `<path:…>` belongs to the value. Reversing and the
    OpenAPI schema see one route, the one written.
    """

    def match(self, path: str) -> Any:
        if found := super().match(path):
            return found
        return super().match(path[:-1] if path.endswith("/") else f"{path}/")


def both(route: str, view: Callable[..., HttpResponseBase], name: str | None = None) -> URLPattern:
    """`django.urls.path()` for an endpoint that answers at `route` and at `route/` alike."""
    return URLPattern(EitherSlashPattern(route, name=name, is_endpoint=True), view, {}, name)
