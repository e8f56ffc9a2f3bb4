"""Keeping a user out for a while, for staff and commands."""

from __future__ import annotations

from typing import Unpack

from django.db import transaction

from accounts import audit
from accounts.audit import By
from accounts.members import withdraw_offers
from accounts.models import User
from accounts.sign_ins import end_sign_ins


@transaction.atomic
def suspend(user: User, **by: Unpack[By]) -> bool:
    """Every credential stops working at once. Sign-ins and the invitations that they sent end for good; API tokens
    work again after `reinstate`.

    Whether there was anything to suspend.
    """
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False
    user.is_active = False
    ended = end_sign_ins(user, "suspended")
    withdraw_offers(user)
    audit.record(audit.Action.USER_SUSPENDED, target=user.email, sign_ins_ended=ended, **by)
    return True


@transaction.atomic
def reinstate(user: User, **by: Unpack[By]) -> bool:
    """They may sign in again, unless they are deleted. Whether they could not before."""
    if not User.objects.filter(pk=user.pk, is_active=False, deleted_at=None).update(is_active=True):
        return False
    user.is_active = True
    audit.record(audit.Action.USER_REINSTATED, target=user.email, **by)
    return True


@transaction.atomic
def sign_out_everywhere(user: User, **by: Unpack[By]) -> int:
    """How many sign-ins there were, by token and on pages. API tokens are left."""
    ended = end_sign_ins(user, "revoked by staff")
    audit.record(audit.Action.SIGNED_OUT, target=user.email, everywhere=True, sign_ins_ended=ended, **by)
    return ended
