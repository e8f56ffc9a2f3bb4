"""Which models staff may make the defaults of the site."""

from __future__ import annotations

from typing import Any

from llm_settings.models import EmbeddingModel


def judge(sender: Any, kind: str, name: str, **_: Any) -> str:
    """Receiver of `accounts.site.model_chosen`. What a chat provider serves is not known here, so any name will do."""
    active = EmbeddingModel.objects.filter(status=EmbeddingModel.Status.ACTIVE, name=name)
    return "" if kind == "chat" or active.exists() else "There is no active embedding model of this name."
