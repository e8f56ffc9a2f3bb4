"""What is found for a follow-up question, asked raw, with its context, and as a person rewrote it.

`python -m benchmarks.follow_ups FOLDER` with the folder of public question sets (TREC CAsT), or with that folder in
DOCULUME_SHARED_DATA. The search is that of `benchmarks.extractive`: in memory and exact.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.extractive import Corpus, Remembering, lines, questions_of
from chat.follow_ups import leans, with_context
from chat.relevance import WORTH_READING
from knowledge.search.terms import terms_of
from llm_settings.providers import get_embedder
from llm_settings.providers.extractive import ExtractiveModel, Passage

DEPTH = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default=os.environ.get("DOCULUME_SHARED_DATA"), type=Path)
    data: Path = parser.parse_args().data
    embedder = Remembering(get_embedder())
    cast = data / "qa" / "trec-cast"
    passages = lines(cast / "cast2021_passages.jsonl")
    places = {row["id"]: place for place, row in enumerate(passages)}
    corpus = Corpus([row["text"] for row in passages], "en", embedder)
    tasks = [row for row in lines(cast / "cast2021_tasks.jsonl") if row["gold_passage"] in places and row["history"]]
    ways: dict[str, Callable[[dict], str]] = {
        "raw": lambda row: row["question"],
        "with context": lambda row: with_context(row["question"], row["history"], embedder.rarity),
        "rewritten by a person": lambda row: row["rewritten"],
    }
    model = ExtractiveModel(embedder, terms_of)
    leaning = sum(leans(row["question"]) for row in tasks)
    print(f"{len(tasks)} follow-ups, of which {leaning} lean on what was said")
    print(f"{'':24}{'first':>8}{'in 5':>8}{'relevant':>10}{'worth it':>10}")
    for name, way in ways.items():
        show(name, model, corpus, [(way(row), row["question"], places[row["gold_passage"]]) for row in tasks])
    strange = [question.text for question in questions_of(data / "retrieval" / "xquad-en") if leans(question.text)]
    histories = [row["history"] for row in tasks]
    other = [
        (with_context(text, history, embedder.rarity), text, -1)
        for text, history in zip(strange[:100], histories, strict=False)
    ]
    show("off topic, raw", model, corpus, [(text, text, -1) for _, text, _ in other])
    show("off topic, with context", model, corpus, other)


def show(name: str, model: ExtractiveModel, corpus: Corpus, asked: list[tuple[str, str, int]]) -> None:
    """Each: what is searched for, what was said, and the passage that answers."""
    first = among = relevant = worth = 0
    for text, said, gold in asked:
        found: list[tuple[int, Passage]] = corpus.search(text)[:DEPTH]
        numbers = [number for number, _ in found]
        first += numbers[:1] == [gold]
        among += gold in numbers
        passages, size = [one for _, one in found], len(corpus.texts)
        read = [model.answer(one, passages, idf=corpus.idf, searched=size) for one in dict.fromkeys([said, text])]
        relevant += any(one.relevant for one in read)
        worth += any(one.confidence >= WORTH_READING for one in read)
    count = len(asked)
    print(f"{name:24}{first / count:8.3f}{among / count:8.3f}{relevant / count:10.3f}{worth / count:10.3f}")


if __name__ == "__main__":
    main()
