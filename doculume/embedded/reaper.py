"""`python -m doculume.embedded.reaper VAR`: see `doculume.embedded.holding`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from doculume.embedded.holding import reap

if __name__ == "__main__":
    # It outlives whoever started it, and leaves when its work is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reap(Path(sys.argv[1]))
