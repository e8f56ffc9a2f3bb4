"""How well files of many kinds are read: outcome, phrases found (on the right page), leaks and speed.

    python -m benchmarks.parsing [FOLDER] [--jobs N] [--only TEXT] [--verbose]

FOLDER holds `truth.jsonl`, `match.py` and `files/` (by default `parse` in DOCULUME_SHARED_DATA). Each row goes the way
of an upload: its kind is told, it is parsed in the sandbox and cut into chunks; phrases are looked for in the chunks.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.ingestion.chunking import ChunkedText, chunk_document
from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.parsers.detect import detect_kind
from knowledge.ingestion.sandbox import parse_file

DEFAULT = Path(os.environ.get("DOCULUME_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass
class Outcome:
    row: dict[str, Any]
    result: str  # "ok", "clear-error" or "crash"
    detail: str = ""
    seconds: float = 0.0
    chunks: int = 0
    missing: list[str] = field(default_factory=list)
    wrong_page: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    nice: int = 0

    @property
    def accepted(self) -> bool:
        return self.result in self.row["accept"] and not self.leaked


def words(text: str) -> int:
    """A quarter of the characters: about what a subword tokenizer counts, without one."""
    return (len(text) + 3) // 4


def load_rule(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("match", folder / "match.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(row: dict[str, Any], folder: Path, count: Callable[[str], int]) -> ChunkedText:
    path = folder / "files" / row["file"]
    name = row.get("upload_as", row["file"])
    detect_kind(path, name)
    return chunk_document(parse_file(path, name), count)


def check(content: ChunkedText) -> None:
    assert content.chunks, "no chunks"
    for chunk in content.chunks:
        assert content.text[chunk.start : chunk.end] == chunk.text


def judge(row: dict[str, Any], folder: Path, rule: Any, count: Callable[[str], int]) -> Outcome:
    started = time.perf_counter()
    try:
        content = read(row, folder, count)
        check(content)
    except IngestionError as error:
        return Outcome(row, "clear-error", error.error_code, time.perf_counter() - started)
    except Exception as error:
        return Outcome(row, "crash", f"{type(error).__name__}: {error}", time.perf_counter() - started)
    seconds = time.perf_counter() - started
    text = "\n".join(f"{chunk.text}" for chunk in content.chunks)
    pages: dict[int, str] = defaultdict(str)
    for chunk in content.chunks:
        if chunk.page_number:
            pages[chunk.page_number] += "\n" + chunk.text
    row.setdefault("phrases", [])
    found = rule.ok(row, text, dict(pages))
    canonical = rule.canon(text)
    nice = [one if isinstance(one, str) else one["text"] for one in row.get("nice_to_have", [])]
    return Outcome(
        row, "ok", f"{len(content.chunks)} chunks", seconds, len(content.chunks), found["missing"],
        found["wrong_page"], found["leaked"], sum(rule.canon(one) in canonical for one in nice),
    )  # fmt: skip


def report(outcomes: list[Outcome], elapsed: float) -> bool:
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        kinds[one.row["kind"]].append(one)
    print(f"{'kind':18} {'files':>5} {'fair':>5} {'ok':>4} {'phrases':>9} {'nice':>7} {'slowest s':>9}")
    for kind, group in sorted(kinds.items()):
        asked = [one for one in group if one.result == "ok"]
        phrases = sum(len(one.row["phrases"]) for one in asked)
        lost = sum(len(set(one.missing) | set(one.wrong_page)) for one in asked)
        nice = sum(len(one.row.get("nice_to_have", [])) for one in asked)
        print(
            f"{kind:18} {len(group):5} {sum(one.accepted for one in group):5} {len(asked):4} "
            f"{phrases - lost:4}/{phrases:<4} {sum(one.nice for one in asked):3}/{nice:<3} "
            f"{max(one.seconds for one in group):9.2f}"
        )
    # What only OCR could read is no loss.
    must = [one for one in outcomes if one.row["expect"] == "ok" and (one.result == "ok" or "needs" not in one.row)]
    wanted = sum(len(one.row.get("phrases", [])) for one in must)
    lost = sum(
        len(set(one.missing) | set(one.wrong_page)) if one.result == "ok" else len(one.row.get("phrases", []))
        for one in must
    )
    size = sum(one.row["bytes"] for one in outcomes) / 1e6
    fair = sum(one.accepted for one in outcomes)
    print(f"\n{fair} of {len(outcomes)} outcomes fair; {wanted - lost} of {wanted} phrases of `ok` rows found")
    print(f"{size:.1f} MB, {sum(one.chunks for one in outcomes)} chunks in {elapsed:.1f} s: {size / elapsed:.2f} MB/s")
    for one in outcomes:
        problems = [] if one.accepted else [f"{one.result} ({one.detail}), fair: {'/'.join(one.row['accept'])}"]
        problems += [f"missing {text!r}" for text in one.missing]
        problems += [f"wrong page {text!r}" for text in one.wrong_page if text not in one.missing]
        problems += [f"leaked {text!r}" for text in one.leaked]
        for problem in problems:
            print(f"  {one.row['file']}: {problem}")
    return fair == len(outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT / "parse")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="rows whose kind or file contains this")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rule = load_rule(options.folder)
    rows = [json.loads(line) for line in (options.folder / "truth.jsonl").read_text().splitlines()]
    rows = [row for row in rows if options.only in row["kind"] or options.only in row["file"]]
    started = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(lambda row: judge(row, options.folder, rule, words), rows))
    if options.verbose:
        for one in outcomes:
            print(f"{one.seconds:6.2f} {one.row['kind']:16} {one.result:12} {one.detail:20} {one.row['file']}")
    return 0 if report(outcomes, time.perf_counter() - started) else 1


if __name__ == "__main__":
    sys.exit(main())
