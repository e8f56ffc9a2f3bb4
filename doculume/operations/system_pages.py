"""The page about the system. It may be looked at with the right to see the site's settings; what it starts needs the
right to change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from doculume import heartbeats
from doculume.operations import system as looking
from doculume.operations.navigation import may_mend_system, may_see_system
from knowledge import looking_over


@require_safe
def system(request: HttpRequest) -> HttpResponse:
    _let_in(may_see_system(request))
    shown = {"parts": looking.everything(), "title": "System", "may_mend": may_mend_system(request)}
    return render(request, "admin/system.html", admin.site.each_context(request) | shown | _invariants())


@require_safe
def workers(request: HttpRequest) -> HttpResponse:
    """Apart from the page, which would wait for it: a canary to each queue."""
    _let_in(may_see_system(request))
    try:
        shown: dict[str, Any] = {
            "canaries": heartbeats.send_canaries(looking.QUEUES),
            "heartbeats": heartbeats.last_heard_of(),
        }
    except Exception as error:  # whatever the broker's client raises
        shown = {"trouble": f"Redis is not to be reached ({type(error).__name__}), so no worker can be asked."}
    return render(request, "admin/parts/workers.html", shown)


def invariants(request: HttpRequest) -> HttpResponse:
    """GET: how far the last look is, for the page to ask again and again. POST: look once more."""
    if request.method == "POST":
        return _look_over(request)
    _let_in(may_see_system(request))
    return render(request, "admin/parts/invariants.html", _invariants() | {"may_mend": may_mend_system(request)})


@require_POST
def _look_over(request: HttpRequest) -> HttpResponse:
    _let_in(may_mend_system(request))
    if looking_over.ask():
        messages.success(request, "A worker looks everything over. What it finds is shown here.")
    else:
        messages.error(request, "No worker could be asked: Redis is not to be reached.")
    return redirect("admin:system")


def _invariants() -> dict[str, Any]:
    return {"look": looking_over.last()}


def _let_in(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied
