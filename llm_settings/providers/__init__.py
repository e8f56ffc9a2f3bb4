"""The front door to models: `get_embedder()`, `get_chat_model()` and `get_reranker()`.

What can stand behind a provider's name is a dotted path, imported at first use, so that a process that never
embeds does not load an inference runtime.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from django.conf import settings
from django.utils.module_loading import import_string

from llm_settings.providers.base import ChatModel, Embedder, ProviderError, Reranker

if TYPE_CHECKING:
    from accounts.models import Account, User
    from llm_settings.models import EmbeddingModel

# Each is made from a configuration: by its `from_config`, or by itself where it is a function.
EMBEDDERS = {
    "local": "llm_settings.providers.local_embedder",
    "openai": "llm_settings.providers.openai.OpenAIEmbedder",
}
CHAT_MODELS = {
    "openai": "llm_settings.providers.openai.OpenAIChatModel",
}
RERANKERS = {
    "cohere": "llm_settings.providers.rerank.RerankEndpoint",
}


class EmbeddingConfig(TypedDict):
    provider: str
    model: str
    base_url: str
    api_key: str
    dimensions: int


class ChatConfig(TypedDict):
    provider: str
    model: str
    base_url: str
    api_key: str


class RerankConfig(TypedDict):
    provider: str
    model: str
    base_url: str
    api_key: str
    budget_ms: int


def get_embedder(row: EmbeddingModel | None = None) -> Embedder:
    """The embedder of that row, or the one that settings name; made once a process.

    Raises ProviderError (permanent) for a provider that does not exist or a model that cannot be loaded.
    """
    config: EmbeddingConfig = settings.EMBEDDING
    if row is None:
        return _embedder(config["provider"], config["model"], config["dimensions"])
    return _embedder(row.provider, row.name, row.dimensions)


def chat_config() -> ChatConfig:
    """What settings name, with the model that staff chose where they did."""
    from accounts.models import SiteSettings

    config: ChatConfig = settings.CHAT
    chosen = SiteSettings.objects.current().default_chat_model if config["provider"] else ""
    return {**config, "model": chosen or config["model"]}


def get_chat_model(config: ChatConfig | None = None) -> ChatModel | None:
    """The model of that configuration, or the one that settings name; None when none is set up."""
    config = config or settings.CHAT
    return _chat_model(config) if config["provider"] else None


def _chat_model(config: ChatConfig) -> ChatModel:
    model: ChatModel = _from_table(CHAT_MODELS, config["provider"])(config)
    return model


def chat_models_for(account: Account, user: User | None, wanted: str = "") -> list[ChatModel]:
    """What may answer for them, in the order in which it is tried; none: the extractive model answers. Reads rows.

    `wanted`: the name of a provider of the account's or of a model, to be tried first. `user`: who asks, whose own keys
    are used where they have any; None for a visitor. To `FirstThatAnswers`. The deployment's comes last if it is not
    what is wanted, and not at all for an account that keeps to its own.
    """
    from llm_settings.answering_models import own_models
    from llm_settings.breaker import BehindBreaker

    own = own_models(account, user, wanted)
    if account.own_models_only or not settings.CHAT["provider"]:
        return list(own)
    config = chat_config()
    everybodys = BehindBreaker(_chat_model(config), "deployment", config["provider"])
    is_own = any(wanted in (one.provider, one.model_name) for one in own)
    return [everybodys, *own] if wanted and wanted == config["model"] and not is_own else [*own, everybodys]


def get_reranker(config: RerankConfig | None = None) -> Reranker | None:
    """What settings name; None when none is set up, which is the default."""
    config = config or settings.RERANK
    if not config["provider"]:
        return None
    reranker: Reranker = _from_table(RERANKERS, config["provider"])(config)
    return reranker


@cache
def _embedder(provider: str, model: str, dimensions: int) -> Embedder:
    config = {**settings.EMBEDDING, "provider": provider, "model": model, "dimensions": dimensions}
    embedder: Embedder = _from_table(EMBEDDERS, provider)(config)
    if embedder.dimensions != dimensions:
        raise ProviderError(f"{model} has {embedder.dimensions} dimensions, not {dimensions}.", permanent=True)
    return embedder


os.register_at_fork(after_in_child=_embedder.cache_clear)  # see get_local_embedder


def _from_table(table: dict[str, str], provider: str) -> Callable[[Any], Any]:
    if provider not in table:
        raise ProviderError(f"There is no provider named {provider!r}.", permanent=True)
    maker = import_string(table[provider])
    made_from: Callable[[Any], Any] = getattr(maker, "from_config", maker)
    return made_from


def local_embedder(config: EmbeddingConfig) -> Embedder:
    """`model` is the name of a built model or the path of any folder that holds one."""
    from llm_settings.providers.local import get_local_embedder

    return get_local_embedder(local_folder(config["model"]))


def local_embedder_named(model: str) -> Embedder:
    """Raises ProviderError (permanent) when there is no such model on this machine."""
    config: EmbeddingConfig = {**settings.EMBEDDING, "model": model}  # type: ignore[typeddict-item]
    return local_embedder(config)


def local_folder(model: str) -> Path:
    path = Path(model).expanduser()
    return path if path.is_absolute() else Path(settings.MODELS_DIR) / model
