from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from doculume.env import env_hosts


def test_pairs_of_host_and_port_are_read(monkeypatch):
    monkeypatch.setenv("HOSTS", "localhost:11434, models.internal:8000,[::1]:1234")
    assert env_hosts("HOSTS") == [("localhost", 11434), ("models.internal", 8000), ("::1", 1234)]


def test_nothing_is_a_list_of_nothing(monkeypatch):
    monkeypatch.setenv("HOSTS", "")
    assert env_hosts("HOSTS", "localhost:1") == []


@pytest.mark.parametrize("text", ["localhost", "localhost:", ":80", "localhost:0", "localhost:70000", "localhost:x"])
def test_what_is_no_pair_stops_the_start(monkeypatch, text):
    monkeypatch.setenv("HOSTS", text)
    with pytest.raises(ImproperlyConfigured, match="HOSTS"):
        env_hosts("HOSTS")
