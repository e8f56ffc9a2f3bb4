"""What a hybrid search among entries costs over HTTP, beside a bare Django view and the raw statement.

    python -m benchmarks.entry_search [ENTRIES] [--rounds 60]

Entries are synthetic, a chunk each: 60 words by Zipf's law, a vector around one of 2,000 topics, and fields of many
kinds. Questions are eight words of an entry with a vector near it, known to the server, so that embedding is left out.
The product and the view (see `benchmarks.bare_search`) are served by a uvicorn each, and asked one question at a time
by a member's token over one connection. CPU is per search: of the web process, and of all of PostgreSQL's. The scratch
database on the configured server is dropped afterwards.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.retrieval import scratch_database  # sets Django up
from benchmarks.search_growth import LIKELIHOOD, RANDOM, TOPICS, VOCABULARY, Question, near, refresh

from django.db import connection, transaction  # isort: skip

from accounts.models import User
from accounts.plans import agree
from accounts.tokens import start_family
from benchmarks import bare_search
from benchmarks.streams import LARGE, computed, free_port, until_up
from doculume.ids import new_id
from integrations.models import Integration
from knowledge.models import Chunk, Collection, Entry
from knowledge.search import entries, indexes, vocabulary
from knowledge.search import statistics as terms_known
from knowledge.search.terms import terms_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.calibration import similarity

WORDS = 60
BATCH = 1_000


def fields() -> dict[str, Any]:
    day = datetime.date(2015, 1, 1) + datetime.timedelta(days=int(RANDOM.integers(4000)))
    return {
        "category": f"category {RANDOM.integers(100)}",
        "kind": f"kind {RANDOM.integers(10)}",
        "half": bool(RANDOM.integers(2)),
        "price": round(float(RANDOM.uniform(0, 1000)), 2),
        "published_at": day.isoformat(),
        "stock": {"level": int(RANDOM.integers(1000))},
        "tags": [f"tag {tag}" for tag in RANDOM.choice(200, 3, replace=False)],
        "rare": int(RANDOM.integers(5000)),
    }


@transaction.atomic
def load(collection: Collection, count: int, model: EmbeddingModel) -> list[Question]:
    """A batch of entries as ingestion leaves them, by the same rows but in fewer statements."""
    account, collection_id = collection.account_id, collection.id
    texts = [" ".join(words) for words in RANDOM.choice(VOCABULARY, (count, WORDS), p=LIKELIHOOD)]
    vectors = near(TOPICS[RANDOM.integers(len(TOPICS), size=count)], 0.8)
    entries_ = [
        Entry(
            account_id=account, collection=collection, source_type="benchmark", source_id=str(new_id()),
            title=text[:60], raw_text=text, text=text, language="en", meta=fields(), active_generation=1, chunk_count=1,
        )
        for text in texts
    ]  # fmt: skip
    Entry.objects.bulk_create(entries_)
    chunks_ = [
        Chunk(
            account_id=account, collection=collection, entry=entry, generation=1, position=0, text=entry.text,
            start=0, end=len(entry.text), token_count=WORDS,
        )
        for entry in entries_
    ]  # fmt: skip
    Chunk.objects.bulk_create(chunks_)
    ids, chunks = [entry.id for entry in entries_], [chunk.id for chunk in chunks_]
    keys = indexes._Keys(account)
    rows = [indexes._weighed(keys, terms_of(text, "en")) for text in texts]
    terms_known.add(account, {(collection_id, "en"): rows})
    vocabulary.learn(account, keys)
    indexes._copy("knowledge_chunkterms", indexes._TERM_COLUMNS, (
        (c, account, collection_id, i, "en", "{" + ",".join(map(str, w)) + "}", indexes.sparse(w), w.length)
        for c, i, w in zip(chunks, ids, rows, strict=True)
    ))  # fmt: skip
    indexes._copy("knowledge_chunkembedding", indexes._VECTOR_COLUMNS, (
        (new_id(), account, collection_id, i, c, model.id, indexes.dense(v))
        for c, i, v in zip(chunks, ids, vectors, strict=True)
    ))  # fmt: skip
    words = [RANDOM.choice(text.split(), 8, replace=False) for text in texts[:10]]
    return [Question(" ".join(w), near(v, 0.5)) for w, v in zip(words, vectors, strict=False)]


BY_PRICE = "sort[0][field]=price&sort[0][direction]=asc&sort[0][type]=number"
# What is asked beside the query, and for the bare view the same as a document.
SEARCHES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("a category (1 %)", "meta[category]=category 3", {"category": "category 3"}),
    ("… threshold 0", "threshold=0&meta[category]=category 3", {"category": "category 3"}),
    ("a tag of an array (1.5 %), threshold 0", "threshold=0&meta[tags]=tag 7", {"tags": ["tag 7"]}),
    (
        "two categories, below a price (1 %), thr. 0",
        "threshold=0&meta[category][]=category 3&meta[category][]=category 4&meta[price][lt]=500", None,
    ),
    ("one entry, threshold 0", "threshold=0&meta[rare]=17", {"rare": 17}),
    ("a kind (10 %)", "meta[kind]=kind 3", {"kind": "kind 3"}),
    ("… threshold 0", "threshold=0&meta[kind]=kind 3", {"kind": "kind 3"}),
    ("… and a boost", "threshold=0&meta[kind]=kind 3&boost[0][field]=published_at&boost[0][type]=recency", None),
    ("… sorted by price", f"threshold=0&meta[kind]=kind 3&{BY_PRICE}", None),
    ("half of the entries", "meta[half]=true", {"half": True}),
    ("… threshold 0", "threshold=0&meta[half]=true", {"half": True}),
    ("a range of prices (2 %), threshold 0", "threshold=0&meta[price][gte]=100&meta[price][lt]=120", None),
    ("a range of dates (25 %), threshold 0", "threshold=0&meta[published_at][gte]=2023-03-01", None),
    ("no filter", "", {}),
    ("… threshold 0", "threshold=0", {}),
    ("… the tenth page", "threshold=0&page=10", None),
    ("… sorted by price", f"threshold=0&{BY_PRICE}", None),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", nargs="?", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=60, help="questions of each kind")
    options = parser.parse_args()
    with scratch_database("benchmark_entries"):
        model = EmbeddingModel.objects.active()
        user = User.objects.create_user("bench@example.com", "a long enough password")
        collection = Collection.objects.create(account=user.personal_account, name="all")
        questions = fill(collection, options.entries, model)
        run(user, collection, model, questions, options.rounds)


def fill(collection: Collection, size: int, model: EmbeddingModel) -> list[Question]:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {indexes.vector_index(model)}")
    started = time.perf_counter()
    questions = [
        question for _ in range(max(1, size // BATCH)) for question in load(collection, min(size, BATCH), model)
    ]
    print(f"{size} entries, {size / (time.perf_counter() - started):.0f} a second", flush=True)
    indexes.ensure_vector_index(model)
    refresh()
    print_sizes(size)
    return questions


def print_sizes(entries_: int) -> None:
    """Bytes an entry, of each table and of its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r' "
            "AND relname ~ '^knowledge_' AND pg_table_size(oid) > 100000 ORDER BY pg_total_relation_size(oid) DESC"
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT pg_relation_size(to_regclass(%s))", [indexes.vector_index(EmbeddingModel.objects.active())]
        )
        graph = cursor.fetchone()[0]
    for name, table, index in rows:
        print(f"  {name:30} {table / entries_:6.0f} + {index / entries_:6.0f} bytes of indexes an entry")
    total = sum(table + index for _, table, index in rows)
    print(
        f"  together {total / entries_:.0f} bytes an entry, {graph / entries_:.0f} of them the graph of vectors",
        flush=True,
    )


