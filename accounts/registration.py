"""Making a user, where the deployment lets people do so themselves."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import audit, confirmation
from accounts.models import Invitation, SiteSettings, User, normalize_email
from accounts.throttling import count_registration
from doculume.errors import InvalidRequest, PermissionRefused

if TYPE_CHECKING:
    from typing import TypedDict

    class Person(TypedDict):
        email: str
        password: str
        full_name: str


TAKEN = gettext_noop("A user with this email already exists.")


class RegistrationClosed(PermissionRefused):
    message = "Registration is closed. Ask an administrator for an account."


class ByInvitationOnly(PermissionRefused):
    message = "Registration is by invitation only."


class EmailTaken(InvalidRequest):
    def __init__(self) -> None:
        super().__init__(details={"email": [TAKEN]})


class TermsNotAccepted(InvalidRequest):
    def __init__(self) -> None:
        super().__init__(details={"terms_of_service": [gettext_noop("The terms of service must be accepted.")]})


class InvitationRefused(InvalidRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(details={"invitation": [reason]})


def is_open() -> bool:
    return SiteSettings.objects.current().registration == SiteSettings.Registration.OPEN


def refuse_if_closed(invitation: str | None = None) -> None:
    """Raise `RegistrationClosed`, or `ByInvitationOnly` where one is needed and none is shown."""
    _refuse(SiteSettings.objects.current(), invitation)


def register(
    request: HttpRequest,
    *,
    email: str,
    password: str,
    full_name: str = "",
    terms_accepted: bool = False,
    invitation: str | None = None,
) -> User | None:
    """A new user with a personal account; the fields must have been validated.

    None where addresses must be confirmed: then a mail is on its way, whether the address was free or not, and the
    caller's answer must be the same for both. Whoever shows the invitation that was sent to the address has confirmed
    it, joins the account, and is returned.

    Raises `RegistrationClosed`, `ByInvitationOnly`, `InvitationRefused`, `TermsNotAccepted`, `TooManyAttempts` and
    `EmailTaken`. Refusals of taken addresses count too: they are what somebody would try out addresses by.
    """
    site = SiteSettings.objects.current()
    _refuse(site, invitation)
    if site.terms_required and not terms_accepted:
        raise TermsNotAccepted
    count_registration(request)
    person: Person = {"email": normalize_email(email), "password": password, "full_name": full_name}
    offer = _offer(invitation, person["email"]) if invitation else None
    if site.email_confirmation_required and offer is None:
        _register_unseen(request, person, terms_accepted)
        return None
    return _register(request, person, terms_accepted, offer)


def _register(request: HttpRequest, person: Person, terms_accepted: bool, offer: Invitation | None) -> User:
    if User.objects.filter(email=person["email"]).exists():
        raise EmailTaken
    try:
        with transaction.atomic():
            user = _create(request, person, terms_accepted)
            if offer:
                _accept(request, offer, user)
            return user
    except IntegrityError as error:
        # Somebody registered the address between the question and the insert.
        raise EmailTaken from error


def _register_unseen(request: HttpRequest, person: Person, terms_accepted: bool) -> None:
    """Where the address is taken, a user with a made-up one is written and taken back: the work must take as long."""
    email = person["email"]
    taken = User.objects.filter(email=email).exists()
    stand_in: Person = {**person, "email": f"{secrets.token_hex(8)}@{'x' * 8}.invalid"} if taken else person
    try:
        with transaction.atomic():
            user = _create(request, stand_in, terms_accepted)
            if taken:
                confirmation.is_confirmed(user)
                connection.check_constraints()  # which a commit would do
                transaction.set_rollback(True)
            else:
                confirmation.send_confirmation(request, user, email)
    except IntegrityError:
        taken = True
    if taken:
        confirmation.send_already_registered(request, email)


def _create(request: HttpRequest, person: Person, terms_accepted: bool) -> User:
    accepted = timezone.now() if terms_accepted else None
    user = User.objects.create_user(**person, terms_accepted_at=accepted)
    audit.record(audit.Action.REGISTERED, request=request, actor=user, account=user.personal_account)
    return user


def _refuse(site: SiteSettings, invitation: str | None) -> None:
    if site.registration == SiteSettings.Registration.CLOSED:
        raise RegistrationClosed
    if site.registration == SiteSettings.Registration.INVITE_ONLY and not invitation:
        raise ByInvitationOnly


def _offer(token: str, email: str) -> Invitation:
    """The open invitation of that link, if it was sent to `email`. Raises `InvitationRefused`."""
    from accounts import invitations

    try:
        offer = invitations.find(token)
    except invitations.InvitationGone as error:
        raise InvitationRefused(error.message) from error
    if normalize_email(offer.email) != email:
        raise InvitationRefused(invitations.ForSomebodyElse.message)
    return offer


def _accept(request: HttpRequest, offer: Invitation, user: User) -> None:
    """In the transaction that makes the user: an invitation that somebody used in this moment makes none."""
    from accounts import invitations

    try:
        invitations.accept(offer, user, request=request)
    except invitations.InvitationGone as error:
        raise InvitationRefused(error.message) from error
