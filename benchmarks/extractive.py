"""How good the extractive answers are, and the decision whether there is one: `python -m benchmarks.extractive`.

Needs the folder of public question sets (XQuAD, Cranfield, TREC CAsT) as its argument or in DOCULUME_SHARED_DATA.
The search here is in memory and exact (the mean of BM25 and cosine after min-max, as the product's), so that the
figures are of the reading and not of the index. Sentences are embedded once for all questions that meet them;
what an answer costs is timed apart, without that.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")
django.setup()

from knowledge.ingestion.sentences import split_sentences  # noqa: E402
from knowledge.search.terms import terms_of  # noqa: E402
from llm_settings.providers import get_embedder, local_folder  # noqa: E402
from llm_settings.providers.base import Embedder, Vectors  # noqa: E402
from llm_settings.providers.extractive import ExtractiveAnswer, ExtractiveModel, Passage  # noqa: E402
from llm_settings.providers.local import LocalEmbedder  # noqa: E402

TOP = 5
ARTICLE = 5  # XQuAD's passages come in articles of five


class Remembering:
    """An embedder that embeds no text twice."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self._asked: dict[str, Vectors] = {}

    def __getattr__(self, name: str):
        return getattr(self._embedder, name)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._embedder.embed_passages(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    def embed_query(self, text: str) -> Vectors:
        if text not in self._asked:
            self._asked[text] = self._embedder.embed_query(text)
        return self._asked[text]


@dataclass(frozen=True)
class Question:
    text: str
    passage: int = -1
    answer: str = ""


@dataclass
class Corpus:
    texts: list[str]
    language: str
    embedder: Remembering
    kind: str = "text"
    counts: list[Counter[str]] = field(init=False)
    sentences: list[list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = [Counter(terms_of(text, self.language)) for text in self.texts]
        self.sentences = [split_sentences(text) for text in self.texts]
        self.everywhere = Counter(term for count in self.counts for term in count)
        self.lengths = np.array([sum(count.values()) for count in self.counts], float)
        self.vectors = self.embedder.embed_passages(self.texts)

    def part(self, numbers: Iterable[int]) -> Corpus:
        return Corpus([self.texts[number] for number in numbers], self.language, self.embedder, self.kind)

    def idf(self, term: str) -> float:
        count = self.everywhere[term]
        return math.log(1 + (len(self.texts) - count + 0.5) / (count + 0.5))

    def search(self, question: str) -> list[tuple[int, Passage]]:
        lexical = np.array([self._bm25(question, number) for number in range(len(self.texts))])
        cosines = self.vectors @ self.embedder.embed_query(question)
        fused = (_min_max(lexical) + _min_max(cosines)) / 2
        best = np.argsort(-fused, kind="stable")[:TOP]
        return [
            (int(number), self._passage(place, number, fused[number], cosines[number]))
            for place, number in enumerate(best, 1)
        ]

    def _passage(self, place: int, number: int, score: float, cosine: float) -> Passage:
        return Passage(
            place,
            self.texts[number],
            float(score),
            self.sentences[number],
            self.language,
            self.kind,
            cosine=float(cosine),
        )

    def _bm25(self, question: str, number: int) -> float:
        count, length = self.counts[number], self.lengths[number] / max(self.lengths.mean(), 1)
        terms = [term for term in terms_of(question, self.language) if term in count]
        return sum(self.idf(term) * count[term] * 2.2 / (count[term] + 1.2 * (0.25 + 0.75 * length)) for term in terms)


def _min_max(scores: np.ndarray) -> np.ndarray:
    reach = np.ptp(scores)
    return (scores - scores.min()) / reach if reach > 0 else np.ones_like(scores)


@dataclass(frozen=True)
class Read:
    question: Question
    numbers: dict[int, int]
    answer: ExtractiveAnswer

    def holds(self) -> bool:
        return any(self.question.answer.lower() in sentence.text.lower() for sentence in self.answer.sentences)

    def cites(self) -> bool:
        return any(self.numbers[sentence.passage] == self.question.passage for sentence in self.answer.sentences)


def read(model: ExtractiveModel, corpus: Corpus, question: Question) -> Read:
    found = corpus.search(question.text)
    passages = [passage for _, passage in found]
    answer = model.answer(question.text, passages, idf=corpus.idf, searched=len(corpus.texts))
    return Read(question, {passage.index: number for number, passage in found}, answer)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def questions_of(folder: Path) -> list[Question]:
    texts = {row["_id"]: row["text"] for row in lines(folder / "queries.jsonl")}
    places = {row["_id"]: place for place, row in enumerate(lines(folder / "corpus.jsonl"))}
    answers = json.loads((folder / "answers.json").read_text()) if (folder / "answers.json").exists() else {}
    gold: dict[str, int] = {}
    for row in (folder / "qrels.tsv").read_text().splitlines()[1:]:
        question, document, _ = row.split("\t")
        gold.setdefault(question, places[document])
    return [Question(text, gold.get(key, -1), answers.get(key, "")) for key, text in texts.items()]


@dataclass
class Sets:
    """What is asked of what. Each yields (name, whether it should be answered, corpus, questions)."""

    data: Path
    embedder: Remembering
    sample: int

    def __post_init__(self) -> None:
        folder = self.data / "retrieval"
        self.languages = {language: folder / f"xquad-{language}" for language in ("en", "de", "zh")}
        self.corpora = {
            language: Corpus([row["text"] for row in lines(path / "corpus.jsonl")], language, self.embedder)
            for language, path in self.languages.items()
        }
        self.questions = {language: questions_of(path) for language, path in self.languages.items()}
        self.cranfield = questions_of(folder / "cranfield")
        cast = self.data / "qa" / "trec-cast"
        passages = lines(cast / "cast2021_passages.jsonl")
        places = {row["id"]: place for place, row in enumerate(passages)}
        tasks = lines(cast / "cast2021_tasks.jsonl")
        self.cast = [Question(row["rewritten"], places.get(row["gold_passage"], -1)) for row in tasks]
        self.cast_corpus = Corpus([row["text"] for row in passages], "en", self.embedder)
        self.random = random.Random(7)

    def some(self, questions: Sequence[Question], count: int = 0) -> list[Question]:
        count = count or self.sample
        return list(questions) if len(questions) <= count else self.random.sample(list(questions), count)

    def __iter__(self) -> Iterator[tuple[str, bool, list[tuple[Corpus, Question]]]]:
        for language in self.corpora:
            yield from self._language(language)
        english, german = self.questions["en"], self.questions["de"]
        yield "en keywords", True, self._asked("en", [keywords(one) for one in self.some(english)])
        yield "en < CAsT keywords", False, self._asked("en", [keywords(one) for one in self.some(self.cast)])
        yield "en asked in German", True, self._asked("en", self.some(german, 200))
        for name, answerable, questions in (
            ("CAsT answerable", True, self.cast),
            ("CAsT < XQuAD en", False, english),
            ("CAsT < XQuAD de", False, german),
        ):
            yield name, answerable, [(self.cast_corpus, question) for question in self.some(questions)]
        yield from self._tables()

    def _asked(self, language: str, questions: Iterable[Question]) -> list[tuple[Corpus, Question]]:
        return [(self.corpora[language], question) for question in questions]

    def _language(self, language: str) -> Iterator[tuple[str, bool, list[tuple[Corpus, Question]]]]:
        corpus, own = self.corpora[language], self.questions[language]
        yield f"{language} answerable", True, self._asked(language, self.some(own))
        yield f"{language} < Cranfield", False, self._asked(language, self.some(self.cranfield))
        yield f"{language} < CAsT", False, self._asked(language, self.some(self.cast))
        yield f"{language} one passage", True, list(self._small(corpus, own, inside=True))
        yield f"{language} < one passage", False, list(self._small(corpus, own, inside=False))
        yield f"{language} < its article removed", False, list(self._removed(corpus, own))

    def _small(
        self, corpus: Corpus, questions: Sequence[Question], *, inside: bool
    ) -> Iterator[tuple[Corpus, Question]]:
        for number in self.random.sample(range(len(corpus.texts)), min(80, self.sample)):
            single = corpus.part([number])
            fitting = [question for question in questions if (question.passage == number) is inside]
            if not inside:
                fitting = [question for question in fitting if question.passage // ARTICLE != number // ARTICLE]
            for question in self.some(fitting, 3):
                yield single, Question(question.text, 0, question.answer)

    def _removed(self, corpus: Corpus, questions: Sequence[Question]) -> Iterator[tuple[Corpus, Question]]:
        for article in range(len(corpus.texts) // ARTICLE):
            rest = corpus.part(number for number in range(len(corpus.texts)) if number // ARTICLE != article)
            for question in self.some([one for one in questions if one.passage // ARTICLE == article], 4):
                yield rest, question

    def _tables(self) -> Iterator[tuple[str, bool, list[tuple[Corpus, Question]]]]:
        films = [film for film in lines(self.data / "records" / "movies.jsonl") if all(film[key] for key in COLUMNS)]
        films = self.random.sample(films, 240)
        rows = [" | ".join(str(film[key]) for key in COLUMNS) for film in films]
        pages = ["\n".join([" | ".join(COLUMNS), *rows[at : at + ROWS]]) for at in range(0, len(rows), ROWS)]
        table = Corpus(pages, "en", self.embedder, "table")
        asked = []
        for place, film in enumerate(films):
            form, column = FORMS[place % len(FORMS)]
            asked.append(Question(form.format(film["title"]), place // ROWS, str(film[column])))
        yield "table answerable", True, [(table, question) for question in asked]
        yield "table < XQuAD en", False, [(table, question) for question in self.some(self.questions["en"])]
        yield "table < Cranfield", False, [(table, question) for question in self.some(self.cranfield)]


COLUMNS = ["title", "director", "release_date", "distributor", "imdb_rating"]
ROWS = 8
FORMS = [
    ("Who directed {}?", "director"),
    ("What is the IMDb rating of {}?", "imdb_rating"),
    ("When was {} released?", "release_date"),
    ("{} distributor", "distributor"),
]
SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        """what which who whom whose when where why how is are was were do does did the a an of in on at to for from by
        with and or that this these those it its be been has have had as not there their""",
    )
)


def keywords(question: Question) -> Question:
    words = [word for word in question.text.rstrip("?").split() if word.lower() not in SMALL_WORDS]
    return Question(" ".join(words), question.passage)


def latency(embedder: Embedder, corpus: Corpus, questions: Sequence[Question]) -> float:
    """Median milliseconds of an answer once the passages are there."""
    model, taken = ExtractiveModel(embedder, terms_of), []
    for question in questions:
        passages = [passage for _, passage in corpus.search(question.text)]
        began = time.perf_counter()
        model.answer(question.text, passages, idf=corpus.idf)
        taken.append(time.perf_counter() - began)
    return 1000 * median(taken)


def report(model: ExtractiveModel, sets: Sets, show: Callable[[str], None]) -> None:
    show(f"{'set':34} {'asked':>6} {'refused':>8} {'gold in ≤ 3':>12} {'cited':>7}")
    for name, answerable, asked in sets:
        reads = [read(model, corpus, question) for corpus, question in asked]
        refused = np.mean([not one.answer.relevant for one in reads])
        gold = [one for one in reads if one.question.answer]
        figures = f"{name:34} {len(reads):6} {refused:8.1%}"
        if answerable and gold:
            figures += f" {np.mean([one.holds() for one in gold]):12.1%} {np.mean([one.cites() for one in gold]):7.1%}"
        show(figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("DOCULUME_SHARED_DATA"))
    parser.add_argument("--sample", type=int, default=2000, help="questions a set at most")
    parser.add_argument("--model", help="another local model's name or folder")
    options = parser.parse_args()
    if not options.data:
        parser.error("which folder holds the question sets?")
    embedder = LocalEmbedder(local_folder(options.model)) if options.model else get_embedder()
    sets = Sets(Path(options.data), Remembering(embedder), options.sample)
    report(ExtractiveModel(sets.embedder, terms_of), sets, lambda line: print(line, flush=True))
    print(f"an answer takes {latency(embedder, sets.corpora['en'], sets.questions['en'][:100]):.0f} ms (median)")


if __name__ == "__main__":
    main()
