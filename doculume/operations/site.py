"""The admin's site: unfold's, behind the product's one door, with a page about the system."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.decorators import method_decorator
from unfold.sites import UnfoldAdminSite

# Unfold moves its pages with Alpine, which makes functions of attributes, and writes its colors into each page. So
# here, where only staff come, that is allowed; scripts within a page are not, and no other page allows any of it.
as_unfold_needs = csp_update({"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]})


def _in_english(view: Callable[..., Any]) -> Callable[..., Any]:
    """Django and unfold would speak the user's language, and what is ours English: half of each is worse than one."""

    @wraps(view)
    def speaking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # For the template too, which is rendered later. The next request says its own.
        translation.activate("en")
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    return speaking


class Site(UnfoldAdminSite):
    index_title = "Overview"
    enable_nav_sidebar = True

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return super().admin_view(as_unfold_needs(_in_english(view)), cacheable)

    def extra_urls(self) -> list[URLPattern]:
        from doculume.operations import system_pages

        return [
            path("system/", self.admin_view(system_pages.system), name="system"),
            path("system/workers/", self.admin_view(system_pages.workers), name="system-workers"),
            path("system/invariants/", self.admin_view(system_pages.invariants), name="system-invariants"),
        ]

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """By the one door that has limits and asks for the second factor."""
        return super().login(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where everybody changes theirs."""
        return redirect("account-security")

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's, over the names of models, is not offered."""
        raise Http404
