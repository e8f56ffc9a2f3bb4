"""The API's reference pages load nothing from other hosts and may style themselves."""

from __future__ import annotations

import re

import pytest


@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs", "/api/redoc/", "/api/redoc"])
def test_the_reference_loads_from_here_only(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert "https://" not in re.sub(r"<!--.*?-->", "", page.content.decode(), flags=re.DOTALL)
    policy = page["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src 'self';" in policy


@pytest.mark.django_db
def test_other_pages_may_not(client):
    policy = client.get("/sign-in")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/api/v1/users/me", "/api/v1/nothing"])
def test_what_is_no_page_may_load_nothing(client, path):
    assert client.get(path)["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
