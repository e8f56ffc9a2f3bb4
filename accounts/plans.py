"""The plans that a deployment begins with. Staff change them, and add to them, in the admin."""

from __future__ import annotations

from typing import Any

from accounts.models import Limits, Plan

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
