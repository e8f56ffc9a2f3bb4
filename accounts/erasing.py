"""What this app holds of accounts and people; see `accounts.erasure`."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from accounts.audit import Action
from accounts.erasure import ROWS, delete_some, until_none
from accounts.models import (
    AccountLimits,
    AnswerUsage,
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    StoredUsage,
)


def of_account(account_id: int) -> Iterator[int]:
    """All but the audit, which lasts as long as the site's settings say."""
    for model in (ApiToken, Membership, Invitation, AccountLimits, StoredUsage, AnswerUsage):
        yield from until_none(lambda model=model: delete_some(model, account_id))  # type: ignore[misc]


def of_person(user_id: int) -> Iterator[int]:
    """What they did stays in the audit under their number, without name, address, or e-mails they once had."""
    own = AuditEvent.objects.filter(actor_id=user_id)
    telling = own.filter(~Q(actor="") | ~Q(address="") | (Q(action=Action.EMAIL_CHANGED) & ~Q(details={})))
    while ids := list(telling.values_list("id", flat=True)[:ROWS]):
        own.filter(id__in=ids, action=Action.EMAIL_CHANGED).update(target="", details={})
        yield own.filter(id__in=ids).update(actor="", address="")
