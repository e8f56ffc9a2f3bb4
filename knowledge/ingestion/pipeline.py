"""From an accepted upload to chunks that can be found: load, parse, chunk, embed, store.

Each stage adds to the work what the next one needs. Until `store`, nothing that search looks at has changed;
`store` replaces the entry's chunks, terms and vectors in one transaction and makes the generation the active one.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Greatest, Now

from doculume.errors import NotFound
from knowledge.ingestion import leases
from knowledge.ingestion.chunking import ChunkDraft, ChunkedText, chunk_document
from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.language import detect_language
from knowledge.ingestion.parsers.base import ParsedDocument
from knowledge.ingestion.parsers.text import plain_text_document
from knowledge.ingestion.sandbox import parse_file
from knowledge.ingestion.texts import read_text, searchable_lines
from knowledge.models import Chunk, ChunkEmbedding, Collection, Document, EmbeddedText, Entry, IngestionJob
from knowledge.search import statistics
from knowledge.search.indexes import Written, index_entries, unindex_entries
from knowledge.search.pointers import IndexModels, index_models
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import Embedder, ProviderError, Vectors

log = logging.getLogger(__name__)

EMBED_BATCH = 32
MOST_META = 600  # characters of an entry's searchable meta that are embedded with each of its chunks
FEWEST_TOKENS = 100  # of the text in a chunk, however much of its meta goes with it
# How much longer than reading and cutting a document its turn of embedding is at least.
WORTHWHILE = 4
LONGEST_TURN = 1200  # seconds; well below the time limit of a task
# How far along a document is when a stage begins; embedding takes nearly all of the time.
PROGRESS = {"load": 0.01, "parse": 0.02, "chunk": 0.1, "embed": 0.15, "store": 0.97}
# Nobody sent the titles of files; of other entries, title and time of change stay what whoever sent them made them.
_READ = """
    UPDATE knowledge_entry AS entry
    SET text = read.text, language = read.language, active_generation = read.generation, read_title = read.title,
        title = CASE WHEN of_file AND entry.title = '' THEN read.title ELSE entry.title END,
        updated_at = CASE WHEN of_file THEN now() ELSE entry.updated_at END
    FROM unnest(
        %(ids)s::uuid[], %(texts)s::text[], %(languages)s::text[], %(generations)s::int[], %(titles)s::text[],
        %(of_files)s::bool[]
    ) AS read (id, text, language, generation, title, of_file)
    WHERE entry.account_id = %(account)s AND entry.id = read.id
