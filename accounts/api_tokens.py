"""Personal API tokens: making one, finding whose one is, and the one that the log-in of the account API returns."""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.acting import memberships
from accounts.models import Account, ApiToken, Membership, User
from accounts.tokens import CredentialRefused
from doculume.crypto import UnreadableSecret, decrypt, digest, encrypt
from doculume.errors import Conflict, InvalidRequest
from doculume.prepared import Prepared
from doculume.sentences import Sentence

PREFIX = "dl_"
RANDOM_CHARACTERS = 43  # of 62 kinds: 256 bits
SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{RANDOM_CHARACTERS}}}")
ALPHABET = string.ascii_letters + string.digits
MOST_OF_A_USER = 100
NOTED_EVERY = timedelta(minutes=1)
MOST_TRIES = 5


class NameReserved(InvalidRequest):
    def __init__(self) -> None:
        text = Sentence(
            "%(name)s is the name of the token that signing in gives. Choose another one.", name=ApiToken.DEFAULT
        )
        super().__init__(text, details={"name": [text]})


class TooManyTokens(Conflict):
    message = Sentence("You have %(most)s API tokens. Revoke one that you no longer need first.", most=MOST_OF_A_USER)


def create(user: User, account: Account, name: str, request: HttpRequest | None = None) -> tuple[ApiToken, str]:
    """A token of `user`, good in `account`, and its text, which nothing shows a second time.

    Raises `NameReserved` and `TooManyTokens`.
    """
    if name.strip() == ApiToken.DEFAULT:
        raise NameReserved
    with transaction.atomic():
        # Whoever makes tokens in parallel waits here, so that none is counted past.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if ApiToken.objects.live().filter(user=user).count() >= MOST_OF_A_USER:
            raise TooManyTokens
        return _write(user, account, name, request)


def default_token(user: User, request: HttpRequest | None = None) -> str:
    """The text of the user's token named `Default` in the personal account: the same one at each call.

    It is made at first need, and anew if it was revoked, ran out, or was encrypted with a key that is gone. Raises
    `CredentialRefused` if the user is being deleted.
    """
    return default_row(user, request)[1]


def default_row(user: User, request: HttpRequest | None = None) -> tuple[ApiToken, str]:
    """As `default_token`, with its row."""
    account = user.personal_account
    standing = ApiToken.objects.filter(user=user, account=account, name=ApiToken.DEFAULT, revoked_at=None)
    for _ in range(MOST_TRIES):
        token = standing.first()
        if token is not None and (text := _read(token)):
            return token, text
        try:
            with transaction.atomic():
                return _write(user, account, ApiToken.DEFAULT, request)
        except IntegrityError:
            # Another request made it first: the constraint lets one stand. Theirs is the one then.
            continue
    raise CredentialRefused


def _owned(digest: str, now: datetime) -> QuerySet[ApiToken]:
    return (
        ApiToken.objects.live(now)
        .select_related("user")
        .filter(digest=digest, user__is_active=True, user__deleted_at=None)
    )


def _used_in(digest: str) -> QuerySet[Membership]:
    token = ApiToken.objects.filter(digest=digest)
    return memberships(token.values("user")).filter(account=Subquery(token.values("account")))


_OWNED: Prepared[ApiToken] = Prepared(_owned, "a digest", datetime(2002, 2, 2, tzinfo=UTC))
_USED_IN: Prepared[Membership] = Prepared(_used_in, "a digest")


def token_owner(text: str) -> ApiToken:
    """The live token of that text with its user, `membership`, account and plan, in one query. Raises
    `CredentialRefused`.

    It lives as long as its user is active and in its account, and neither was deleted.
    """
    if not SHAPE.fullmatch(text):
        raise CredentialRefused
    digest = _digest(text)
    token, membership = _OWNED.first_beside(_USED_IN, [digest, timezone.now()], [digest])
    if token is None or membership is None:
        raise CredentialRefused
    token.membership, token.account, membership.user = membership, membership.account, token.user
    _note_use(token)
    return token


def revoke(token: ApiToken, because: str, *, actor: User | None = None, request: HttpRequest | None = None) -> None:
    """It stops working at once. What was revoked before stays as it is."""
    with transaction.atomic():
        locked = ApiToken.objects.select_for_update(of=("self",)).select_related("user", "account")
        found = locked.filter(pk=token.pk, revoked_at=None).first()
        if found is None:
            return
        found.revoke(because)
        _record(audit.Action.API_TOKEN_REVOKED, found, request, actor, because=because)
    token.revoked_at, token.revoked_because = found.revoked_at, found.revoked_because


def revoke_all(user: User, because: str, *, request: HttpRequest | None = None) -> None:
    """For who shows that the address is theirs where that was never known: others may have made these."""
    accounts = list(user.memberships.values_list("account_id", flat=True))
    for token in ApiToken.objects.live().filter(user=user, account_id__in=accounts):
        revoke(token, because, actor=user, request=request)


def masked(token: ApiToken) -> str:
    """What may be shown of it."""
    return f"{PREFIX}…{token.last_four}"


def _write(user: User, account: Account, name: str, request: HttpRequest | None) -> tuple[ApiToken, str]:
    text = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    token = ApiToken.objects.create(
        user=user, account=account, name=name, digest=_digest(text), encrypted=encrypt(text), last_four=text[-4:]
    )
    _record(audit.Action.API_TOKEN_CREATED, token, request, user)
    return token, text


def _read(token: ApiToken) -> str:
    """The token's text; empty, and then the token is revoked, if it no longer lives or cannot be read."""
    because = "" if token.is_live else "expired"
    try:
        text = decrypt(token.encrypted)
        # SECRET_KEY was changed: the text is there, and nothing would find the token by it.
        because = because or ("" if _digest(text) == token.digest else "unreadable")
    except UnreadableSecret:
        text, because = "", "unreadable"
    if because:
        revoke(token, because)
    return "" if because else text


def _note_use(token: ApiToken) -> None:
    """Once a minute, so that a busy program does not write a row for each request."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - NOTED_EVERY:
        earlier = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
        ApiToken.objects.filter(earlier, pk=token.pk).update(last_used_at=now)


def _record(
    action: audit.Action, token: ApiToken, request: HttpRequest | None, actor: User | None, **details: str
) -> None:
    name = "" if actor else "DocuLume"
    # By number: their address must not stay in the audit when they are gone.
    owner = {} if actor and actor.pk == token.user_id else {"of": f"user {token.user_id}"}
    target = f"{token.name} ({masked(token)})"
    audit.record(
        action, request=request, account=token.account, actor=actor, actor_name=name, target=target, **owner, **details
    )


def _digest(text: str) -> str:
    return digest(text, purpose="api-token")