def run(user: User, collection: Collection, model: EmbeddingModel, questions: list[Question], rounds: int) -> None:
    account = user.personal_account
    agree(account, {"requests_per_minute": LARGE})
    integration = Integration.objects.create(account=account, type="custom", name="bench")
    integration.connect([collection.id])
    asked = [questions[index] for index in RANDOM.choice(len(questions), rounds)]
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "questions"
        known.write_bytes(pickle.dumps({question.text: question.vector for question in questions}))
        chunks = Chunk.objects.filter(account=account).count()
        scope = {"account": account.id, "collection": collection.id, "model": model.id, "chunks": chunks}
        ports = [free_port(), free_port()]
        database = str(connection.settings_dict["NAME"])
        command = [sys.executable, "-m", "benchmarks.entry_search", "--serve"]
        more = [database, str(known), json.dumps(scope, default=str)]
        servers = [
            subprocess.Popen([*command, role, str(port), *more])
            for role, port in zip(("product", "bare"), ports, strict=True)
        ]
        try:
            for port in ports:
                until_up(port)
            path = f"/api/v1/integrations/{integration.id}/search"
            compare(
                Server(servers[0].pid, ports[0], path, start_family(user).access),
                Server(servers[1].pid, ports[1]),
                scope,
                asked,
            )
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait(15)


