"""Bringing in a model that embeds: it is asked before it becomes a row."""

from __future__ import annotations

from doculume.errors import InvalidRequest
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder, local_embedder_named


def known_or_new(provider: str, name: str, dimensions: int | None = None) -> EmbeddingModel:
    """The row of the model, made (as retired, for nobody is moved to it yet) if it is new.

    Raises InvalidRequest where an endpoint's model comes without its dimensions, and ProviderError where the model does
    not answer, or with other dimensions.
    """
    known = EmbeddingModel.objects.filter(provider=provider, name=name)
    if found := (known.filter(dimensions=dimensions) if dimensions else known).first():
        return found
    if provider == "local":
        dimensions = local_embedder_named(name).dimensions
    elif not dimensions:
        told = "An endpoint's model does not tell how long its vectors are: say its dimensions."
        raise InvalidRequest(told, details={"dimensions": [told]})
    row = EmbeddingModel(provider=provider, name=name, dimensions=dimensions, status=EmbeddingModel.Status.RETIRED)
    get_embedder(row).embed_query("Does it answer?")
    row.save()
    return row