"""


@dataclass
class Work:
    """One job on its way through the stages."""

    job: IngestionJob
    entry: Entry
    document: Document | None
    models: IndexModels
    embedder: Embedder
    resources: ExitStack
    path: Path = field(default_factory=Path)
    name: str = ""
    parsed: ParsedDocument = field(default_factory=lambda: ParsedDocument("", "", [], None, {}))
    language: str = ""
    content: ChunkedText = field(default_factory=lambda: ChunkedText("", [], None))
    texts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    unembedded: str = ""
    started: float = field(default_factory=time.monotonic)
    vectors: dict[EmbeddingModel, Vectors] = field(default_factory=dict)


def ingest(job: IngestionJob) -> None:
    """Take a claimed job through all stages. Raises IngestionError, ProviderError or leases.LeaseLost."""
    with ExitStack() as resources:
        work = begun(job, index_models(job.account_id), resources)
        for stage in STAGES:
            started = time.monotonic()
            report(work, PROGRESS[stage.__name__])
            stage(work)
            log.debug("%s of job %s took %.2f s", stage.__name__, job.id, time.monotonic() - started)


def begun(job: IngestionJob, models: IndexModels, resources: ExitStack) -> Work:
    """Raises LeaseLost where the entry wants another generation by now."""
    if job.entry.generation != job.generation:
        raise leases.LeaseLost
    document = getattr(job.entry, "document", None)
    return Work(job, job.entry, document, models, get_embedder(models.answering), resources)


def load(work: Work) -> None:
    """An uploaded file on this machine, wherever the storage keeps it."""
    if work.document is None:
        return
    folder = Path(work.resources.enter_context(tempfile.TemporaryDirectory(prefix="doculume-")))
    work.path = folder / "content"
    work.name = work.document.filename
    try:
        with work.document.file.open("rb") as stored, work.path.open("wb") as copy:
            shutil.copyfileobj(stored, copy, 1024 * 1024)
    except FileNotFoundError as error:
        raise IngestionError.of("corrupt", "The uploaded file is no longer there. Upload it again.") from error


def parse(work: Work) -> None:
    uploaded = work.document is not None
    work.parsed = parse_file(work.path, work.name) if uploaded else read_entry(work.entry)


def read_entry(entry: Entry) -> ParsedDocument:
    """What was sent; of an entry without a word in its text, its title and what else of it is searched."""
    parsed = read_text(entry.raw_text)
    if any(char.isalnum() for block in parsed.blocks for char in block.text):
        return parsed
    return plain_text_document("\n".join((entry.title, searchable_lines(entry.searchable_meta))))


def chunk(work: Work) -> None:
    more, work.unembedded = embedded_meta(work.entry)
    room = work.embedder.max_tokens - 40 - (work.embedder.count_tokens(more) if more else 0)
    tokens = max(min(settings.INGESTION["chunk_tokens"], room), FEWEST_TOKENS)
    work.content = chunk_document(work.parsed, work.embedder.count_tokens, max_tokens=tokens)
    if not work.content.chunks and work.document is not None:
        raise IngestionError.of("no_text")
    work.language = detect_language(work.content.text)
    title = work.entry.title or work.parsed.title or readable_stem(work.name)
    work.texts = [embedded_text(title, draft, more) for draft in work.content.chunks]
    work.digests = [hashlib.sha256(text.encode()).hexdigest() for text in work.texts]


def embed(work: Work) -> None:
    """A vector a chunk, by the model that answers and by those that are kept up beside it.

    One of the latter that cannot be reached holds nothing up: whatever completes it finds the chunks that it lacks.
    """
    turn_ends = end_of_turn(work)
    work.vectors = {work.models.answering: embed_by(work, work.models.answering, work.embedder, turn_ends)}
    for model in work.models.also:
        try:
            work.vectors[model] = embed_by(work, model, get_embedder(model), turn_ends)
        except ProviderError as error:
            log.warning("entry %s has no vectors of %s for now: %s", work.entry.id, model, error.message)


def embed_by(work: Work, model: EmbeddingModel, embedder: Embedder, turn_ends: float) -> Vectors:
    """Equal texts are embedded once, and what an earlier attempt embedded is not paid for again."""
    by_digest = dict(zip(work.digests, work.texts, strict=True))
    known = paid_for(work, model, set(by_digest))
    missing = [digest for digest in by_digest if digest not in known]
    for start in range(0, len(missing), EMBED_BATCH):
        batch = missing[start : start + EMBED_BATCH]
        vectors = embedder.embed_passages([by_digest[digest] for digest in batch])
        known |= dict(zip(batch, vectors, strict=True))
        leases.renew(work.job)
        keep_paid([work], model, dict(zip(batch, vectors, strict=True)))
        if start + len(batch) < len(missing):
            give_way(work, turn_ends)
        share = len(known) / len(by_digest)
        report(work, PROGRESS["embed"] + share * (PROGRESS["store"] - PROGRESS["embed"]))
    return stacked([known[digest] for digest in work.digests], model)


def stacked(vectors: Sequence[Vectors], model: EmbeddingModel) -> Vectors:
    return np.stack(vectors).astype(np.float32) if vectors else np.empty((0, model.dimensions), np.float32)


def end_of_turn(work: Work) -> float:
    """When embedding should let others go first. Reading and cutting are done again in each turn, so that one in
    which they took long lasts longer."""
    now = time.monotonic()
    return now + max(settings.INGESTION["turn_seconds"], WORTHWHILE * (now - work.started))


def give_way(work: Work, turn_ends: float) -> None:
    """Raises leases.GaveWay when the turn is over and others wait. What was embedded is kept for the next turn."""
    now = time.monotonic()
    if now > work.started + LONGEST_TURN or (now > turn_ends and leases.others_wait(work.job)):
        raise leases.GaveWay


def paid_for(work: Work, model: EmbeddingModel, digests: set[str]) -> dict[str, Vectors]:
    """Vectors of the same texts: of an earlier attempt, or of the generation that is to be replaced."""
    own = {"account_id": work.job.account_id, "entry_id": work.entry.id, "model": model}
    known = list(EmbeddedText.objects.filter(**own, digest__in=digests).values_list("digest", "vector"))
    if work.entry.active_generation:
        stored = ChunkEmbedding.objects.filter(
            **own, chunk__account_id=work.job.account_id, chunk__entry_id=work.entry.id, chunk__digest__in=digests
        )
        known += stored.values_list("chunk__digest", "vector")
    return {digest: np.asarray(vector, np.float32) for digest, vector in known}


def keep_paid(works: Sequence[Work], model: EmbeddingModel, vectors: Mapping[str, Vectors]) -> None:
    """For the next attempt, should this one not come to its end; by digests of texts."""
    rows = [
        EmbeddedText(
            account_id=work.job.account_id, entry_id=work.entry.id, model=model, digest=digest, vector=vectors[digest]
        )
        for work in works
        for digest in vectors.keys() & work.digests
    ]
    EmbeddedText.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def store(work: Work) -> None:
    """Make this generation the active one, all or nothing. Raises LeaseLost if it is no longer wanted."""
    job = work.job
    try:
        entry = locked([work]).get(job.entry_id)
    except NotFound:
        raise leases.LeaseLost from None
    if entry is None or entry.generation != job.generation:
        raise leases.LeaseLost
    if entry.collection_id != work.entry.collection_id:
        # It was moved meanwhile, to a collection that is not held here.
        raise leases.GaveWay
    if not store_locked([(work, entry)]):
        raise leases.LeaseLost
    if work.document is not None:
        Document.objects.for_account(job.account).filter(entry=entry).update(
            status=Document.Status.READY,
            progress=1.0,
            chunk_count=entry.chunk_count,
            page_count=work.parsed.page_count,
            error_code="",
            error_message="",
            processed_at=Now(),
        )


def locked(works: Sequence[Work], *, skip: bool = False) -> dict[UUID, Entry]:
    """The entries of works in one collection, which is held, in the caller's transaction. `skip`: without those that
    others have locked; who waits for several has to ask for them in the order that everybody does. Raises NotFound
    where the collection is gone."""
    job = works[0].job
    with connection.cursor() as cursor:
        # Thousands of vectors go into their index by one statement, and others of the account may be at it too.
        cursor.execute("SET LOCAL statement_timeout = 0")
    Collection.objects.hold(job.account_id, works[0].entry.collection_id)
    rows = Entry.objects.for_account(job.account).select_for_update(of=("self",), skip_locked=skip)
    return {entry.id: entry for entry in rows.filter(id__in=[work.job.entry_id for work in works])}


def store_locked(pairs: Sequence[tuple[Work, Entry]]) -> set[UUID]:
    """Make the generations the active ones of their entries, which are locked. Returns the ids of the jobs whose lease
    held; of the others nothing is stored. Raises GaveWay where the account's model is another by now."""
    account_id = pairs[0][0].job.account_id
    finished = leases.finish([work.job for work, _ in pairs])
    statistics.lock(account_id)
    # The account's pointer stands still from here on.
    answering = index_models(account_id).answering
    if any(answering not in work.vectors for work, _ in pairs):
        raise leases.GaveWay
    kept = [(work, entry) for work, entry in pairs if work.job.id in finished]
    ids = [entry.id for _, entry in kept]
    if before := [entry.id for _, entry in kept if entry.active_generation]:
        unindex_entries(account_id, before)
    written = [read(work, entry) for work, entry in kept]
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            {
                "account": account_id,
                "ids": ids,
                "texts": [entry.text for _, entry in kept],
                "languages": [entry.language for _, entry in kept],
                "generations": [entry.active_generation for _, entry in kept],
                "titles": [work.parsed.title[:500] for work, _ in kept],
                "of_files": [work.document is not None for work, _ in kept],
            },
        )
    Chunk.objects.bulk_create([chunk for one in written for chunk in one.chunks], batch_size=500)
    index_entries(account_id, written)
    EmbeddedText.objects.filter(account_id=account_id, entry_id__in=ids).delete()
    return finished


