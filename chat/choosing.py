"""What is to answer."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import Account, User
from chat.models import Visitor
from llm_settings.providers import chat_models_for
from llm_settings.providers.base import ChatModel

EXTRACTIVE = "extractive"


def models_for(account: Account, asker: User | Visitor | None, wanted: str = "") -> list[ChatModel]:
    """In the order in which they are tried; none: the sources speak themselves. Reads rows.

    `wanted`: the name of a model or provider that the account or the deployment has, to be tried first; any other name
    counts for nothing. It is never passed on: a provider would refuse it, and each question would fail.
    """
    return chat_models_for(account, asker if isinstance(asker, User) else None, wanted)


def name_of(models: Sequence[ChatModel]) -> str:
    """Of the one that is tried first."""
    return models[0].model_name if models else EXTRACTIVE
