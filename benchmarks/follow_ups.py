"""What is found for a follow-up: asked raw, with its context, as a language model rewrites it, and as a person did.

`python -m benchmarks.follow_ups FOLDER` with the folder of public question sets (TREC CAsT), or with that folder in
DOCULUME_SHARED_DATA. The search is that of `benchmarks.extractive`: in memory and exact.

`--llm http://127.0.0.1:8080/v1` names the model that rewrites (`python -m tests.llm.small_model` serves one);
`--every 3` takes each third follow-up only, which on a CPU is enough to wait for. What it wrote is kept in `--kept`, so
that a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from django.conf import settings

from benchmarks.extractive import Corpus, Remembering, lines, questions_of
from chat.follow_ups import leans, rewritten, with_context
from chat.relevance import WORTH_READING
from knowledge.search.terms import terms_of
from llm_settings.providers import get_embedder
from llm_settings.providers.extractive import ExtractiveModel, Passage
from llm_settings.providers.openai import OpenAIChatModel

DEPTH = 5
PATIENCE = 300  # seconds a rewriting may take here; the product's own deadline is for people who wait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default=os.environ.get("DOCULUME_SHARED_DATA"), type=Path)
    parser.add_argument("--llm", default="", help="the address of a model, with its version")
    parser.add_argument("--model", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=Path("var/rewritten.jsonl"))
    asked = parser.parse_args()
    embedder = Remembering(get_embedder())
    cast = asked.data / "qa" / "trec-cast"
    passages = lines(cast / "cast2021_passages.jsonl")
    places = {row["id"]: place for place, row in enumerate(passages)}
    corpus = Corpus([row["text"] for row in passages], "en", embedder)
    tasks = [row for row in lines(cast / "cast2021_tasks.jsonl") if row["gold_passage"] in places and row["history"]]
    tasks = tasks[:: asked.every]

    def in_context(text: str, row: dict) -> str:
        return with_context(text, row["history"], embedder.rarity)

    ways: dict[str, Callable[[dict], str]] = {
        "raw": lambda row: row["question"],
        "with context": lambda row: in_context(row["question"], row),
    }
    if asked.llm:
        by_model = rewrite_all(OpenAIChatModel(asked.llm, asked.key, asked.model), tasks, asked.kept)
        ways["by the model"] = lambda row: by_model[key_of(row)] or row["question"]
        # As the product does: what was not rewritten is searched for with its context.
        ways["by both"] = lambda row: changed(by_model, row) or in_context(row["question"], row)
    ways["rewritten by a person"] = lambda row: row["rewritten"]
    model = ExtractiveModel(embedder, terms_of)
    leaning = sum(leans(row["question"]) for row in tasks)
    print(f"{len(tasks)} follow-ups, of which {leaning} lean on what was said")
    print(f"{'':24}{'first':>8}{'in 5':>8}{'nDCG@5':>8}{'relevant':>10}{'worth it':>10}")
    for name, way in ways.items():
        show(name, model, corpus, [(way(row), row["question"], places[row["gold_passage"]]) for row in tasks])
    strange = [
        question.text for question in questions_of(asked.data / "retrieval" / "xquad-en") if leans(question.text)
    ]
    histories = [row["history"] for row in tasks]
    other = [
        (with_context(text, history, embedder.rarity), text, -1)
        for text, history in zip(strange[:100], histories, strict=False)
    ]
    show("off topic, raw", model, corpus, [(text, text, -1) for _, text, _ in other])
    show("off topic, with context", model, corpus, other)


def changed(by_model: dict[str, str | None], row: dict) -> str | None:
    text = by_model[key_of(row)]
    return None if text == row["question"] else text


def key_of(row: dict) -> str:
    return f"{row['topic']}-{row['turn']}"


def rewrite_all(model: OpenAIChatModel, tasks: list[dict], kept: Path) -> dict[str, str | None]:
    """What the product's own rewriting makes of each; what does not lean is left as it is, and costs no call."""
    settings.REWRITE_SECONDS = PATIENCE
    known = {row["key"]: row["text"] for row in lines(kept)} if kept.exists() else {}
    seconds = []
    with kept.open("a") as file:
        for row in tasks:
            if key_of(row) in known:
                continue
            began, text = time.monotonic(), None
            if leans(row["question"]):
                text = asyncio.run(rewritten(model, row["question"], row["history"]))
                seconds.append(time.monotonic() - began)
            known[key_of(row)] = text
            file.write(json.dumps({"key": key_of(row), "question": row["question"], "text": text}) + "\n")
            file.flush()
    if seconds:
        print(f"{len(seconds)} rewritten, {median(seconds):.1f} s each")
    return known


def show(name: str, model: ExtractiveModel, corpus: Corpus, asked: list[tuple[str, str, int]]) -> None:
    """Each: what is searched for, what was said, and the passage that answers."""
    first = among = relevant = worth = 0
    gain = 0.0
    for text, said, gold in asked:
        found: list[tuple[int, Passage]] = corpus.search(text)[:DEPTH]
        numbers = [number for number, _ in found]
        first += numbers[:1] == [gold]
        among += gold in numbers
        gain += 1 / math.log2(2 + numbers.index(gold)) if gold in numbers else 0
        passages, size = [one for _, one in found], len(corpus.texts)
        read = [model.answer(one, passages, idf=corpus.idf, searched=size) for one in dict.fromkeys([said, text])]
        relevant += any(one.relevant for one in read)
        worth += any(one.confidence >= WORTH_READING for one in read)
    found, judged = [one / len(asked) for one in (first, among, gain)], [one / len(asked) for one in (relevant, worth)]
    print(f"{name:24}" + "".join(f"{one:8.3f}" for one in found) + "".join(f"{one:10.3f}" for one in judged))


if __name__ == "__main__":
    main()
