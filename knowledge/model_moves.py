"""Moving all accounts from one embedding model to another, and back: what `reindexing` does for one, for each.

For workers, since there may be many accounts. All of it is safe to run twice, and goes on where it stopped.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import transaction
from django.db.models import F, Sum

from accounts.models import Account
from doculume.errors import Conflict, DoculumeError
from knowledge import reindexing
from knowledge.models import AccountIndex, Reindexing
from knowledge.search import statistics
from knowledge.search.pointers import index_models
from knowledge.tasks import hint_reindexing
from llm_settings.models import EmbeddingModel

log = logging.getLogger(__name__)
Status = EmbeddingModel.Status


class StillAnswers(Conflict):
    message = "This model answers for some account, or is the deployment's. Move them to another first."


class AlreadyAnswers(Conflict):
    message = "This model answers for every account already."


def refuse_unless_movable_to(model: EmbeddingModel) -> None:
    """Raises AlreadyAnswers where there is nothing to move."""
    if model.status == Status.ACTIVE and not AccountIndex.objects.exclude(answering=model).exists():
        raise AlreadyAnswers


def refuse_unless_retirable(model: EmbeddingModel) -> None:
    """Raises StillAnswers, or reindexing.AlreadyReindexing while accounts are on their way to it."""
    model.refresh_from_db(fields=["status"])
    if model.status == Status.ACTIVE or AccountIndex.objects.filter(answering=model).exists():
        raise StillAnswers
    if Reindexing.objects.unfinished().filter(model=model).exists():
        raise reindexing.AlreadyReindexing


def move_everybody(
    model: EmbeddingModel, *, most_per_second: int | None = None, accept_regression: bool = False
) -> int:
    """Queue the move of every account that another model answers for. How many were queued.

    An account on its way to some model stays on it; the deployment's pointer follows when all have arrived.
    """
    reindexing.announce(model)
    queued = 0
    for account in reindexing.accounts_with_chunks():
        if index_models(account.pk).answering == model:
            continue
        with suppress(reindexing.AlreadyReindexing):
            move = reindexing.start(
                account, model, most_per_second=most_per_second, accept_regression=accept_regression
            )
            hint_reindexing(move.id)
            queued += 1
    reindexing.follow_the_accounts()
    return queued


def roll_everybody_back(model: EmbeddingModel) -> int:
    """Each account that `model` answers for answers by its earlier model again, where that is complete. How many."""
    moved = AccountIndex.objects.filter(answering=model, standby__isnull=False).exclude(standby=F("answering"))
    rolled = 0
    for account in Account.objects.filter(deleted_at=None, id__in=list(moved.values_list("account_id", flat=True))):
        try:
            reindexing.roll_back(account)
        except DoculumeError as error:
            log.warning("account %s stays with %s: %s", account.pk, model, error.message)
        else:
            rolled += 1
    reindexing.follow_the_accounts()
    return rolled


def retire_everywhere(model: EmbeddingModel) -> int:
    """Delete every vector of the model; there is no rolling back to it after that. How many there were.

    Raises StillAnswers or reindexing.AlreadyReindexing.
    """
    refuse_unless_retirable(model)
    EmbeddingModel.objects.filter(id=model.id).exclude(status=Status.ACTIVE).update(status=Status.RETIRED)
    deleted = 0
    for account in reindexing.accounts_with_chunks():
        with transaction.atomic():
            # Writers that have chosen their models already are waited for.
            statistics.lock(account.pk)
            own = AccountIndex.objects.filter(account=account)
            own.filter(standby=model).update(standby=None)
            own.filter(building=model).update(building=None)
        deleted += reindexing.drop_vectors_of(account, model)
    return deleted


def progress(model: EmbeddingModel) -> dict[str, int]:
    """`accounts` that it answers for by their own pointers, `moving` to it, and of their chunks `done` of `total`."""
    moves = Reindexing.objects.unfinished().filter(model=model)
    sums = moves.aggregate(done=Sum("done"), total=Sum("total"))
    return {
        "accounts": AccountIndex.objects.filter(answering=model).count(),
        "moving": moves.count(),
        "done": min(sums["done"] or 0, sums["total"] or 0),
        "total": sums["total"] or 0,
    }
