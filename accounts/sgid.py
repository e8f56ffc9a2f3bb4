"""Signed global ids: a user as text that another program can keep and hand back, and nobody can make up."""

from __future__ import annotations

from django.core import signing

from accounts.models import User
from doculume.errors import NotFound

SALT = "doculume.sgid"
OF_USER = "gid://doculume/User/"


class Unresolvable(NotFound):
    """Not signed here, or nobody who is there any more: alike."""


def sign(user: User) -> str:
    """The same text at each call. It is no credential: it says who is meant, and lets nobody in."""
    return signing.Signer(salt=SALT).sign_object({"gid": f"{OF_USER}{user.pk}"})


def resolve(sgid: str) -> User:
    """The user that `sign` was given. Raises `Unresolvable`."""
    try:
        gid = signing.Signer(salt=SALT).unsign_object(sgid)["gid"]
        user = User.objects.filter(pk=int(gid.removeprefix(OF_USER)), is_active=True, deleted_at=None).first()
    except (signing.BadSignature, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unresolvable from error
    if user is None:
        raise Unresolvable
    return user
