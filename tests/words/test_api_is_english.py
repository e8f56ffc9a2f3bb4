"""Programs read the API, so it is in English whatever language a browser asks for or a user has chosen."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import UserSettings
from tests.cast import client_of
from tests.contract.matrix import BODIES, ROUTES
from tests.contract.test_routes import CELLS, address_of
from tests.words import pseudo

pytestmark = pytest.mark.django_db


def said(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming and not answer.is_async else answer.getvalue()
    return content.decode("utf-8", "replace") + str(dict(answer.headers))


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_no_answer_of_the_api_is_translated(name, method, alice, account):
    UserSettings.objects.create(user=alice, language=pseudo.LANGUAGE)
    page = Client(raise_request_exception=False)
    page.force_login(alice)
    address, body = address_of(name, account, alice), BODIES.get(name, {})
    with pseudo.spoken() as headers:
        for client in (client_of(alice), APIClient(), page):
            answer = getattr(client, method)(address, body, headers=headers)
            if not answer.streaming:
                assert "⟦" not in said(answer)
    assert not [text for text in pseudo.data_of_people() if "⟦" in text]


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/v1/nowhere", "/api/schema"])
def test_neither_is_what_no_view_answers(path):
    with pseudo.spoken() as headers:
        answer = Client(raise_request_exception=False).get(path, headers=headers)
        assert "⟦" not in said(answer)


def test_every_route_of_the_api_was_asked():
    assert {name for name, _ in CELLS} == set(ROUTES)
