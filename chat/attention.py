"""What needs somebody's attention in an account: what the first page says before anything is asked.

A few short statements over indexes: the first page is opened most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress

from accounts.models import Account, Membership
from accounts.usage import used_by
from chat.insights import first_day, open_count
from knowledge.models import Reindexing
from knowledge.overview import failures
from llm_settings.failing import failing_providers

NEARLY = 0.8
DAYS = 30  # how far back questions without an answer are looked for


@dataclass(frozen=True, slots=True)
class Concern:
    """Something to see to. `kind` says what, and which of the others it has: see chat/attention.html."""

    kind: str
    count: int = 0
    percent: int = 0
    name: str = ""
    target: Any = None
    is_bad: bool = False


def concerns(membership: Membership, *, confirms_email: bool) -> list[Concern]:
    """What is broken first, then what will be soon, then what is under way; empty where all is well.

    `confirms_email`: whether everybody's address has to be confirmed.
    """
    account = membership.account
    found = [
        *_failing(account),
        *_failed(account),
        *_used(account),
        *_unconfirmed(membership, confirms_email),
        *(_unanswered(account) if membership.may_manage else ()),
        *_reindexing(account),
    ]
    return sorted(found, key=lambda one: not one.is_bad)


def _failing(account: Account) -> Iterator[Concern]:
    for provider in failing_providers(account):
        yield Concern("provider", name=provider.name, is_bad=provider.is_active)


def _failed(account: Account) -> Iterator[Concern]:
    failed = failures(account)
    if failed.documents:
        yield Concern("documents", failed.documents, is_bad=True)
    if failed.entries:
        yield Concern("entries", failed.entries, target=failed.collection, is_bad=True)


def _used(account: Account) -> Iterator[Concern]:
    allowed, used = account.allowance, used_by(account)
    kinds = (
        ("answers", used.answers, allowed.answers_per_month),
        ("room", used.entries, allowed.entries),
        ("bytes", used.stored_bytes, allowed.stored_bytes),
    )
    for kind, amount, limit in kinds:
        if limit is not None and amount >= NEARLY * limit:
            percent = int(100 * amount / limit) if limit else 100
            yield Concern(kind, amount, min(percent, 100), is_bad=amount >= limit)


def _unconfirmed(membership: Membership, must_be: bool) -> Iterator[Concern]:
    """The address that somebody wants to have instead of theirs; theirs only where the deployment has it confirmed."""
    unconfirmed = EmailAddress.objects.filter(user_id=membership.user_id, verified=False)
    if not must_be:
        unconfirmed = unconfirmed.exclude(email=membership.user.email)
    if address := unconfirmed.values_list("email", flat=True).first():
        yield Concern("email", name=address)


def _unanswered(account: Account) -> Iterator[Concern]:
    if count := open_count(account, first_day(DAYS)):
        yield Concern("questions", count)


def _reindexing(account: Account) -> Iterator[Concern]:
    for work in Reindexing.objects.unfinished().filter(account=account, collection_id=None):
        yield Concern("reindexing", percent=int(100 * work.progress))
