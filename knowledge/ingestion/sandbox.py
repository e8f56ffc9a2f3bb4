"""Parsing in a process of its own that can be killed, because parsers of hostile files crash, hang and bloat.

The child is a fresh interpreter that knows neither Django nor the environment, bounds itself before it opens the
file, leaves the network where the kernel lets it, and answers with JSON over a pipe. The parent reads no more than
it must and no longer than it must. Safe from threads and from daemonic worker processes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from knowledge.ingestion.limits import MB, ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable

__all__ = ["ParseLimits", "confine", "parse_file", "run_confined"]

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_START = "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['sys_path']; \
import importlib; \
child = importlib.import_module(job['child']).child; child(job)"
_FILES_AT_MOST = 64
_WRITTEN_AT_MOST = 16 * MB  # by mistake: the child writes nothing but its answer and what a crash prints


def parse_file(path: Path, filename: str, limits: ParseLimits = ParseLimits()) -> ParsedDocument:  # noqa: B008 (frozen)
    """Tell the file's kind and read it. Blocks until done, at most `limits.wall_seconds`.

    Raises IngestionError with a stable code for whatever goes wrong, also when the child dies.
    """
    # Not at the top: the child imports this module too, and must not import Django.
    from knowledge.ingestion.errors import IngestionError

    try:
        return _document(_run(path, filename, limits))
    except Unreadable as error:
        raise IngestionError.of(error.code, error.message) from None


def _run(path: Path, filename: str, limits: ParseLimits) -> dict[str, Any]:
    answer = bytearray()
    job = {"path": str(path), "filename": filename}
    run_confined("knowledge.ingestion.sandbox", job, limits, answer.extend, limits.text_chars * 4 + 64 * MB)
    return _understood(bytes(answer))


def run_confined(
    module: str, job: dict[str, Any], limits: ParseLimits, take: Callable[[bytes], object], most: int
) -> None:
    """Have `child(job)` of a module run in a process of its own, and `take` what it writes, piece by piece.

    Neither the module nor what it imports may need Django; its child confines itself first. Raises Unreadable when it
    takes too long, writes more than `most` bytes, or ends otherwise than well.
    """
    job = job | {"child": module, "limits": asdict(limits)}
    job["sys_path"] = [str(_ROOT), *(entry for entry in sys.path if entry)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter, no shell, nothing of the user's in it)
            [sys.executable, "-I", "-X", "utf8", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"LANG": "C.UTF-8", "TMPDIR": tempfile.gettempdir()},
            cwd="/",
            start_new_session=True,
        )
        try:
            _converse(process, json.dumps(job).encode(), limits, take, most)
        finally:
            _kill(process)
            if process.stdout:
                process.stdout.close()
        _ended_well(process.returncode, errors)


def _converse(
    process: subprocess.Popen[bytes], job: bytes, limits: ParseLimits, take: Callable[[bytes], object], most: int
) -> None:
    """Give the child its job and take its answer. Raises Unreadable if it takes too long or talks too much."""
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + limits.wall_seconds
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(job)
        process.stdin.close()
    taken = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise Unreadable("timeout")
            piece = os.read(process.stdout.fileno(), MB)
            if not piece:
                break
            taken += len(piece)
            if taken > most:
                raise Unreadable("too_large")
            take(piece)
    try:
        process.wait(max(deadline - time.monotonic(), 1.0))
    except subprocess.TimeoutExpired:
        raise Unreadable("timeout") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The child and whatever it may have started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ended_well(returncode: int, errors: IO[bytes]) -> None:
    if returncode == 0:
        return
    if returncode == -signal.SIGXCPU:
        raise Unreadable("timeout")
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
    log.warning("a parser ended with %s", returncode)
    log.debug("it printed: %s", errors.read().decode("utf-8", "replace"))
    raise Unreadable("parser_crashed")


def _understood(answer: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(answer)
        if isinstance(found, dict) and "document" in found:
            return dict(found["document"])
        if isinstance(found, dict) and "error" in found:
            raise Unreadable(found["error"], found.get("message"))
    raise Unreadable("parser_crashed")


def _document(found: dict[str, Any]) -> ParsedDocument:
    blocks = [Block(*values) for values in found.pop("blocks")]
    return ParsedDocument(blocks=blocks, **found)


# What follows runs in the child.


def child(job: dict[str, Any]) -> None:
    """Read the job's file within the limits and write the answer, as JSON, to standard output."""
    limits = ParseLimits(**job["limits"])
    confine(limits)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not garble the answer
    try:
        from knowledge.ingestion.parsers.reading import read_document

        found = read_document(Path(job["path"]), job["filename"], limits)
        answer: dict[str, Any] = {"document": _plain(found)}
        data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    except Unreadable as error:
        data = json.dumps({"error": error.code, "message": error.message}).encode()
    except MemoryError:
        data = b'{"error": "too_large"}'
    out.write(data)
    out.close()
    os._exit(0)  # tearing down a hundred thousand blocks takes longer than parsing some files


def _plain(document: ParsedDocument) -> dict[str, Any]:
    return {
        "kind": document.kind,
        "title": document.title,
        "blocks": [(one.kind, one.text, one.level, one.page, one.header) for one in document.blocks],
        "page_count": document.page_count,
        "metadata": document.metadata,
    }


def confine(limits: ParseLimits) -> None:
    """Bound this process for good: memory, time, files, and no network where the kernel allows to leave it."""
    cpu = max(1, int(limits.cpu_seconds))
    for which, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 2),
        (resource.RLIMIT_FSIZE, _WRITTEN_AT_MOST, _WRITTEN_AT_MOST),
        (resource.RLIMIT_NOFILE, _FILES_AT_MOST, _FILES_AT_MOST),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
    ):
        with contextlib.suppress(ValueError, OSError):  # a host may allow less already
            resource.setrlimit(which, (soft, hard))
    with contextlib.suppress(OSError):
        os.nice(10)
    _leave_network()


def _leave_network() -> None:
    """Into a network namespace with nothing in it. Works on Linux as root or where user namespaces are allowed."""
    import ctypes

    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return
    new_net, new_user = 0x40000000, 0x10000000
    if unshare(new_net) != 0:
        unshare(new_user | new_net)
