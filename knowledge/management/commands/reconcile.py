"""Look whether what is stored is whole, and mend it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from doculume.management.describing import DescribedCommand
from knowledge import reconciling


class Command(DescribedCommand):
    help = (
        "Checks what must hold of everything that is stored. Ends with 1 if something does not; --fix mends it, and "
        "looks again."
    )
    examples = (
        "reconcile",
        "reconcile --fix",
    )
    exit_codes = {
        0: "all invariants hold",
        1: "one does not, or could not be mended",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="mend what is wrong")

    def handle(self, *args: Any, fix: bool, **options: Any) -> None:
        broken = self.look(fix)
        if broken and fix:
            self.stdout.write("Looking again.")
            broken = self.look(False)
        if broken:
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"All {len(reconciling.INVARIANTS)} invariants hold."))

    def look(self, fix: bool) -> int:
        total = 0
        for invariant, broken in reconciling.look():
            total += len(broken)
            if broken:
                self.stdout.write(f"{len(broken):>6} {invariant.name}: {reconciling.shown(broken)}")
            if broken and fix:
                invariant.mend(broken)
        return total
