"""llama.cpp's own server on a free port of this machine: `python serve.py WEIGHTS NAME KEY CONTEXT`.

Run by the interpreter of an environment of its own (see `small_model`). Says its address, and ends with its standard
input, so that it never outlives who started it.
"""

from __future__ import annotations

import os
import sys

import xllamacpp

# They wait for each other at every step: where others want the machine too, one is faster than two.
THREADS = int(os.environ.get("DOCULUME_LLM_THREADS") or min(os.cpu_count() or 1, 4))


def main(weights: str, name: str, key: str, context: str) -> None:
    wanted = xllamacpp.CommonParams()
    wanted.model.path = weights
    wanted.model_alias = {name}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [key]
    wanted.n_ctx = int(context)
    wanted.n_parallel = 1
    wanted.endpoint_metrics = True
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = THREADS
    server = xllamacpp.Server(wanted)
    print(f"Serving at {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
