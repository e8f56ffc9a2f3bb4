"""A synchronous view's whole request runs in one thread; an asynchronous one keeps to the event loop."""

from __future__ import annotations

import gc
import threading
from importlib import import_module
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from doculume.handler import Handler

threads: list[tuple[str, int]] = []


def noted(name: str) -> None:
    threads.append((name, threading.get_ident()))


class Noting:
    """Middleware in the old style: a hook before and a hook behind the view."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        noted("before")
        response = self.get_response(request)
        noted("behind")
        return response


def in_a_thread(request: HttpRequest, number: int) -> HttpResponse:
    noted("view")
    assert request.resolver_match is not None
    return HttpResponse(f"{request.method} {number} {request.resolver_match.url_name}")


async def on_the_loop(request: HttpRequest) -> HttpResponse:
    noted("view")
    return HttpResponse("from the loop")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


urlpatterns = [
    path("thread/<int:number>", in_a_thread, name="threaded"),
    path("loop", on_the_loop),
    path("broken", broken),
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::Warning"),
    pytest.mark.django_db(transaction=True),
]


async def ask(address: str) -> tuple[int, bytes]:
    threads.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Noting"] * 3):
        scope = {
            "type": "http", "method": "GET", "path": address, "query_string": b"", "headers": [], "http_version": "1.1",
        }  # fmt: skip
        asked = ApplicationCommunicator(Handler(), scope)
        await asked.send_input({"type": "http.request", "body": b""})
        begun = await asked.receive_output(5)
        return begun["status"], (await asked.receive_output(5))["body"]


async def test_middleware_and_a_synchronous_view_share_a_thread():
    assert await ask("/thread/7") == (200, b"GET 7 threaded")
    assert [name for name, _ in threads] == ["before"] * 3 + ["view"] + ["behind"] * 3
    assert {thread for _, thread in threads} != {threading.get_ident()}
    assert len({thread for _, thread in threads}) == 1


async def test_an_asynchronous_view_stays_on_the_loop():
    assert await ask("/loop") == (200, b"from the loop")
    assert dict(threads)["view"] == threading.get_ident()


async def test_what_no_view_answers_goes_through_the_middleware_too():
    status, _ = await ask("/nowhere")
    assert status == 404
    assert [name for name, _ in threads] == ["before"] * 3 + ["behind"] * 3


async def test_an_error_in_a_view_is_an_answer():
    status, _ = await ask("/broken")
    assert status == 500


def test_what_a_web_process_loads_is_not_looked_through_for_garbage():
    import_module("doculume.asgi")
    assert gc.get_freeze_count() > 50_000
