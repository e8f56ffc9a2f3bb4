"""The product's settings on servers of the tests' own; `DATABASE_URL` and `REDIS_URL` are honored here too."""

from __future__ import annotations

import os
import secrets

from tests.instance import REPOSITORY, claim

_folder = claim(REPOSITORY / "var" / "test")
os.environ["DOCULUME_VAR"] = str(_folder)
# Building the models takes a minute; the tests use what `make run` uses.
os.environ.setdefault("DOCULUME_MODELS", str(REPOSITORY / "var" / "models"))
for _name in ("SECRET_KEY", "JWT_SIGNING_KEY", "ENCRYPTION_KEY"):
    if os.environ.get("DATABASE_URL"):
        os.environ.setdefault(_name, secrets.token_urlsafe(48))

from doculume.settings import *  # noqa: E402, F403

DATABASES["default"]["TEST"] = {"NAME": f"test_doculume_{_folder.name}"}  # noqa: F405
CACHES["default"]["KEY_PREFIX"] = f"test-{_folder.name}"  # noqa: F405
CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = f"test-{_folder.name}:sockets:"  # noqa: F405
CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = f"test-{_folder.name}:"  # noqa: F405
# Argon2 is slow on purpose, and the tests make many users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
