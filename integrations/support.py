"""Support requests of visitors, on their way to the inbox that an account names."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from accounts import mail
from accounts.addresses import limit_address
from accounts.models import Account
from accounts.throttling import Limit, LimitsUnavailable, TooManyAttempts
from doculume.errors import DoculumeError
from integrations.doors import Door
from integrations.models import ChatbotSettings

LONGEST_PAGE = 300
OF_VISITOR = Limit("support-of-visitor", 5, 3600)
OF_KEY = Limit("support-of-key", 200, 24 * 3600)


class NoSupportInbox(DoculumeError):
    status_code = 503
    message = "Support requests cannot be taken: no support inbox is configured."


class SupportUnavailable(DoculumeError):
    """Nobody counts at the moment, and mail that nobody counts is not sent."""

    status_code = 503
    message = "Support requests cannot be taken at the moment. Try again shortly."


class TooManyRequestsForSupport(DoculumeError):
    """`limit` is how many a window takes, `retry_after` the seconds until it closes."""

    code = "rate_limited"
    status_code = 429
    message = "Too many support requests. Wait a while before the next one."

    def __init__(self, limit: int = OF_VISITOR.amount, retry_after: float | None = None) -> None:
        self.limit = limit
        super().__init__(retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class SupportRequest:
    """`message` and `sender` (an address, or empty) are a visitor's own; nobody checked that the address is theirs."""

    message: str
    sender: str = ""


def send(door: Door, asked: SupportRequest, request: HttpRequest) -> None:
    """Queue the request for the account's inbox.

    Raises `NoSupportInbox`, `TooManyRequestsForSupport`, `SupportUnavailable`, and `MailRefused` for a sender whose
    address would not stay in its header.
    """
    inbox = inbox_of(door.account)
    if not inbox:
        raise NoSupportInbox
    _count(door, request)
    said = {"account": door.account, "key": door.key, "page": _page(door, request), "asked": asked}
    mail.write(inbox, "integrations/mail/support_request", said, reply_to=asked.sender)


def inbox_of(account: Account) -> str:
    """Where support requests go, which visitors are told too; empty if nowhere."""
    inbox: str | None = ChatbotSettings.objects.for_account(account).values_list("support_email", flat=True).first()
    return inbox or ""


def _count(door: Door, request: HttpRequest) -> None:
    key = str(door.key.pk)
    for limit, parts in ((OF_VISITOR, (key, limit_address(request))), (OF_KEY, (key,))):
        try:
            limit.count(*parts)
        except TooManyAttempts as error:
            raise TooManyRequestsForSupport(limit.amount, error.retry_after) from error
        except LimitsUnavailable as error:
            raise SupportUnavailable(retry_after=error.retry_after) from error


def _page(door: Door, request: HttpRequest) -> str:
    """Which page it came from, as far as the browser says; without what may stand behind `?`."""
    address = request.headers.get("Referer", "").partition("?")[0].partition("#")[0]
    return mail.CONTROL.sub("", address or door.origin or "")[:LONGEST_PAGE]
