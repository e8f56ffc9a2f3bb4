"""Deleting users and accounts for good.

At once and in one transaction every credential ends, the person's name and address are gone, and the accounts that
go with them are closed. Then all that they held is removed: within the request as far as a short time allows, and
the rest by workers; see `accounts.erasure`.
"""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, erasure
from accounts.audit import By
from accounts.members import withdraw_offers
from accounts.models import (
    Account,
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    OutgoingMail,
    TokenFamily,
    User,
    UserSettings,
)
from accounts.sign_ins import end_sign_ins
from doculume.errors import Conflict, PermissionRefused

SECONDS_IN_REQUEST = 2.0
CREDENTIALS: tuple[type[Model], ...] = (
    TokenFamily,
    ApiToken,
    Membership,
    Authenticator,
    EmailAddress,
    SocialAccount,
    UserSettings,
)


class OwnersOnly(PermissionRefused):
    message = "Only an owner can delete an account."


class GoesWithItsPerson(Conflict):
    message = "A personal account is deleted together with its person."


def delete_user(
    user: User, request: HttpRequest | None = None, *, actor: User | None = None, actor_name: str = ""
) -> None:
    """The user, the accounts that they alone own, and all that is in them.

    An account with another owner lives on, and with it the documents that they brought in; their conversations
    there go. When this returns, no credential of theirs holds any more. `actor` is who does it, if not they.
    """
    closed = _close_person(user, request, actor, actor_name)
    gone = erasure.erase_accounts(closed, SECONDS_IN_REQUEST)
    if not (erasure.erase_person(user.pk, SECONDS_IN_REQUEST if gone else 0) and gone):
        _leave_to_workers()


def delete_account(
    account: Account, actor: User | None, request: HttpRequest | None = None, *, actor_name: str = ""
) -> None:
    """A shared account with all that is in it, by an owner, by staff, or by a command (then `actor` is None).

    Raises `OwnersOnly`, and `GoesWithItsPerson` for a personal account.
    """
    with transaction.atomic():
        members = list(Membership.objects.select_for_update().filter(account=account).order_by("pk"))
        account = Account.objects.select_for_update().get(pk=account.pk)
        if actor and not actor.is_staff and not any(m.user_id == actor.pk and m.is_owner for m in members):
            raise OwnersOnly
        if account.is_personal:
            raise GoesWithItsPerson
        _close_account(account)
        audit.record(
            audit.Action.ACCOUNT_DELETED,
            request=request,
            account=account,
            actor=actor,
            actor_name=actor_name,
            target=f"account {account.pk}",
        )
    if not erasure.erase_accounts([account.pk], SECONDS_IN_REQUEST):
        _leave_to_workers()


@transaction.atomic
def _close_person(user: User, request: HttpRequest | None, actor: User | None, actor_name: str) -> list[int]:
    """The ids of the accounts that are closed with them."""
    # As those who change roles do: the memberships first, by their ids.
    in_their_accounts = Q(account_id__in=Membership.objects.filter(user=user).values("account_id"))
    members = list(Membership.objects.filter(in_their_accounts).select_for_update().order_by("pk"))
    # Others may go on to refer to the row meanwhile: who waits for that while they hold an account (an invitation of
    # theirs, say) would be waited for below.
    person = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if person.deleted_at is not None:
        return list(Account.objects.filter(personal_of=person).values_list("pk", flat=True))
    lives_on = {member.account_id for member in members if member.is_owner and member.user_id != person.pk}
    owned = {member.account_id for member in members if member.is_owner and member.user_id == person.pk}
    closed = list(Account.objects.filter(Q(pk__in=owned - lives_on) | Q(personal_of=person)).order_by("pk"))
    for account in closed:
        _close_account(account)
    left = person.memberships.order_by("pk").values_list("account_id", flat=True)
    # Of what people do to themselves no address is kept either.
    by: By = {"request": request, "actor": actor, "actor_name": actor_name} if actor or actor_name else {}
    for account in Account.objects.filter(pk__in=list(left)).order_by("pk"):
        target = f"user {person.pk}"
        audit.record(audit.Action.MEMBER_REMOVED, account=account, target=target, because="deleted", **by)
    _forget_address(person.email)
    _strip(person)
    ids = [account.pk for account in closed]
    audit.record(audit.Action.USER_DELETED, target=f"user {person.pk}", accounts=ids, **by)
    return ids


def _close_account(account: Account) -> None:
    """Nobody is in it and nothing opens it any more."""
    Account.objects.filter(pk=account.pk, deleted_at=None).update(deleted_at=timezone.now(), name="")
    for model in (ApiToken, Membership, Invitation):
        erasure.raw_delete(model.objects.filter(account_id=account.pk))


def _strip(person: User) -> None:
    """Every credential ends, and the row says nothing about anybody."""
    end_sign_ins(person, "deleted")
    withdraw_offers(person)
    for model in CREDENTIALS:
        model._base_manager.filter(user=person).delete()
    rows_about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User))
    rows_about.filter(object_id=str(person.pk)).delete()
    User.objects.filter(pk=person.pk).update(
        # The address can be registered anew.
        email=f"{person.uuid.hex}@deleted.invalid",
        full_name="",
        avatar_url="",
        is_active=False,
        is_staff=False,
        is_superuser=False,
        password=make_password(None),
        deleted_at=timezone.now(),
    )


def _forget_address(email: str) -> None:
    """In what is kept of others' doings, and in what is still to be sent."""
    OutgoingMail.objects.filter(to=email).delete()
    Invitation.objects.filter(email=email).delete()
    AuditEvent.objects.filter(actor=email).update(actor="", address="")
    AuditEvent.objects.filter(target=email).update(target="")


def _leave_to_workers() -> None:
    from accounts.tasks import hint_erasure

    hint_erasure()
