"""Real documents from the test suites of other readers: fair outcomes, and their phrases on their pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.parsing import DEFAULT, judge, load_rule, words

FOLDER = DEFAULT / "parse"
ROWS: list[dict[str, Any]] = []
if (FOLDER / "truth.jsonl").exists():
    ROWS = [json.loads(line) for line in (FOLDER / "truth.jsonl").read_text().splitlines()]
needs_data = pytest.mark.skipif(not ROWS, reason="the shared data is not here (DOCULUME_SHARED_DATA names it)")


def some(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The smallest two of each kind."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["bytes"]):
        kinds.setdefault(row["kind"], []).append(row)
    return [row for group in kinds.values() for row in group[:2]]


def found_of(rows: list[dict[str, Any]]) -> tuple[int, int]:
    """Judge the rows; how many phrases were found and how many there were."""
    rule = load_rule(FOLDER)
    outcomes = [judge(row, FOLDER, rule, words) for row in rows]
    unfair = [(one.row["file"], one.result, one.detail, one.leaked) for one in outcomes if not one.accepted]
    assert unfair == []
    read = [one for one in outcomes if one.result == "ok"]
    total = sum(len(one.row["phrases"]) for one in read)
    return total - sum(len(set(one.missing) | set(one.wrong_page)) for one in read), total


@needs_data
def test_two_files_of_each_kind_end_fairly_with_their_phrases():
    found, total = found_of(some(ROWS))
    assert found >= 0.97 * total


@needs_data
@pytest.mark.slow
def test_all_files_end_fairly_with_their_phrases():
    found, total = found_of(ROWS)
    assert found >= 0.97 * total
