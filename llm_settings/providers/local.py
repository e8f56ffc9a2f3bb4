"""Sentence-embedding models run in this process, by onnxruntime, from a folder.

The folder holds `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`: one that `manage.py build_models` made,
or any of the kind that sentence-transformers and fastembed use. What else is known of the model is read from
`doculume.json` or from sentence-transformers' own small files; see `ModelCard`.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from llm_settings.providers.base import ProviderError, Scale, Vectors
from llm_settings.providers.calibration import probe, similarity

# Of one batch. More is no faster; memory grows with both, and with the square of a text's length.
BATCH_TEXTS = 8
BATCH_TOKENS = 2048
CHARACTERS_PER_TOKEN = 40  # no tokenizer here has longer tokens, so what lies past this many is cut anyway
DEFAULT_MAX_LENGTH = 512
MOST_WORDS = 10_000  # whose rarity is kept
# A vocabulary is sorted by frequency, so that a token's place tells how rare it is (Zipf). Fitted on questions in
# three languages: function words come out at 0, names and terms of art at 5 to 15.
COMMON_WORDS = "the and of in"
RANK_UNIT = 20
COMMON = 3.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What must be known of a model beside its graph and its tokenizer."""

    name: str
    max_length: int = DEFAULT_MAX_LENGTH
    query_prefix: str = ""
    passage_prefix: str = ""
    pooling: str = "mean"
    normalization: dict[int, str] = field(default_factory=dict)
    similarity: Scale | None = None
    """None: not measured."""

    @classmethod
    def read(cls, folder: Path) -> ModelCard:
        own = _json(folder / "doculume.json")
        if not own:
            return cls._read_sentence_transformers(folder)
        table = _json(folder / own["normalization"]) if own.get("normalization") else {}
        return cls(
            name=own["name"],
            max_length=own["max_length"],
            query_prefix=own["query_prefix"],
            passage_prefix=own["passage_prefix"],
            normalization={int(code_point): text for code_point, text in table.items()},
            similarity=own["similarity"] and [(cosine, similarity) for cosine, similarity in own["similarity"]],
        )

    @classmethod
    def _read_sentence_transformers(cls, folder: Path) -> ModelCard:
        prompts = _json(folder / "config_sentence_transformers.json").get("prompts", {})
        length = _json(folder / "sentence_bert_config.json").get("max_seq_length")
        return cls(
            name=folder.name,
            max_length=length or _json(folder / "config.json").get("max_position_embeddings") or DEFAULT_MAX_LENGTH,
            query_prefix=prompts.get("query", ""),
            passage_prefix=prompts.get("document") or prompts.get("passage", ""),
            pooling="cls" if _json(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token") else "mean",
        )


class LocalEmbedder:
    """An `Embedder`; see `llm_settings.providers.base`.

    A vector depends a little on the batch it was computed in (cosine ≥ .995), because the int8 graph picks its
    scales by batch. Queries are therefore embedded one by one, and nothing may compare vectors for equality.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Raises ProviderError when the folder holds no usable model. Takes about a second."""
        self._card = ModelCard.read(folder)
        try:
            self._tokenizer = _tokenizer(folder / "tokenizer.json")
            self._session = _session(_graph_path(folder), threads or _processors())
        except Exception as error:  # both libraries raise bare Exceptions of their own
            raise ProviderError(f"There is no usable model in {folder.name}: {error}", permanent=True) from error
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._output = _sentence_output(self._session)
        self._pad = _pad_id(self._tokenizer)
        self._trailing_specials, specials = _count_specials(self._tokenizer)
        prefix = self.count_tokens(self._card.passage_prefix.rstrip())
        self.name = self._card.name
        self.max_tokens = self._card.max_length - specials - prefix
        self.dimensions = self._embed(["a"], "").shape[1]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._card.passage_prefix)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._embed([text], self._card.query_prefix)[0]
        return vector

    def count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def similarity(self, cosine: float) -> float:
        return similarity(cosine, self.scale)

    @lru_cache(maxsize=MOST_WORDS)  # noqa: B019  # an embedder is kept for good
    def rarity(self, word: str) -> float:
        ranks = [max(0, identifier - self._commonest) for identifier in self._ids(word)]
        return max(0.0, sum(math.log1p(rank / RANK_UNIT) for rank in ranks) - COMMON)

    @cached_property
    def scale(self) -> Scale:
        return self._card.similarity or probe(self.embed_query, self.embed_passages)

    @cached_property
    def _commonest(self) -> int:
        return min(self._ids(COMMON_WORDS), default=0)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(self._normalized(text), add_special_tokens=False).ids
        return ids

    def _embed(self, texts: Sequence[str], prefix: str) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        rows = self._token_ids(texts, prefix)
        batches = list(_batches([len(row) for row in rows]))
        vectors = np.concatenate([self._run([rows[index] for index in batch]) for batch in batches])
        result = np.empty_like(vectors)
        result[np.concatenate(batches)] = vectors
        return result

    def _token_ids(self, texts: Sequence[str], prefix: str) -> list[list[int]]:
        limit = self._card.max_length
        cut = [self._normalized(prefix + text)[: limit * CHARACTERS_PER_TOKEN] for text in texts]
        return [self._truncated(encoding.ids) for encoding in self._tokenizer.encode_batch(cut)]

    def _normalized(self, text: str) -> str:
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text for the tokenizer
        if not self._card.normalization:
            return text
        # The table knows single code points; composing first leaves it no letter with a separate accent.
        return re.sub(" {2,}", " ", unicodedata.normalize("NFC", text).translate(self._card.normalization))

    def _truncated(self, ids: list[int]) -> list[int]:
        limit, tail = self._card.max_length, self._trailing_specials
        return ids if len(ids) <= limit else ids[: limit - tail] + ids[len(ids) - tail :]

    def _run(self, rows: list[list[int]]) -> Vectors:
        shape = (len(rows), max(1, *map(len, rows)))
        ids, mask = np.full(shape, self._pad, np.int64), np.zeros(shape, np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}
        output = self._session.run([self._output], {name: feeds[name] for name in self._inputs & feeds.keys()})[0]
        return _unit(output if output.ndim == 2 else _POOLING[self._card.pooling](output, mask))


