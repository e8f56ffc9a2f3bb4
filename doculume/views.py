"""Health of a process, and errors that no view of ours raised."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from doculume.dialects.groups import dialect_for, is_api
from doculume.readiness import failures

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


@never_cache
@require_safe
async def livez(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches no dependency."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when an upload would be taken and a question answered; 503 with what is missing otherwise."""
    missing = failures()
    status = {"status": "unavailable" if missing else "ok", "failures": missing}
    return JsonResponse(status, status=503 if missing else 200)


@csrf_exempt
def unknown_path(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return dialect_for(request.path).error_response(404, request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request.path):
        return dialect_for(request.path).error_response(404, request)
    return render(request, "404.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request.path):
        return dialect_for(request.path).error_response(400, request, "The request could not be read.")
    if isinstance(exception, TOO_MUCH):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request.path):
        return dialect_for(request.path).error_response(403, request)
    return render(request, "403.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request.path):
        return dialect_for(request.path).error_response(500, request)
    return render(request, "500.html", status=500)
