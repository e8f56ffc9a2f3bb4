"""A data folder with servers of its own for each test run, so that runs at the same time never meet.

Nothing of the user's is touched: `var/test/0` is taken by the first run, `var/test/1` by a second one beside it. Where
one run has several processes, each is a run of its own in this respect: its own servers, database, keys and files, so
that a test may pause a server or look at all of its sessions.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent
_held: list[IO[str]] = []


def claim(root: Path) -> Path:
    """The first folder below `root` that no living process has claimed; it is ours until this process ends.

    A child that loads the test settings too finds its parent's folder in `DOCULUME_TEST_VAR`. The processes of
    pytest-xdist are children as well, of the one that hands out the tests, but each is to have a folder of its own.
    """
    variable = f"DOCULUME_TEST_VAR{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    if inherited := os.environ.get(variable):
        return Path(inherited)
    number = 0
    while True:
        folder = root / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "claimed").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            number += 1
            continue
        _held.append(lock)
        os.environ[variable] = str(folder)
        return folder
