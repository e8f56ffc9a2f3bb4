"""Asking somebody into an account by e-mail.

The link in the mail holds a random token of which only a digest is kept. Whoever follows it has shown that they read
the mail of that address, so accepting confirms the address too.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Unpack

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import audit, confirmation, links, mail, members
from accounts.audit import By
from accounts.members import AlreadyMember, RoleForbids
from accounts.models import Account, Invitation, Membership, User, normalize_email
from doculume.crypto import digest
from doculume.errors import DoculumeError, InvalidRequest, NotFound, PermissionRefused
from doculume.sentences import Sentence

MOST_OPEN = 50
MOST_AN_HOUR = 20
FORGOTTEN_AFTER = timedelta(days=30)
LINK = re.compile(r"://|www\.|\w\.[a-z]{2,}\b", re.IGNORECASE)


class InvitationGone(NotFound):
    """Unknown, used, revoked, replaced by a newer one, or too old: alike, so that guessing tells nothing."""

    message = "This invitation is no longer good. Ask whoever invited you for a new one."


class ForSomebodyElse(PermissionRefused):
    message = "This invitation was sent to another email address."


class TooManyInvitations(DoculumeError):
    code = "rate_limited"
    status_code = 429
    message = "Too many invitations."


def invite(actor: Membership, email: str, role: str, request: HttpRequest) -> Invitation:
    """Offer `email` a place in the account, by a mail that goes out with the transaction; replaces an earlier offer.

    Whether a user has that address neither shows nor matters. Raises `RoleForbids`, `InvalidRequest`,
    `AlreadyMember` (the members can be seen anyway) and `TooManyInvitations`.
    """
    email = _address(email)
    if role not in members.RANK or not members.may_grant(actor, role):
        raise RoleForbids
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=actor.account_id)
        if Membership.objects.filter(account=account, user__email=email).exists():
            raise AlreadyMember
        _revoke_all(account, email)
        _refuse_too_many(account)
        invitation, token = _create(account, email, role, actor.user)
        _send(invitation, token, request)
        audit.record(
            audit.Action.MEMBER_INVITED, request=request, account=account, actor=actor.user, target=email, role=role
        )
    return invitation


def find(token: str) -> Invitation:
    """The open invitation of a link, with its account. Raises `InvitationGone`."""
    return _open(digest=_digest(token))


def is_invited(email: str) -> bool:
    """Whether anybody waits for the owner of that address."""
    return Invitation.objects.open().filter(email=normalize_email(email), account__deleted_at=None).exists()


def accept(invitation: Invitation, user: User, *, request: HttpRequest | None = None) -> Membership:
    """Join. Good once, however many try at once. Raises `ForSomebodyElse` and `InvitationGone`.

    Who is in the account by now stays in their role.
    """
    if normalize_email(user.email) != normalize_email(invitation.email):
        raise ForSomebodyElse
    with transaction.atomic():
        live = Account.objects.select_for_update(no_key=True).filter(pk=invitation.account_id, deleted_at=None)
        # No join in the update: behind a subquery, all who wait for the row would still find it open.
        open_one = Invitation.objects.open().filter(pk=invitation.pk)
        if not live.exists() or not open_one.update(accepted_at=timezone.now()):
            raise InvitationGone
        confirmation.count_as_confirmed(user)
        if existing := Membership.objects.filter(account=invitation.account, user=user).first():
            return existing
        return members.add(invitation.account, user, invitation.role, request=request, actor=user)


def revoke(actor: Membership, invitation: Invitation, *, request: HttpRequest | None = None) -> None:
    """The link stops working. Raises `RoleForbids`; what is no longer open is left as it is."""
    if not actor.may_manage or actor.account_id != invitation.account_id:
        raise RoleForbids
    withdraw(invitation, request=request, actor=actor.user)


def withdraw(invitation: Invitation, **by: Unpack[By]) -> None:
    """As `revoke`, for staff."""
    with transaction.atomic():
        open_one = Invitation.objects.open().filter(pk=invitation.pk, account=invitation.account_id)
        if open_one.update(revoked_at=timezone.now()):
            target = invitation.email
            audit.record(audit.Action.INVITATION_REVOKED, account=invitation.account, target=target, **by)


def forget_old() -> int:
    """Delete invitations that ended long ago; how many."""
    return Invitation.objects.filter(expires_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()[0]


def _open(**which: object) -> Invitation:
    invitations = Invitation.objects.open().select_related("account", "invited_by")
    found = invitations.filter(account__deleted_at=None, **which).first()
    if found is None:
        raise InvitationGone
    return found


def _create(account: Account, email: str, role: str, inviter: User) -> tuple[Invitation, str]:
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        account=account, email=email, role=role, digest=_digest(token), invited_by=inviter
    )
    return invitation, token


def _revoke_all(account: Account, email: str) -> None:
    """Those that ran out too: the constraint knows no clock."""
    standing = Invitation.objects.filter(account=account, email=email, accepted_at=None, revoked_at=None)
    standing.update(revoked_at=timezone.now())


def _refuse_too_many(account: Account) -> None:
    """Counts rows, with the account locked; an invitation counts for its hour also when it was replaced or revoked."""
    mine = Invitation.objects.filter(account=account)
    if mine.open().count() >= MOST_OPEN:
        raise TooManyInvitations(
            Sentence("At most %(most)s invitations can be open. Revoke some first.", most=MOST_OPEN), retry_after=3600
        )
    hour_ago = timezone.now() - timedelta(hours=1)
    lately = mine.filter(created_at__gt=hour_ago).order_by("-created_at").values_list("created_at", flat=True)
    if len(sent := list(lately[:MOST_AN_HOUR])) == MOST_AN_HOUR:
        wait = (sent[-1] - hour_ago).total_seconds()
        raise TooManyInvitations(
            Sentence("At most %(most)s invitations an hour. Try again later.", most=MOST_AN_HOUR), retry_after=wait
        )


def _send(invitation: Invitation, token: str, request: HttpRequest) -> None:
    """Names that could be read as a link are left out: they would be an advertisement in a mail of ours."""
    inviter = invitation.invited_by
    words = {
        "inviter": inviter,
        "inviter_name": _speakable(inviter.full_name) if inviter else "",
        "account_name": _speakable(invitation.account.name),
        "role": Membership.Role(invitation.role).label,
        "expires_at": invitation.expires_at,
        "link": links.absolute(reverse("invitation-link", args=[token]), request),
    }
    mail.write(invitation.email, "accounts/mail/invitation", words)


def _speakable(name: str) -> str:
    name = " ".join(name.split())
    return "" if LINK.search(name) else name[:80]


def _address(email: str) -> str:
    email = normalize_email(email)
    try:
        if len(email) > 254 or "\x00" in email:
            raise ValidationError("too long")
        validate_email(email)
    except ValidationError as error:
        raise InvalidRequest(details={"email": ["Enter a valid email address."]}) from error
    return email


def _digest(token: str) -> str:
    return digest(token, purpose="invitation")
