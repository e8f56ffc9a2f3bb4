"""Making shared accounts, and naming accounts."""

from __future__ import annotations

from typing import Unpack

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.audit import By
from accounts.members import RoleForbids
from accounts.models import Account, Membership, User
from doculume.errors import Conflict, InvalidRequest
from doculume.sentences import Sentence

# Each account has a plan's quota of its own, so nobody makes them without end.
MOST_OWNED = 10
LONGEST_NAME = 200


class TooManyAccounts(Conflict):
    message = Sentence(
        "You own %(most)s shared accounts, which is the most. Delete one, or ask an administrator.", most=MOST_OWNED
    )


def found(owner: User, name: str, *, request: HttpRequest | None = None) -> Account:
    """A shared account of `owner`'s. Raises `TooManyAccounts`, `RoleForbids`, and `InvalidRequest` for a name."""
    with transaction.atomic():
        if not User.objects.select_for_update(no_key=True).filter(pk=owner.pk, is_active=True).exists():
            raise RoleForbids  # deleted or suspended in this moment: nobody would own it
        owned = Membership.objects.filter(user=owner, role=Membership.Role.OWNER, account__personal_of=None)
        if owned.filter(account__deleted_at=None).count() >= MOST_OWNED:
            raise TooManyAccounts
        return establish(owner, name, request=request, actor=owner)


def establish(owner: User, name: str, **by: Unpack[By]) -> Account:
    """As `found`, for staff and commands: as many as they like."""
    with transaction.atomic():
        account = Account.objects.create_shared(_name(name), owner)
        audit.record(audit.Action.ACCOUNT_CREATED, account=account, target=account.name, owner=f"user {owner.pk}", **by)
    return account


def rename(actor: Membership, name: str, *, request: HttpRequest | None = None) -> None:
    """Raises `RoleForbids` and `InvalidRequest`."""
    if not actor.may_manage:
        raise RoleForbids
    account, before = actor.account, actor.account.name
    account.name = _name(name)
    if account.name == before:
        return
    with transaction.atomic():
        account.save(update_fields=["name", "updated_at"])
        audit.record(
            audit.Action.SETTINGS_CHANGED,
            request=request,
            account=account,
            actor=actor.user,
            target=account.name,
            name=[before, account.name],
        )


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(
            details={"name": [Sentence("Enter a name of at most %(most)s characters.", most=LONGEST_NAME)]}
        )
    return name
