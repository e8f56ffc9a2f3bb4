"""What is written into CSV files for people, who open them in a spreadsheet."""

from __future__ import annotations

from typing import Any


def harmless(cell: Any) -> Any:
    """Text that a spreadsheet would take for a formula, and run, with an apostrophe before it; a number is none."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return cell
    return cell if cell.lstrip("+-").replace(".", "").isdigit() else f"'{cell}"
