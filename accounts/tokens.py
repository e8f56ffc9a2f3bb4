"""Tokens of a sign-in: a family in the database, and the JWTs that bear its id.

Each refresh token is good once. One that comes a second time was copied by somebody, so it ends the family, and
with it every access token that the family ever gave (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts import audit
from accounts.acting import memberships, number_of
from accounts.models import Membership, TokenFamily, User
from doculume.crypto import digest
from doculume.errors import DoculumeError
from doculume.prepared import Prepared

FAMILY_CLAIM = "fam"
PURPOSE = "refresh-token"
AnyToken = TypeVar("AnyToken", AccessToken, RefreshToken)
_FAMILY = Prepared(lambda family: TokenFamily.objects.select_related("user").filter(id=family), UUID(int=2))
_IN_PERSONAL = Prepared(lambda family: _of_family(family).filter(account__personal_of=F("user")), UUID(int=2))
_IN_NAMED = Prepared(lambda family, account: _of_family(family).filter(account_id=account), UUID(int=2), 3)


class CredentialRefused(DoculumeError):
    """What was shown to say who is asking is wrong, expired, revoked or not there."""

    code = "unauthenticated"
    status_code = 401
    message = "The token is invalid, expired or revoked."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A fresh access and refresh token; `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int


def start_family(user: User) -> TokenPair:
    """A new sign-in of `user`, whose password was checked. Their sign-ins that ran out are forgotten on the way.

    Raises `CredentialRefused` if they were suspended or got another password since `user` was read: that ended the
    sign-ins there were, and must not miss this one.
    """
    with transaction.atomic():
        same = User.objects.select_for_update(no_key=True).filter(
            pk=user.pk, password=user.password, is_active=True, deleted_at=None
        )
        if not list(same.values_list("pk")):
            raise CredentialRefused
        user.token_families.expired().delete()
        family = TokenFamily(user=user)
        pair = _renew(family)
        family.save(force_insert=True)
        update_last_login(None, user)  # type: ignore[arg-type]
    return pair


def rotate(refresh: str, request: HttpRequest | None = None) -> TokenPair:
    """The next pair for a refresh token, which is spent by this. Of parallel calls with one token one wins at most.

    Raises `CredentialRefused`. If the token had been spent before, its family is revoked first, and that goes into
    the audit: once for each family, however often the token comes.
    """
    with transaction.atomic():
        family = _lock_family(refresh)
        spent = not _is_newest(family, refresh)
        if spent:
            _end_replayed(family, request)
        else:
            pair = _renew(family)
            family.save(update_fields=["current_digest", "last_used_at", "expires_at"])
    # Not inside the block: the exception would roll the revocation back.
    if spent:
        raise CredentialRefused
    return pair


def end_by_refresh(refresh: str, request: HttpRequest | None = None) -> None:
    """Sign out by a refresh token. Raises `CredentialRefused` as `rotate` does, spent tokens included."""
    with transaction.atomic():
        family = _lock_family(refresh)
        spent = not _is_newest(family, refresh)
        if spent:
            _end_replayed(family, request)
        else:
            sign_out(family, request)
    if spent:
        raise CredentialRefused


@transaction.atomic
def sign_out(family: TokenFamily, request: HttpRequest | None = None) -> None:
    """End a sign-in by its user's own wish."""
    family.revoke("signed out")
    audit.record(audit.Action.SIGNED_OUT, request=request, actor=family.user, account=family.user.personal_account)


def family_of_access(access: str, account: str | None = None) -> TokenFamily:
    """The live family of an access token with its active user, in one query. Raises `CredentialRefused`.

    Its `membership` is in the account whose id is given, as with `acting.membership_for`; None where that refuses.
    """
    ident, expires_at = _signed(access)
    if expires_at <= time.time():
        raise CredentialRefused
    if account is None:
        family, membership = _FAMILY.first_beside(_IN_PERSONAL, [ident], [ident])
    else:
        family, membership = _FAMILY.first_beside(_IN_NAMED, [ident], [ident, number_of(account)])
    family = _usable(family)
    if membership is not None:
        family.membership, membership.user = membership, family.user
    return family


def _of_family(family: UUID) -> QuerySet[Membership]:
    return memberships(TokenFamily.objects.filter(id=family).values("user"))


def _renew(family: TokenFamily) -> TokenPair:
    """Put a new refresh token's digest into `family` (not yet saved) and sign both tokens."""
    access, refresh = AccessToken(), RefreshToken()
    for token, lifetime in ((access, settings.ACCESS_TOKEN_LIFETIME), (refresh, settings.REFRESH_TOKEN_LIFETIME)):
        _address(token, family)
        token.set_exp(lifetime=lifetime)
    family.last_used_at = timezone.now()
    family.expires_at = family.last_used_at + settings.REFRESH_TOKEN_LIFETIME
    written = str(refresh)
    family.current_digest = digest(written, purpose=PURPOSE)
    return TokenPair(str(access), written, int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()))


def _end_replayed(family: TokenFamily, request: HttpRequest | None) -> None:
    family.revoke("replayed")
    user = family.user
    audit.record(audit.Action.TOKEN_REPLAYED, request=request, account=user.personal_account, target=user.email)


def _address(token: Token, family: TokenFamily) -> None:
    token["sub"] = str(family.user.uuid)
    token[FAMILY_CLAIM] = str(family.id)


def _decode(written: str, kind: type[AnyToken]) -> AnyToken:
    """Checks signature, issuer, expiry and kind, so that a refresh token does not pass as an access token."""
    try:
        return kind(written)  # type: ignore[arg-type]
    except TokenError as error:
        raise CredentialRefused from error


@lru_cache(maxsize=1_000)
def _signed(access: str) -> tuple[UUID, int]:
    """The family that an access token names, and when it expires, in Unix seconds: what is signed does not change."""
    token = _decode(access, AccessToken)
    return _family_id(token), int(token["exp"])


def _family_id(token: Token) -> UUID:
    try:
        return UUID(token[FAMILY_CLAIM])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CredentialRefused from error


def _lock_family(refresh: str) -> TokenFamily:
    family_id = _family_id(_decode(refresh, RefreshToken))
    locked = TokenFamily.objects.select_for_update(of=("self",)).select_related("user")
    return _usable(locked.filter(id=family_id).first())


def _usable(family: TokenFamily | None) -> TokenFamily:
    if family is None or not family.is_live or not family.user.is_active or family.user.deleted_at is not None:
        raise CredentialRefused
    return family


def _is_newest(family: TokenFamily, refresh: str) -> bool:
    return compare_digest(family.current_digest, digest(refresh, purpose=PURPOSE))
