from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doculume.embedded import postgres, valkey
from doculume.embedded.places import locked


@pytest.fixture
def var() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder of one's own, whose servers are stopped afterwards, whatever became of them.

    Directly in /tmp, since pytest's own folders have mode 0700 and root's database user cannot pass those.
    """
    folder = Path(tempfile.mkdtemp(prefix="doculume-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    valkey.stop(folder)
    postgres.stop(folder)
    reaper = folder / "locks" / "reaper"
    if reaper.exists():
        with locked(reaper):  # it ends within a second of the last user, and would make the folder again
            pass
    shutil.rmtree(folder)
