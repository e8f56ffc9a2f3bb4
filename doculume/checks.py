"""Checks of the deployment that Django does not make: `manage.py check --deploy`.

Secrets that are missing, short or examples never get this far; the settings refuse to load with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.cache.backends.redis import RedisCache
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.utils.module_loading import import_string

from doculume.env import is_weak

LONGEST_ACCESS_TOKEN = timedelta(hours=1)
UNSAFE_SOURCES = {"'unsafe-inline'", "'unsafe-eval'", "*"}
Apps = Sequence[AppConfig] | None


@register(Tags.security, deploy=True)
def secrets_are_strong_and_apart(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    secrets = {
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": str(settings.SIMPLE_JWT["SIGNING_KEY"]),
        "ENCRYPTION_KEY": settings.ENCRYPTION_KEYS[0],
    }
    for name, value in secrets.items():
        if is_weak(value):
            found.append(
                Error(
                    f"{name} is short, an example or repetitive.",
                    hint="Set it to at least 32 random characters.",
                    id="doculume.E001",
                )
            )
    if len(set(secrets.values())) < len(secrets):
        found.append(
            Error(
                f"{', '.join(secrets)} are not all different: whoever learns one has the others.",
                hint="Give each a value of its own.",
                id="doculume.E002",
            )
        )
    return found


@register(Tags.security, deploy=True)
def tokens_are_sound(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if str(settings.SIMPLE_JWT["ALGORITHM"]).lower() == "none":
        found.append(
            Error(
                "Access tokens are not signed.",
                hint="Set SIMPLE_JWT['ALGORITHM'] to HS256 or an asymmetric algorithm.",
                id="doculume.E003",
            )
        )
    if settings.ACCESS_TOKEN_LIFETIME > LONGEST_ACCESS_TOKEN:
        found.append(
            Warning(
                f"Access tokens are good for {settings.ACCESS_TOKEN_LIFETIME}.",
                hint="A stolen one is of use that long; keep ACCESS_TOKEN_LIFETIME under an hour.",
                id="doculume.W004",
            )
        )
    return found


@register(Tags.security, deploy=True)
def other_sites_stay_out(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False):
        found.append(
            Error(
                "Every site's pages may read answers of the API.",
                hint="Name the origins, or let integrations name their domains.",
                id="doculume.E005",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Warning(
                "Any Host header is believed, and links and origin checks are built from it.",
                hint="Name the hosts in ALLOWED_HOSTS.",
                id="doculume.W006",
            )
        )
    if loose := [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" in origin or origin.startswith("http://")]:
        found.append(
            Warning(
                f"Trusted without need: {', '.join(loose)}.",
                hint="CSRF_TRUSTED_ORIGINS should hold whole https origins; the site's own is trusted anyway.",
                id="doculume.W007",
            )
        )
    return found


@register(Tags.security, deploy=True)
def pages_run_only_own_scripts(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    directives = (getattr(settings, "CONTENT_SECURITY_POLICY", None) or {}).get("DIRECTIVES", {})
    scripts = directives.get("script-src") or directives.get("default-src")
    if scripts and not UNSAFE_SOURCES & set(map(str, scripts)):
        return []
    return [
        Warning(
            "The content security policy lets pages run scripts that are not the site's own.",
            hint="Set script-src in CONTENT_SECURITY_POLICY, without 'unsafe-inline', 'unsafe-eval' and *.",
            id="doculume.W008",
        )
    ]


@register(Tags.security, deploy=True)
def processes_count_together(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if issubclass(import_string(str(settings.CACHES["default"]["BACKEND"])), RedisCache):
        return []
    return [
        Error(
            "The cache is not shared, so that limits hold in each process only.",
            hint="Set REDIS_URL and use a Redis backend in CACHES.",
            id="doculume.E009",
        )
    ]


@register(Tags.security)
def issuer_knows_us(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    oidc = settings.OIDC
    if not oidc["issuer"] or (oidc["client_id"] and oidc["client_secret"]):
        return []
    return [
        Error(
            "OIDC_ISSUER is set without OIDC_CLIENT_ID and OIDC_CLIENT_SECRET: nobody can sign in there.",
            hint="Register this site at the issuer, with <site>/sign-in/oidc/callback as its redirect address.",
            id="doculume.E030",
        )
    ]


@register(Tags.security, deploy=True)
def proxies_are_counted(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.TRUSTED_PROXIES or not settings.SECURE_SSL_REDIRECT:
        return []
    return [
        Info(
            "HTTPS is on and no proxy is trusted, which is right only where this server ends TLS itself.",
            hint="Behind a proxy set TRUSTED_PROXIES to how many there are, or every request is redirected for ever "
            "and limits count all visitors as one.",
            id="doculume.I010",
        )
    ]
