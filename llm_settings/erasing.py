"""What this app holds of accounts and people; see `accounts.erasure`."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.erasure import ROWS, delete_some, raw_delete, until_none
from llm_settings.models import LLMProvider, UserLLMConfig


def of_account(account_id: int) -> Iterator[int]:
    for model in (UserLLMConfig, LLMProvider):
        yield from until_none(lambda model=model: delete_some(model, account_id))  # type: ignore[misc]


def of_person(user_id: int) -> Iterator[int]:
    """Their own keys, in whatever account."""
    own = UserLLMConfig.objects.filter(user_id=user_id).order_by()
    free = own.select_for_update(skip_locked=True).values_list("account_id", "id")
    while chosen := list(free[:ROWS]):
        accounts, ids = zip(*chosen, strict=True)
        yield raw_delete(own.filter(account_id__in=set(accounts), id__in=ids))
