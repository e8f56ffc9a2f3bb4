"""How many requests of the API each may send, and what every answer says of it.

A view says in one word which of `POLICIES` it is under (`rate_scope`); `RateThrottle` counts where the view runs, and
`accounts.middleware.RateLimitMiddleware` writes the headers, and counts what was refused before any view counted it.
Windows are fixed and counted by django-ratelimit in Redis, so that all web processes count together: of any number
of requests at once exactly the amount passes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.addresses import limit_address
from accounts.models import Account, User
from doculume.crypto import digest
from doculume.errors import DoculumeError

log = logging.getLogger(__name__)

ANONYMOUS_AMOUNT = 60
OWN_PATHS_AMOUNT = 100
# Whoever signs in or registers is bounded by failures (`accounts.throttling`); this bounds the hashing of passwords.
SIGN_IN_AMOUNT = 600
# What the headers say where there is no limit: clients expect a number, and this one fits their smallest integers.
UNLIMITED = 2_147_483_647
# So long nobody asks a Redis that did not answer, except one request at the end of it.
AWAY_SECONDS = 5.0


class RateLimited(DoculumeError):
    """Over a rate; `retry_after` is the seconds until its window closes, `usage` what there was."""

    code = "rate_limited"
    status_code = 429
    message = "Too many requests. Wait until the limit is reset."

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        super().__init__(retry_after=usage.retry_after)


@dataclass(frozen=True, slots=True)
class Rate:
    """`amount` requests of `who` in a window of `seconds`; None is no limit. Other groups, other counters."""

    group: str
    who: str
    amount: int | None
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Usage:
    """A rate after a request was counted. `resets_at` is in Unix seconds."""

    limit: int
    remaining: int
    resets_at: int
    is_over: bool = False

    @property
    def retry_after(self) -> int:
        return max(1, self.resets_at - int(time.time()))

    def write(self, response: HttpResponseBase) -> None:
        for name, value in self.headers().items():
            response[name] = value

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.resets_at),
        }


def of_plan(request: Request) -> Rate:
    """What the plan says of the account that is acted in. Accounts on one plan share the counter of their user, so
    that several of them do not multiply what the user may send."""
    user = _signed_in(request)
    if user is None:
        return of_address(request._request)
    account = getattr(request, "account", None) or _personal_account(user)
    if account is None:  # deleted in this moment
        return of_address(request._request)
    return of_member(user, account)


def of_member(user: User, account: Account) -> Rate:
    """The same, for what comes over a socket."""
    return Rate("plan", f"{user.pk}:{account.plan_id}", account.allowance.requests_per_minute)


def of_own_paths(request: Request) -> Rate:
    """The paths that count by themselves, the same in every plan."""
    user = _signed_in(request)
    return Rate("own-paths", str(user.pk), OWN_PATHS_AMOUNT) if user else of_address(request._request)


def of_sign_in(request: Request) -> Rate:
    """What is asked before anybody is known: it has limits of its own against guessing."""
    return _by_address("sign-in", request._request, SIGN_IN_AMOUNT)


def of_address(request: HttpRequest) -> Rate:
    return _by_address("address", request, ANONYMOUS_AMOUNT)


DEFAULT_SCOPE = "plan"
POLICIES: dict[str, Callable[[Request], Rate]] = {
    DEFAULT_SCOPE: of_plan,
    "own paths": of_own_paths,
    "sign-in": of_sign_in,
}


def rate_for(request: Request, view: Any) -> Rate:
    """The rate that a request to a view is counted under."""
    return POLICIES[getattr(view, "rate_scope", DEFAULT_SCOPE)](request)


class RateThrottle(BaseThrottle):
    """Counts a request that was let in, before the view does anything. Raises `RateLimited`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        usage = count(request._request, rate_for(request, view))
        if usage.is_over:
            raise RateLimited(usage)
        return True


def usage_of(request: HttpRequest) -> Usage | None:
    """What was counted for this request, if it was."""
    return getattr(request, "rate_usage", None)


def count(request: HttpRequest, rate: Rate) -> Usage:
    """Count the request and keep the outcome on it. A Redis that is away counts nothing and refuses nobody."""
    usage = _counted(request, rate)
    request.rate_usage = usage  # type: ignore[attr-defined]
    return usage


# For views that are neither REST framework's nor synchronous.
count_async = sync_to_async(count)


def _counted(request: HttpRequest, rate: Rate) -> Usage:
    if rate.amount is None:
        return Usage(UNLIMITED, UNLIMITED, int(time.time()) + rate.seconds)
    counted = _from_redis(request, rate.group, rate.who, (rate.amount, rate.seconds))
    if counted is None:
        return Usage(rate.amount, rate.amount, int(time.time()) + rate.seconds)
    # The window's last second belongs to it.
    resets_at = int(time.time()) + counted["time_left"] + 1
    return Usage(rate.amount, max(0, rate.amount - counted["count"]), resets_at, counted["should_limit"])


def _from_redis(request: HttpRequest, group: str, who: str, rate: tuple[int, int]) -> dict[str, Any] | None:
    """What django-ratelimit counted, or None where it could not."""
    if not _outage.may_ask():
        return None
    try:
        counted = get_usage(request, group=f"rate:{group}", key=lambda *_: who, rate=rate, increment=True)
    except (redis.RedisError, OSError) as error:
        _outage.begins(error)
        return None
    _outage.ends()
    # A key that ran out between two of its statements; it would refuse, with a time of -1.
    return counted if counted and counted["time_left"] >= 0 else None


class Outage:
    """Whether Redis is away, as far as this process knows. While it is, one request in `AWAY_SECONDS` asks again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the monotonic clock: until when nobody asks (0: everybody may), and when the log was told.
        self._until = 0.0
        self._told = -AWAY_SECONDS

    def may_ask(self) -> bool:
        if not self._until:
            return True
        with self._lock:
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + AWAY_SECONDS
            return True

    def begins(self, error: Exception) -> None:
        now = time.monotonic()
        with self._lock:
            is_news = now >= self._told + AWAY_SECONDS
            self._until = now + AWAY_SECONDS
            self._told = now if is_news else self._told
        if is_news:
            log.warning("requests are not limited while Redis does not answer: %s", type(error).__name__)

    def ends(self) -> None:
        self._until = 0.0
        self._told = -AWAY_SECONDS


_outage = Outage()


def _signed_in(request: Request) -> User | None:
    """Whoever was refused while they showed who they are (another site's page, say) is nobody."""
    try:
        return request.user if isinstance(request.user, User) else None
    except DoculumeError:
        return None


def _personal_account(user: User) -> Account | None:
    return Account.objects.select_related("plan", "own_limits").filter(personal_of=user).first()


def _by_address(group: str, request: HttpRequest, amount: int) -> Rate:
    return Rate(group, digest(limit_address(request), purpose=f"rate:{group}"), amount)
