"""Limits against guessing, counted in Redis so that all web processes count together.

What counts whenever it happens is django-ratelimit's. What counts only when it fails needs more, or else parallel
attempts would all pass before the first has failed: each script below is one atomic step.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from accounts.addresses import limit_address
from doculume.crypto import digest
from doculume.errors import DoculumeError

log = logging.getLogger(__name__)

# A check of a password that takes longer than this is taken for dead.
LONGEST_ATTEMPT_SECONDS = 20
LONGEST_WAIT_SECONDS = 5.0
WAIT_STEP_SECONDS = 0.05

# KEYS: failures, attempts under way; ARGV: limit, ticket, seconds an attempt may take. Returns 0 when the attempt may
# start, -1 when it must wait for others to end, or the milliseconds until the window of failures closes.
BEGIN = """
local failures = tonumber(redis.call('GET', KEYS[1]) or '0')
if failures >= tonumber(ARGV[1]) then return math.max(redis.call('PTTL', KEYS[1]), 1) end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if failures + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then return -1 end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 0
"""

# KEYS: failures, attempts under way; ARGV: ticket, 1 if it failed, seconds of the window.
END = """
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[2] == '1' and redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[3] * 1000) end
return 0
"""


class TooManyAttempts(DoculumeError):
    """Over a limit; `retry_after` is the seconds until the window closes."""

    code = "rate_limited"
    status_code = 429
    message = "Too many attempts. Wait a while before the next one."


class LimitsUnavailable(DoculumeError):
    """Redis is away. What guards passwords refuses then, for nobody would count."""

    status_code = 503
    message = "Sign-in is not available at the moment. Try again shortly."


class _Counted(Exception):
    """Ends an attempt that counts whatever comes of it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` in a window of `seconds`, for each combination of the parts that the methods take."""

    name: str
    amount: int
    seconds: int

    @contextmanager
    def failures(self, *parts: str, failure: type[Exception]) -> Iterator[None]:
        """Around an attempt that counts only if it raises `failure`.

        Of any number of parallel attempts exactly `amount` can fail; the others wait for those under way and are
        then let through or refused with `TooManyAttempts`, so that parallel successes do not refuse each other.
        """
        keys = [self._key(parts, "failed"), self._key(parts, "running")]
        ticket = self._begin(keys)
        failed = False
        try:
            yield
        except failure:
            failed = True
            raise
        finally:
            _run(END, keys, [ticket, int(failed), self.seconds])

    def count(self, *parts: str) -> None:
        """Count one, whatever comes of it. Raises `TooManyAttempts` from the one after `amount` on."""
        with suppress(_Counted), self.failures(*parts, failure=_Counted):
            raise _Counted

    def _begin(self, keys: list[str]) -> str:
        ticket, deadline = secrets.token_hex(8), time.monotonic() + LONGEST_WAIT_SECONDS
        while (answer := _run(BEGIN, keys, [self.amount, ticket, LONGEST_ATTEMPT_SECONDS])) == -1:
            if time.monotonic() > deadline:
                raise TooManyAttempts(retry_after=1)
            time.sleep(WAIT_STEP_SECONDS)
        self._refuse(answer)
        return ticket

    @staticmethod
    def _refuse(milliseconds: int) -> None:
        if milliseconds:
            raise TooManyAttempts(retry_after=milliseconds / 1000)

    def _key(self, parts: tuple[str, ...], kind: str) -> str:
        """Addresses and e-mails do not stand in Redis in clear. The braces keep a limit's keys on one node."""
        who = digest("\n".join(parts), purpose=f"limit:{self.name}")
        return f"{settings.CACHES['default']['KEY_PREFIX']}:limit:{{{self.name}:{who}}}:{kind}"


SIGN_IN_OF_ONE = Limit("sign-in-of-one", 10, 60)
SIGN_IN_OF_ADDRESS = Limit("sign-in-of-address", 100, 3600)
REFRESH_OF_ADDRESS = Limit("refresh-of-address", 100, 3600)
PASSWORD_CHANGE_OF_USER = Limit("password-change-of-user", 10, 3600)
EMAIL_CHANGE_OF_USER = Limit("email-change-of-user", 10, 3600)
REGISTRATION_RATE = "100/h"


def count_registration(request: HttpRequest) -> None:
    """Count one for the request's address. Raises `TooManyAttempts` from the one after `REGISTRATION_RATE` on."""
    try:
        usage = get_usage(
            request,
            group="registration",
            key=lambda group, request: digest(limit_address(request), purpose=group),
            rate=REGISTRATION_RATE,
            increment=True,
        )
    except redis.RedisError as error:
        log.error("limits cannot be counted: %s", error)
        raise LimitsUnavailable(retry_after=5) from error
    if usage and usage["should_limit"]:
        raise TooManyAttempts(retry_after=usage["time_left"])


@contextmanager
def sign_in_limits(address: str, email: str, *, failure: type[Exception]) -> Iterator[None]:
    """Around a check of a password; attempts that raise `failure` count for the e-mail at the address, and for it."""
    with ExitStack() as stack:
        stack.enter_context(SIGN_IN_OF_ADDRESS.failures(address, failure=failure))
        stack.enter_context(SIGN_IN_OF_ONE.failures(address, email, failure=failure))
        yield


def _run(script: str, keys: list[str], arguments: list[Any]) -> int:
    try:
        return int(_client(settings.REDIS_URL).eval(script, len(keys), *keys, *arguments))
    except redis.RedisError as error:
        log.error("limits cannot be counted: %s", error)
        raise LimitsUnavailable(retry_after=5) from error


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2)
