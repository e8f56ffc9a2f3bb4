"""Who is in an account and in what role: the rules, in one place for pages, admin and commands.

Every change first locks the account's memberships and reads them again, so that two owners who demote each other at
once leave one, and nobody acts in a role that was just taken from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.audit import By
from accounts.models import Account, ApiToken, Invitation, Membership, User
from doculume.errors import Conflict, InvalidRequest, PermissionRefused

Role = Membership.Role
RANK: dict[str, int] = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}
LEFT = "left the account"


class RoleForbids(PermissionRefused):
    message = "Your role in this account does not let you do that."


class LastOwner(Conflict):
    message = "An account needs an owner. Make somebody else an owner first."


class StaysWithItsPerson(Conflict):
    message = "A personal account stays with the person it belongs to, who is its only owner."


class AlreadyMember(Conflict):
    message = "They are a member of this account already."


def may_grant(actor: Membership, role: str) -> bool:
    """Nobody gives more than they have, and in a personal account nobody makes a second owner."""
    return (
        actor.may_manage and RANK[role] <= RANK[actor.role] and not (role == Role.OWNER and actor.account.is_personal)
    )


def may_manage(actor: Membership, membership: Membership) -> bool:
    """Whether `actor` may change or remove `membership`: owners anybody, admins those below them, nobody themselves.

    One's own place is changed by `leave` and `hand_over`, so that it is never lost by a slip.
    """
    if actor.account_id != membership.account_id or actor.pk == membership.pk:
        return False
    return actor.is_owner or (actor.may_manage and RANK[membership.role] < RANK[actor.role])


def grantable(actor: Membership) -> list[str]:
    """The roles that `actor` may give, lowest first."""
    return [role for role in RANK if may_grant(actor, role)]


def change_role(actor: Membership, membership: Membership, role: str, *, request: HttpRequest | None = None) -> None:
    """Raises `RoleForbids`, `LastOwner`, `StaysWithItsPerson`, and `InvalidRequest` for what is no role."""
    with _locked(actor.account_id) as members:
        mine, theirs = _both(members, actor, membership)
        if not may_manage(mine, theirs) or not may_grant(mine, _role(role)):
            raise RoleForbids
        _put(members, theirs, role, request=request, actor=mine.user)


def hand_over(actor: Membership, membership: Membership, *, request: HttpRequest | None = None) -> None:
    """An owner makes somebody else an owner and goes on as an admin. Raises as `change_role` does."""
    with _locked(actor.account_id) as members:
        mine, theirs = _both(members, actor, membership)
        if not mine.is_owner or mine.pk == theirs.pk:
            raise RoleForbids
        _put(members, theirs, Role.OWNER, request=request, actor=mine.user)
        _put(members, mine, Role.ADMIN, request=request, actor=mine.user)


def remove(actor: Membership, membership: Membership, *, request: HttpRequest | None = None) -> None:
    """Their credentials for the account end with the transaction; the API tokens bound to it are revoked.

    Raises `RoleForbids`, `LastOwner` and `StaysWithItsPerson`.
    """
    with _locked(actor.account_id) as members:
        mine, theirs = _both(members, actor, membership)
        if not may_manage(mine, theirs):
            raise RoleForbids
        _take_out(members, theirs, request=request, actor=mine.user)


def leave(membership: Membership, *, request: HttpRequest | None = None) -> None:
    """Raises `LastOwner`, and `StaysWithItsPerson` where it is one's own personal account."""
    with _locked(membership.account_id) as members:
        mine, _ = _both(members, membership, membership)
        _take_out(members, mine, request=request, actor=mine.user)


def add(account: Account, user: User, role: str, **by: Unpack[By]) -> Membership:
    """For staff and commands, and for invitations that are accepted. Raises `AlreadyMember`, `StaysWithItsPerson`."""
    if _role(role) == Role.OWNER and account.is_personal and account.personal_of_id != user.pk:
        raise StaysWithItsPerson
    try:
        with transaction.atomic():
            membership = Membership.objects.create(account=account, user=user, role=role)
            audit.record(audit.Action.MEMBER_JOINED, account=account, target=user.email, role=role, **by)
    except IntegrityError as error:
        raise AlreadyMember from error
    return membership


def put_role(membership: Membership, role: str, **by: Unpack[By]) -> None:
    """For staff and commands: bound by the owners' rule only. Raises `LastOwner`, `StaysWithItsPerson`."""
    with _locked(membership.account_id) as members:
        _, theirs = _both(members, membership, membership)
        _put(members, theirs, _role(role), **by)


def take_out(membership: Membership, **by: Unpack[By]) -> None:
    """For staff and commands: bound by the owners' rule only. Raises `LastOwner`, `StaysWithItsPerson`."""
    with _locked(membership.account_id) as members:
        _, theirs = _both(members, membership, membership)
        _take_out(members, theirs, **by)


@contextmanager
def _locked(account_id: int) -> Iterator[dict[int, Membership]]:
    """The account's memberships by their id, as they are now and until the block ends."""
    with transaction.atomic():
        rows = Membership.objects.select_related("user", "account").select_for_update(of=("self",))
        yield {row.pk: row for row in rows.filter(account_id=account_id).order_by("pk")}


def _both(members: dict[int, Membership], actor: Membership, membership: Membership) -> tuple[Membership, Membership]:
    """As they are by now; who was removed meanwhile may nothing, and is nobody to do something to."""
    mine, theirs = members.get(actor.pk), members.get(membership.pk)
    if mine is None or theirs is None:
        raise RoleForbids
    return mine, theirs


def _put(members: dict[int, Membership], membership: Membership, role: str, **by: Unpack[By]) -> None:
    before, account = membership.role, membership.account
    if before == role:
        return
    if account.is_personal and Role.OWNER in {before, role}:
        raise StaysWithItsPerson
    _keep_an_owner(members, membership)
    membership.role = role
    membership.save(update_fields=["role"])
    if not membership.may_manage:
        withdraw_offers(membership.user, account=membership.account)
    target = membership.user.email
    audit.record(audit.Action.ROLE_CHANGED, account=account, target=target, before=before, after=role, **by)


def _take_out(members: dict[int, Membership], membership: Membership, **by: Unpack[By]) -> None:
    user, account = membership.user, membership.account
    if account.personal_of_id == user.pk:
        raise StaysWithItsPerson
    _keep_an_owner(members, membership)
    tokens = ApiToken.objects.live().filter(user=user, account=account)
    for token in tokens:
        token.revoke(LEFT)
    withdraw_offers(user, account=account)
    membership.delete()
    details = {"role": membership.role, "left": by.get("actor") == user, "api_tokens_revoked": len(tokens)}
    audit.record(audit.Action.MEMBER_REMOVED, account=account, target=user.email, **details, **by)


def _keep_an_owner(members: dict[int, Membership], leaving: Membership) -> None:
    """Suspended owners do not count: they could do nothing for the account."""
    if leaving.is_owner and not any(
        one.is_owner and one.user.is_active for one in members.values() if one.pk != leaving.pk
    ):
        raise LastOwner


def withdraw_offers(user: User, **where: Account) -> None:
    """Who no longer decides who joins must not let in others, or themselves, by invitations of earlier."""
    Invitation.objects.open().filter(invited_by=user, **where).update(revoked_at=timezone.now())


def _role(role: str) -> str:
    if role not in RANK:
        raise InvalidRequest(details={"role": ["Choose one of the roles."]})
    return role
