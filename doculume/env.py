"""Reading the environment. Only `doculume.settings` calls this; everybody else reads Django settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
SHORTEST_SECRET = 32
# What people write who have not made a secret yet. In 64 random characters none of these turns up by chance.
EXAMPLES = (
    "changeme",
    "change-me",
    "change_me",
    "replace",
    "secret",
    "example",
    "insecure",
    "password",
    "default",
    "12345678",
    "abcdefgh",
    "qwerty",
)


def env_str(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def env_bool(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be one of 1, 0, true, false, yes, no, on, off; it is {value!r}.")


def env_int(name: str, default: int, *, minimum: int | None = None) -> int:
    value = env_str(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number; it is {value!r}.") from error
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}; it is {number}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_hosts(name: str, default: str = "") -> list[tuple[str, int]]:
    """`host:port` pairs, separated by commas; an IPv6 address in brackets."""
    return [_host_and_port(name, pair) for pair in env_list(name, default)]


def _host_and_port(name: str, pair: str) -> tuple[str, int]:
    host, colon, port = pair.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ImproperlyConfigured(f"{name} must be host:port pairs, separated by commas; {pair!r} is none.")
    return host.strip("[]"), int(port)


def env_issuer(name: str) -> str:
    """The address of another server that says who people are: by https, but on this very machine."""
    value = env_str(name).rstrip("/")
    parts = urlsplit(value)
    if value and not (parts.hostname and (parts.scheme == "https" or is_this_machine(parts))):
        raise ImproperlyConfigured(f"{name} must be an https:// address; it is {value!r}.")
    return value


def is_this_machine(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def env_secret(name: str, generate: Callable[[], str] | None, *, debug: bool) -> str:
    """A secret from the environment, or from `generate` where one machine keeps its own.

    `generate` is None where several machines must agree (an external database is configured): then the variable
    is required. Without DEBUG a short or example secret stops the process.
    """
    value = env_str(name)
    if not value:
        if generate is None:
            raise ImproperlyConfigured(
                f"{name} is not set. With an external database every process must share it: set it to at least "
                f"{SHORTEST_SECRET} random characters (python -c 'import secrets; print(secrets.token_urlsafe(48))')."
            )
        return generate()
    if not debug and is_weak(value):
        raise ImproperlyConfigured(
            f"{name} is short, an example or repetitive. Without DEBUG it must be at least "
            f"{SHORTEST_SECRET} random characters."
        )
    return value


def is_weak(secret: str) -> bool:
    lowered = secret.lower()
    example = any(word in lowered for word in EXAMPLES)
    return example or len(secret) < SHORTEST_SECRET or len(set(secret)) < 10
