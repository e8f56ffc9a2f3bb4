"""How fast a local model embeds and what it weighs: `python -m benchmarks.embedding [MODEL …]`.

Needs nothing but the built models. The text is made of words of the model's own vocabulary, 256 tokens a chunk:
what counts for speed is the number of tokens, not what they say. Resident memory is the process's own, so each
model gets a process of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")
django.setup()

from llm_settings.local_models import RECIPES  # noqa: E402
from llm_settings.providers import local_folder  # noqa: E402
from llm_settings.providers.local import LocalEmbedder  # noqa: E402

WORDS = "river stone budget engine patient novel winter treaty signal market garden planet".split()  # noqa: SIM905


def resident_megabytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def text_of(embedder: LocalEmbedder, tokens: int, seed: int) -> str:
    words = random.Random(seed).choices(WORDS, k=tokens)
    while embedder.count_tokens(" ".join(words)) > tokens:
        del words[-8:]
    return " ".join(words)


def measure(name: str, chunks: int) -> str:
    before = resident_megabytes()
    embedder = LocalEmbedder(local_folder(name))
    loaded = resident_megabytes()
    length = min(256, embedder.max_tokens)
    passages = [text_of(embedder, length, seed) for seed in range(chunks)]
    wall, cpu = time.perf_counter(), time.process_time()
    embedder.embed_passages(passages)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    queries = []
    for seed in range(100):
        began = time.perf_counter()
        embedder.embed_query(text_of(embedder, 12, seed))
        queries.append(1000 * (time.perf_counter() - began))
    return (
        f"{name:24} {length:4} tokens: {chunks / wall:6.1f} chunks/s {1000 * cpu / chunks:5.0f} CPU ms a chunk, "
        f"query p50 {median(queries):4.1f} ms, "
        f"resident {loaded - before} MB loaded, {resident_megabytes() - before} MB at work"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names or folders; without any, those that are built")
    parser.add_argument("--chunks", type=int, default=128)
    options = parser.parse_args()
    models = options.models or [name for name in RECIPES if local_folder(name).exists()]
    if len(models) == 1:
        print(measure(models[0], options.chunks))
        return
    for model in models:
        command = [sys.executable, "-m", "benchmarks.embedding", model, "--chunks", str(options.chunks)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