_loading = threading.Lock()
_loaded: dict[tuple[Path, int | None], LocalEmbedder] = {}
_of_the_parent: list[dict[tuple[Path, int | None], LocalEmbedder]] = []


def get_local_embedder(folder: Path, threads: int | None = None) -> LocalEmbedder:
    """The model of that folder, loaded once a process, also if many ask for it before it is there."""
    with _loading:
        if (folder, threads) not in _loaded:
            _loaded[folder, threads] = LocalEmbedder(folder, threads)
        return _loaded[folder, threads]


def _forget() -> None:
    """A forked child has the sessions' memory but none of their threads: it would wait for them for ever, also in
    taking a session apart, and so keeps those of its parent without using them."""
    global _loading, _loaded
    _of_the_parent.append(_loaded)
    _loading, _loaded = threading.Lock(), {}


os.register_at_fork(after_in_child=_forget)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices, those of like length together: a batch is padded to its longest, and padding costs as much as text."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if len(batch) == BATCH_TEXTS or (batch and (len(batch) + 1) * lengths[index] > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    yield batch


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()  # published tokenizers bring a fixed length of their own
    tokenizer.no_padding()
    return tokenizer


def _graph_path(folder: Path) -> Path:
    beside = folder / "model.onnx"
    return beside if beside.exists() else folder / "onnx" / "model.onnx"


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads of a pool spin by default, which on a shared machine starves whoever would have work for them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _sentence_output(session: ort.InferenceSession) -> str:
    names = [node.name for node in session.get_outputs()]
    known = [name for name in ("sentence_embedding", "last_hidden_state", "token_embeddings") if name in names]
    return str((known or names)[0])


def _pad_id(tokenizer: Tokenizer) -> int:
    known = (tokenizer.token_to_id(token) for token in ("<pad>", "[PAD]"))
    return next((identifier for identifier in known if identifier is not None), 0)


def _count_specials(tokenizer: Tokenizer) -> tuple[int, int]:
    """How many special tokens stand behind a text, and how many around it."""
    mask = tokenizer.encode("a").special_tokens_mask
    trailing = next((index for index, special in enumerate(reversed(mask)) if not special), 0)
    return trailing, sum(mask)


def _mean(hidden: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    wide = mask[:, :, None].astype(np.float32)
    pooled: NDArray[np.float32] = (hidden * wide).sum(axis=1) / np.maximum(wide.sum(axis=1), 1)
    return pooled


def _first(hidden: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    return hidden[:, 0]


_POOLING: dict[str, Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]] = {
    "mean": _mean,
    "cls": _first,
}


def _unit(rows: NDArray[np.float32]) -> Vectors:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _processors() -> int:
    """How many this process may use; macOS only tells how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