def read(work: Work, entry: Entry) -> Written:
    """The entry as it was read, not yet stored, with its chunks."""
    entry.text, entry.language, entry.active_generation = work.content.text, work.language, work.job.generation
    # The title weighs more than other words, also where it is only the text's own.
    entry.title = entry.title or work.parsed.title[:500]
    chunks = [as_chunk(entry, *pair) for pair in zip(work.content.chunks, work.digests, strict=True)]
    return Written(entry, chunks, searched_texts(work), work.vectors)


STAGES: list[Callable[[Work], None]] = [load, parse, chunk, embed, store]


def report(work: Work, progress: float) -> None:
    if work.document is not None:
        unfinished = [Document.Status.PENDING, Document.Status.PROCESSING]
        # A worker that lost its lease must not turn back what another has finished.
        Document.objects.filter(account_id=work.job.account_id, id=work.document.id, status__in=unfinished).update(
            status=Document.Status.PROCESSING, progress=Greatest("progress", round(progress, 3))
        )


def embedded_text(title: str, draft: ChunkDraft | Chunk, more: str = "") -> str:
    """What is embedded and indexed for a chunk: where it stands, what is said of its entry, then what it says."""
    path = [part for part in (title, *draft.heading_path) if part]
    unique = [part for index, part in enumerate(path) if part not in path[:index]]
    return "\n".join(part for part in (" > ".join(unique)[:500], more, draft.context, draft.text) if part)


