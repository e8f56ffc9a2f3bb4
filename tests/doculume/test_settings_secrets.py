"""The process refuses to start on a secret that somebody could guess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doculume.env import is_weak

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("SECRET_KEY", "JWT_SIGNING_KEY", "ENCRYPTION_KEY")
GOOD = {
    "SECRET_KEY": "Zr9mK2vX7qLw4TtY8bNc3HgD6sFj5PaUeRiOoQ1x-pE4wB7nM2_kV",
    "JWT_SIGNING_KEY": "h7GfD3kSa9PqWz2XcV5bN8mLtY4rEuJ6iOoH1vTn",
    "ENCRYPTION_KEY": "u4YtR8eWq2ZxCv6BnM9kLjH5gFdS3aPoI7iUyTb1",
}
EXTERNAL = {"DATABASE_URL": "postgresql://app:x@db.internal/app", "REDIS_URL": "redis://redis.internal/0"}
SHOW = """
import json
from doculume import settings
print(json.dumps([settings.SECRET_KEY, settings.JWT_SIGNING_KEY, settings.ENCRYPTION_KEYS]))
"""


def load(var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process that loads the settings and prints its secrets, with nothing of our own environment but the path."""
    variables = {"PATH": os.environ["PATH"], "DOCULUME_VAR": str(var), **environment}
    return subprocess.run(
        [sys.executable, "-c", SHOW], cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
    )


def test_good_secrets_are_taken_as_they_are(tmp_path):
    done = load(tmp_path, **EXTERNAL, **GOOD)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [GOOD["SECRET_KEY"], GOOD["JWT_SIGNING_KEY"], [GOOD["ENCRYPTION_KEY"]]]


@pytest.mark.parametrize("missing", NAMES)
def test_with_an_external_database_each_secret_must_be_given(tmp_path, missing):
    done = load(tmp_path, **EXTERNAL, **{name: value for name, value in GOOD.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing} is not set" in done.stderr
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("database", [EXTERNAL, {}])
def test_a_short_secret_stops_the_process_without_being_printed(tmp_path, name, database):
    done = load(tmp_path, **database, **(GOOD | {name: "Zr9mK2vX7q"}))
    assert done.returncode != 0
    assert f"{name} is short" in done.stderr
    assert "Zr9mK2vX7q" not in done.stderr.replace(GOOD["SECRET_KEY"], "")


def test_while_developing_a_short_secret_will_do(tmp_path):
    assert load(tmp_path, DEBUG="1", **EXTERNAL, **(GOOD | {"SECRET_KEY": "short"})).returncode == 0


def test_without_a_word_each_installation_makes_its_own_and_keeps_them(tmp_path):
    first, again, other = load(tmp_path / "one"), load(tmp_path / "one"), load(tmp_path / "two")
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    secret_key, jwt_key, encryption_keys = json.loads(first.stdout)
    made = {secret_key, jwt_key, *encryption_keys}
    assert len(made) == 3
    assert not any(is_weak(secret) for secret in made)
    assert made.isdisjoint(str(json.loads(other.stdout)))
    assert secret_key not in other.stdout


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "Zr9mK2vX7qLw4TtY8bNc3HgD6sFj5Pa",  # 31 characters
        "a" * 64,
        "abcabcabc" * 8,
        "changeme-Zr9mK2vX7qLw4TtY8bNc3HgD6sFj5PaUeRiOoQ1x",
        "please-CHANGE-ME-Zr9mK2vX7qLw4TtY8bNc3HgD6sFj5Pa",
        "my-secret-key-for-production-of-our-company-2026",
        "django-insecure-zr9mk2vx7qlw4tty8bnc3hgd6sfj5pauerioo",
        "replace this with something random, please do it",
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
    ],
)
def test_what_people_write_who_have_not_made_a_secret_is_weak(secret):
    assert is_weak(secret)


@pytest.mark.parametrize("secret", GOOD.values())
def test_random_characters_are_not_weak(secret):
    assert not is_weak(secret)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEBUG", "maybe"), ("TRUSTED_PROXIES", "-1"), ("TRUSTED_PROXIES", "many"), ("UPLOAD_MAX_BYTES", "0")],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path, name, value):
    done = load(tmp_path, **EXTERNAL, **GOOD, **{name: value})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name} must be" in done.stderr
