"""Which providers of an account do not answer at the moment, as its breakers know it."""

from __future__ import annotations

from accounts.models import Account
from llm_settings.breaker import tripped
from llm_settings.models import LLMProvider


def failing_providers(account: Account) -> list[LLMProvider]:
    """Those that failed several times in a row and have not answered since, in the order they are asked."""
    providers = list(LLMProvider.objects.for_account(account).only("id", "account_id", "name", "is_active").in_order())
    names = {provider.pk: f"{provider.account_id}:{provider.pk}" for provider in providers}
    known = tripped(list(names.values())) if names else set()
    return [provider for provider in providers if names[provider.pk] in known]
