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


def test_other_pages_may_not(client):
    assert "unsafe-inline" not in client.get("/livez")["Content-Security-Policy"]
