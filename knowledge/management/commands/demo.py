"""`manage.py demo`: another name of `seed_demo`."""

from __future__ import annotations

from knowledge.management.commands.seed_demo import Command as SeedDemo


class Command(SeedDemo):
    examples = (
        "demo",
        "demo --wait",
    )