class Server:
    """A process that answers GET, asked over one connection."""

    def __init__(self, pid: int, port: int, path: str = "/", token: str = "") -> None:
        self.pid, self.path = pid, path
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, parameters: str) -> Any:
        self.connection.request("GET", f"{self.path}?{parameters}", headers=self.headers)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)


def compare(product: Server, bare: Server, scope: bare_search.Scope, asked: list[Question]) -> None:
    print(f"| {'':44} |      total |         product over HTTP          |        bare view over HTTP         | raw SQL")
    print(f"| {'':44} |            |    p50    p95   web CPU  postgres   |    p50    p95   web CPU  postgres   | p50")
    for label, parameters, document in SEARCHES:
        extra = "".join(f"&{part.replace(' ', '+')}" for part in parameters.split("&") if part)
        totals = [product.ask(urlencode({"query": question.text}) + extra)["meta"]["total"] for question in asked[:10]]
        cells = [measured(product.pid, lambda q, e=extra: product.ask(urlencode({"query": q.text}) + e), asked)]
        if document is not None:
            own = {name: json.dumps(value) for name, value in document.items()}
            cells.append(measured(bare.pid, lambda q, o=own: bare.ask(urlencode({"query": q.text, **o})), asked))
            ask = lambda q, d=document: bare_search.raw(scope, q.text, q.vector, d)  # noqa: E731
            cells.append(f"{statistics.median(times(ask, asked)):6.1f}")
        print(f"| {label:44} | {statistics.median(totals):10.0f} | {' | '.join(cells)}", flush=True)


def measured(web: int, ask: Callable[[Question], Any], asked: list[Question]) -> str:
    for question in asked[:5]:
        ask(question)
    own, backends = computed(web), postgres_cpu()
    took = times(ask, asked)
    own = (computed(web) - own) / len(asked) * 1000
    database = sum(now - backends.get(pid, 0.0) for pid, now in postgres_cpu().items()) / len(asked) * 1000
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    return f"{p50:6.1f} {p95:6.1f}    {own:6.1f}    {database:6.1f}   "


def times(ask: Callable[[Question], Any], asked: list[Question]) -> list[float]:
    """Milliseconds of each."""
    took = []
    for question in asked:
        started = time.perf_counter()
        ask(question)
        took.append((time.perf_counter() - started) * 1000)
    return took


def postgres_cpu() -> dict[int, float]:
    """Seconds of each backend of this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid: computed(pid) for (pid,) in cursor.fetchall()}


class Known:
    """The model itself, but for the questions, whose vectors are known, and for what a cosine means here."""

    scale = [(0.0, 0.0), (0.45, 0.4), (0.7, 0.7), (1.0, 1.0)]

    def __init__(self, model: EmbeddingModel, vectors: dict[str, Any]) -> None:
        self.real = get_embedder(model)
        self.vectors = vectors

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def embed_query(self, text: str) -> Any:
        return self.vectors[text]

    def similarity(self, cosine: float) -> float:
        return similarity(cosine, self.scale)


def serve_product(port: int, database: str, vectors: dict[str, Any]) -> None:
    import uvicorn

    connection.settings_dict["NAME"] = database
    entries.get_embedder = lambda model: Known(model, vectors)
    uvicorn.run("doculume.asgi:application", port=port, log_level="warning", access_log=False, timeout_keep_alive=600)


def serve(role: str, port: str, database: str, known: str, scope: str) -> None:
    vectors = pickle.loads(Path(known).read_bytes())
    if role == "product":
        serve_product(int(port), database, vectors)
    else:
        bare_search.serve(int(port), database, json.loads(scope), vectors)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
