"""Whether an e-mail address is its user's: asking by a link, and changing the address.

allauth's `EmailAddress` holds the answer. A user has one primary row, kept in step with `User.email`, and at most one
more: an address that they want and have not confirmed.
"""

from __future__ import annotations

import logging
from typing import Any

import redis
from allauth.account.models import EmailAddress
from django.core import signing
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import audit, mail
from accounts.links import absolute
from accounts.models import SiteSettings, User, normalize_email
from accounts.throttling import EMAIL_CHANGE_OF_USER
from doculume.crypto import digest
from doculume.errors import InvalidRequest, PermissionRefused

log = logging.getLogger(__name__)

SALT = "confirm-email"
LINK_LIFETIME_SECONDS = 3 * 24 * 3600
PAUSE_SECONDS = 180  # between two links to one address


class EmailNotConfirmed(PermissionRefused):
    """Only for those who gave the right password, so that nobody learns from it which addresses are known."""

    message = "Confirm your email address first: follow the link that we have sent to it."


class LinkInvalid(InvalidRequest):
    message = "This link is not valid: it may have expired, or it was used already."


def is_required() -> bool:
    return SiteSettings.objects.current().email_confirmation_required


def is_confirmed(user: User) -> bool:
    return EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists()


def refuse_unconfirmed(request: HttpRequest, user: User) -> None:
    """Raise `EmailNotConfirmed`, and send the link again, if this deployment demands what `user` has not done."""
    if is_required() and not is_confirmed(user):
        send_confirmation(request, user, user.email)
        raise EmailNotConfirmed


def send_confirmation(request: HttpRequest | None, user: User, email: str) -> None:
    """Send a link to `email`, the user's own or one that they want instead. No more often than every 3 minutes.

    Raises `AddressUnknown` if there is no telling where the link should lead.
    """
    email = normalize_email(email)
    address, _ = EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"primary": email == user.email, "verified": False}
    )
    link = absolute(reverse("account_confirm_email", args=[_key(address)]), request)
    if not _pausing(email):
        mail.write(email, "accounts/mail/confirm_email", {"user": user, "email": email, "link": link})


def send_already_registered(request: HttpRequest | None, email: str) -> None:
    """To the owner of an address that somebody tried to register or to take, instead of telling that somebody."""
    link = absolute(reverse("account_reset_password"), request)
    if not _pausing(email):
        mail.write(email, "accounts/mail/already_registered", {"email": email, "link": link})


def count_as_confirmed(user: User) -> None:
    """For users made by staff or by command, and those who came by a link that was sent to their address."""
    EmailAddress.objects.update_or_create(user=user, primary=True, defaults={"email": user.email, "verified": True})


def change_email(request: HttpRequest | None, user: User, email: str) -> bool:
    """True if the address was changed at once; False if the new one must be confirmed by the link sent to it.

    Raises `registration.EmailTaken` only where nothing must be confirmed: else its owner gets a mail and nobody else
    learns anything. Raises `TooManyAttempts` after 10 new addresses in an hour, for each is sent a mail or tells
    whether somebody has it.
    """
    from accounts.registration import EmailTaken

    email = normalize_email(email)
    wanted = EmailAddress.objects.filter(user=user, primary=False)
    if email == user.email:
        wanted.delete()
        return True
    EMAIL_CHANGE_OF_USER.count(str(user.pk))
    taken = User.objects.filter(email=email).exists()
    if not is_required():
        if taken:
            raise EmailTaken
        try:
            _move(request, user, email)
        except IntegrityError as error:  # somebody took it in this moment
            raise EmailTaken from error
        return True
    wanted.exclude(email=email).delete()
    if taken:
        send_already_registered(request, email)
    else:
        send_confirmation(request, user, email)
    return False


def wanted_email(user: User) -> str:
    """The address that the user asked for and has not confirmed; empty if there is none."""
    found = EmailAddress.objects.filter(user=user, primary=False, verified=False).first()
    return found.email if found else ""


def address_of_link(key: str) -> EmailAddress:
    """The address that a link is about, not yet confirmed. Raises `LinkInvalid`."""
    try:
        pk, email = signing.loads(key, salt=SALT, max_age=LINK_LIFETIME_SECONDS)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid from error
    address = EmailAddress.objects.select_related("user").filter(pk=pk, email=email, verified=False).first()
    if address is None or not address.user.is_active:
        raise LinkInvalid
    return address


def confirm(request: HttpRequest, key: str) -> User:
    """Believe the address that the link was sent to, and make it the user's if they wanted another one before.

    The link says that somebody reads the mail, and not that they are who registered: the caller must know that it is
    the user. Raises `LinkInvalid`, also when somebody else took the address in the meantime.
    """
    address = address_of_link(key)
    try:
        with transaction.atomic():
            user = User.objects.select_for_update(no_key=True).get(pk=address.user_id)
            if not user.is_active:
                raise LinkInvalid
            if address.email != user.email:
                _move(request, user, address.email)
            count_as_confirmed(user)
            audit.record(audit.Action.EMAIL_CONFIRMED, request=request, actor=user, target=user.email)
    except IntegrityError as error:
        raise LinkInvalid from error
    return user


def keep_in_step(instance: User, created: bool, update_fields: Any = None, raw: bool = False, **signal: Any) -> None:
    """After a user was saved: their primary address is `User.email`, unconfirmed if that is new."""
    if raw or (update_fields is not None and "email" not in update_fields):
        return
    if created:
        EmailAddress.objects.create(user=instance, email=instance.email, primary=True, verified=False)
    elif not EmailAddress.objects.filter(user=instance, email=instance.email, primary=True).exists():
        EmailAddress.objects.filter(user=instance).delete()
        EmailAddress.objects.create(user=instance, email=instance.email, primary=True, verified=False)


@transaction.atomic
def _move(request: HttpRequest | None, user: User, email: str) -> None:
    old, user.email = user.email, email
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
    except IntegrityError:
        user.email = old
        raise
    audit.record(audit.Action.EMAIL_CHANGED, request=request, actor=user, target=email, old=old)
    mail.write(old, "accounts/mail/email_changed", {"user": user, "old": old, "new": email})


def _key(address: EmailAddress) -> str:
    return signing.dumps([address.pk, address.email], salt=SALT)


def _pausing(email: str) -> bool:
    """The same pause for every kind of mail: else a second registration would take longer for a known address.

    While Redis is away there is none: who is not signed in comes no further than the limits, which refuse then.
    """
    try:
        return not cache.add(f"mail-pause:{digest(email, purpose='mail-pause')}", 1, PAUSE_SECONDS)
    except redis.RedisError as error:
        log.warning("mails are not spaced out while Redis does not answer: %s", type(error).__name__)
        return False
