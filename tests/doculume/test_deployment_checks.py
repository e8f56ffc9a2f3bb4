"""Each thing that our own checks of a deployment warn of, and the quiet of one that is right."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from doculume import checks
from tests.doculume.test_settings_secrets import EXTERNAL, GOOD

REPOSITORY = Path(__file__).resolve().parents[2]
EVERY_CHECK = [
    checks.secrets_are_strong_and_apart,
    checks.tokens_are_sound,
    checks.other_sites_stay_out,
    checks.pages_run_only_own_scripts,
    checks.processes_count_together,
    checks.proxies_are_counted,
    checks.issuer_knows_us,
]
JWT = {"ALGORITHM": "HS256", "SIGNING_KEY": GOOD["JWT_SIGNING_KEY"]}
SOUND = {
    "SECRET_KEY": GOOD["SECRET_KEY"],
    "SIMPLE_JWT": JWT,
    "ENCRYPTION_KEYS": [GOOD["ENCRYPTION_KEY"]],
    "ALLOWED_HOSTS": ["docs.example.com"],
    "CSRF_TRUSTED_ORIGINS": ["https://docs.example.com"],
    "TRUSTED_PROXIES": 1,
    "SECURE_SSL_REDIRECT": True,
}


def found(settings, **changes) -> set[str | None]:
    for name, value in (SOUND | changes).items():
        setattr(settings, name, value)
    messages = [message for check in EVERY_CHECK for message in check(None)]
    assert all(message.hint for message in messages)
    return {message.id for message in messages}


def test_a_sound_deployment_is_quiet(settings):
    assert found(settings) == set()


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"SECRET_KEY": "short"}, {"doculume.E001"}),
        ({"ENCRYPTION_KEYS": ["x" * 64]}, {"doculume.E001"}),
        ({"SIMPLE_JWT": JWT | {"SIGNING_KEY": "changeme" * 8}}, {"doculume.E001"}),
        ({"SIMPLE_JWT": JWT | {"SIGNING_KEY": GOOD["SECRET_KEY"]}}, {"doculume.E002"}),
        ({"SIMPLE_JWT": JWT | {"ALGORITHM": "none"}}, {"doculume.E003"}),
        ({"ACCESS_TOKEN_LIFETIME": timedelta(days=1)}, {"doculume.W004"}),
        ({"CORS_ALLOW_ALL_ORIGINS": True}, {"doculume.E005"}),
        ({"ALLOWED_HOSTS": ["*"]}, {"doculume.W006"}),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]}, {"doculume.W007"}),
        ({"CSRF_TRUSTED_ORIGINS": ["http://docs.example.com"]}, {"doculume.W007"}),
        ({"CONTENT_SECURITY_POLICY": None}, {"doculume.W008"}),
        ({"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": ["'unsafe-inline'"]}}}, {"doculume.W008"}),
        ({"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}, {"doculume.E009"}),
        ({"TRUSTED_PROXIES": 0}, {"doculume.I010"}),
        ({"OIDC": {"issuer": "https://id.example.com", "client_id": "", "client_secret": ""}}, {"doculume.E030"}),
    ],
)
def test_each_fault_is_named(settings, changes, ids):
    assert found(settings, **changes) == ids


def test_check_deploy_is_clean_in_production(tmp_path):
    variables = {
        "PATH": os.environ["PATH"],
        "DOCULUME_VAR": str(tmp_path),
        "HTTPS": "1",
        "TRUSTED_PROXIES": "1",
        "ALLOWED_HOSTS": "docs.example.com",
        **EXTERNAL,
        **GOOD,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
