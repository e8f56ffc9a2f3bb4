"""The plans that a deployment begins with, and putting accounts on them. Staff change plans, and add to them, in
the admin.

Whatever changes here holds from the next request on: every request reads what its account is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from django.db import transaction

from accounts import audit
from accounts.audit import By
from accounts.models import Account, AccountLimits, Limits, Plan

GIGABYTE = 1_000_000_000
# title; requests a minute, chatbot questions an hour, AI answers a month, entries, stored bytes. None is no limit.
DEFAULTS: dict[str, tuple[str, int | None, int | None, int | None, int | None, int | None]] = {
    "free": ("Free", 60, 0, 200, 2_000, GIGABYTE // 5),
    "pro": ("Pro", 300, 50, 10_000, 100_000, 10 * GIGABYTE),
    "business": ("Business", 600, 100, 50_000, 1_000_000, 100 * GIGABYTE),
    "enterprise": ("Enterprise", None, None, None, None, None),
}


def ensure_plans(**kwargs: Any) -> None:
    """Where there is no plan at all, make those that a deployment begins with."""
    if Plan.objects.exists():
        return
    Plan.objects.bulk_create(
        [
            Plan(name=name, title=title, position=position, **dict(zip(Limits.NAMES, limits, strict=True)))
            for position, (name, (title, *limits)) in enumerate(DEFAULTS.items())
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def put_on(account: Account, plan: Plan, **by: Unpack[By]) -> None:
    """Put the account on the plan. A change goes into the audit."""
    before = Account.objects.select_for_update(no_key=True).get(pk=account.pk).plan_id
    account.plan = plan
    if before != plan.name:
        account.save(update_fields=["plan", "updated_at"])
        audit.record(
            audit.Action.PLAN_CHANGED, account=account, target=account.name, before=before, after=plan.name, **by
        )


@transaction.atomic
def agree(account: Account, limits: Mapping[str, int | None], **by: Unpack[By]) -> dict[str, list[int | None]]:
    """Agree limits with one account, by the names in `Limits`; None is again what its plan says. Others stay.

    Returns what changed, as `{name: [before, after]}`; that goes into the audit too.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    own = AccountLimits.objects.filter(account=account).first() or AccountLimits(account=account)
    changes = {name: [getattr(own, name), value] for name, value in limits.items() if getattr(own, name) != value}
    for name, (_, value) in changes.items():
        setattr(own, name, value)
    if any(getattr(own, name) is not None for name in Limits.NAMES):
        own.save()
    elif own.pk and changes:
        AccountLimits.objects.filter(account=account).delete()
    if changes:
        audit.record(audit.Action.LIMITS_CHANGED, account=account, target=account.name, changes=changes, **by)
    return changes


def changed(before: Plan, plan: Plan, **by: Unpack[By]) -> None:
    """Write down that a plan itself allows something else now."""
    names = ("title", *Limits.NAMES)
    changes = {name: [getattr(before, name), getattr(plan, name)] for name in names}
    changes = {name: values for name, values in changes.items() if values[0] != values[1]}
    if changes:
        audit.record(audit.Action.LIMITS_CHANGED, target=f"plan {plan.pk}", changes=changes, **by)
