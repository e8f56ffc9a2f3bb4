"""Which embedding models an account has: the one that answers, and those that are written beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db import connection

from accounts.models import Account
from doculume.postgresql.statements import Statement
from knowledge.models import AccountIndex
from llm_settings.models import EmbeddingModel

Status = EmbeddingModel.Status


@dataclass(frozen=True, slots=True)
class IndexModels:
    """`answering` first; `also` are written with every change and answer nothing."""

    answering: EmbeddingModel
    also: tuple[EmbeddingModel, ...] = ()

    @property
    def all(self) -> tuple[EmbeddingModel, ...]:
        return (self.answering, *self.also)


# Asked by every search, and therefore by hand: the two queries of the ORM take ten times as long. `answering_for` is
# what it binds.
ANSWERING = """
    SELECT coalesce(
        (SELECT answering_id FROM knowledge_accountindex WHERE account_id = %s),
        (SELECT id FROM llm_settings_embeddingmodel WHERE status = %s ORDER BY created_at DESC LIMIT 1)
    )
"""
_ANSWERING = Statement(ANSWERING)


def answering_for(account_id: int) -> tuple[int, str]:
    return account_id, Status.ACTIVE.value


def answering_model(account: Account) -> EmbeddingModel:
    """The model that the account's questions are embedded by, in one query."""
    with connection.cursor() as cursor:
        _ANSWERING.execute(cursor, answering_for(account.id))
        (found,) = cursor.fetchone()
    return model_of(found)


def model_of(found: UUID | None) -> EmbeddingModel:
    """The one that ANSWERING found; where it found none, the deployment's, which is made at first need."""
    return _model(found) if found else EmbeddingModel.objects.active()


@lru_cache(maxsize=64)
def _model(identifier: UUID) -> EmbeddingModel:
    """Kept: what makes a model never changes, and of its status nothing is read here."""
    return EmbeddingModel.objects.get(id=identifier)


def index_models(account_id: int) -> IndexModels:
    """All models whose vectors a change of the account's must write."""
    related = ("answering", "building", "standby")
    own = AccountIndex.objects.filter(account_id=account_id).select_related(*related).first()
    if own:
        return _distinct(own.answering, own.building, own.standby)
    kept_up = EmbeddingModel.objects.filter(status__in=[Status.BUILDING, Status.STANDBY]).order_by("created_at")
    return _distinct(EmbeddingModel.objects.active(), *kept_up)


def _distinct(answering: EmbeddingModel, *others: EmbeddingModel | None) -> IndexModels:
    also = dict.fromkeys(model for model in others if model is not None and model != answering)
    return IndexModels(answering, tuple(also))