def indexed_texts(account_id: int, chunk_ids: list[UUID]) -> dict[UUID, str]:
    """What was embedded of stored chunks, made anew; those that are gone are left out."""
    chunks = Chunk.objects.filter(account_id=account_id, id__in=chunk_ids, entry__account_id=account_id)
    chunks = chunks.select_related("entry").defer("entry__text", "entry__raw_text")
    names = dict(
        Document.objects.filter(
            account_id=account_id, entry_id__in=chunks.values_list("entry_id", flat=True)
        ).values_list("entry_id", "filename")
    )
    texts = {}
    for chunk in chunks.order_by("id"):
        entry = chunk.entry
        title = entry.title or entry.read_title or readable_stem(names.get(entry.id, ""))
        texts[chunk.id] = embedded_text(title, chunk, embedded_meta(entry)[0])
    return texts


def readable_stem(name: str) -> str:
    """The words of a file's name where it has any: `annual-report_2024.pdf` says something, `p12.txt` does not."""
    stem = re.sub(r"[\s_.-]+", " ", Path(name).stem).strip()
    return stem if re.search(r"[^\W\d_]{4,}", stem) else ""


def embedded_meta(entry: Entry) -> tuple[str, str]:
    """An entry's searchable meta in lines: what is embedded with each of its chunks, and the rest."""
    lines = searchable_lines(entry.searchable_meta)
    if len(lines) <= MOST_META:
        return lines, ""
    beginning = lines[:MOST_META]
    cut = max(beginning.rfind("\n"), beginning.rfind(" "))
    cut = cut if cut > 0 else MOST_META
    return lines[:cut], lines[cut:]


def searched_texts(work: Work) -> list[str]:
    """What the words of each chunk are taken from: as it is embedded, and all searchable meta with the first."""
    return [f"{text}\n{work.unembedded}" if number == 0 else text for number, text in enumerate(work.texts)]


def as_chunk(entry: Entry, draft: ChunkDraft, digest: str) -> Chunk:
    return Chunk(
        account_id=entry.account_id,
        collection_id=entry.collection_id,
        entry=entry,
        generation=entry.active_generation,
        position=draft.position,
        kind=draft.kind,
        text=draft.text,
        start=draft.start,
        end=draft.end,
        page_number=draft.page_number,
        heading_path=list(draft.heading_path),
        context=draft.context,
        token_count=draft.token_count,
        digest=digest,
    )
