"""The models of an account's own providers, ready to be called."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from accounts.models import Account, User
from doculume.crypto import UnreadableSecret, decrypt
from doculume.prepared import Prepared
from llm_settings.breaker import BehindBreaker
from llm_settings.egress import checked_client
from llm_settings.models import LLMProvider, UserLLMConfig
from llm_settings.providers.openai import Deadlines, OpenAIChatModel

log = logging.getLogger(__name__)

_IN_ORDER: Prepared[LLMProvider] = Prepared(
    lambda account: LLMProvider.objects.filter(account_id=account).in_order(), 2
)


def own_models(account: Account, user: User | None, wanted: str = "") -> list[BehindBreaker]:
    """In order: what is `wanted`, by the name of a provider or a model; the active one; the others by position."""
    providers = _IN_ORDER.all(account.pk)
    if not providers:
        return []
    if wanted:
        providers.sort(key=lambda provider: wanted not in (provider.name, provider.model))
    own_keys = _own_keys(account, user)
    return [_model(provider, own_keys.get(provider.pk)) for provider in providers]


def model_at(base_url: str, api_key: str, model: str, deadlines: Deadlines | None = None) -> OpenAIChatModel:
    """A model at an address that a user named."""
    return OpenAIChatModel(base_url, api_key, model, deadlines, checked_client)


def readable(encrypted: str) -> str:
    """The key; empty where there is none, or where the one that sealed it is gone: the endpoint will say so."""
    try:
        return decrypt(encrypted) if encrypted else ""
    except UnreadableSecret:
        log.warning("a provider's key was encrypted with a key that is no longer configured")
        return ""


def model_of(provider: LLMProvider, own: UserLLMConfig | None = None) -> OpenAIChatModel:
    """The model that answers there, asked with the user's own key where they have one."""
    key = readable(own.encrypted_key if own else provider.encrypted_key)
    return model_at(provider.base_url, key, provider.model)


def _model(provider: LLMProvider, own: UserLLMConfig | None) -> BehindBreaker:
    name = f"{provider.account_id}:{provider.pk}" + (f":{own.user_id}" if own else "")
    return BehindBreaker(model_of(provider, own), name, provider.name, provider.window or 0)


def _own_keys(account: Account, user: User | None) -> dict[object, UserLLMConfig]:
    configs: Iterable[UserLLMConfig] = UserLLMConfig.objects.for_account(account).filter(user=user) if user else ()
    return {config.provider_id: config for config in configs}
