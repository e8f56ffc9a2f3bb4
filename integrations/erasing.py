"""What this app holds of accounts; see `accounts.erasure`. Of people it holds nothing."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.erasure import delete_some, until_none
from integrations.models import (
    ChatbotKey,
    ChatbotKeyIntegration,
    ChatbotSettings,
    Integration,
    IntegrationCollection,
    IntegrationEvent,
)

# Events first: there may be many, and the database would delete them with their integration in one go.
OF_ACCOUNT = (
    IntegrationEvent,
    IntegrationCollection,
    ChatbotKeyIntegration,
    ChatbotKey,
    ChatbotSettings,
    Integration,
)


def of_account(account_id: int) -> Iterator[int]:
    for model in OF_ACCOUNT:
        yield from until_none(lambda model=model: delete_some(model, account_id))  # type: ignore[misc]


def of_person(user_id: int) -> Iterator[int]:
    return iter(())
