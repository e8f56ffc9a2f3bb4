"""Child processes that end with their parent, and come back when they end without being asked to."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LOG_BYTES = 10 * 1024 * 1024
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 30.0  # who has lived this long has started well; the next pause is short again
QUIET_SECONDS = 60.0  # how long a message that was shown is not shown again
TIMESTAMP = re.compile(r"^[\d\-: ,.TZ\[\]]+")
WORTH_SHOWING = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
PR_SET_PDEATHSIG = 1
# What is sent after so many seconds of stopping; the last is SIGKILL.
Stopping = Sequence[tuple[float, signal.Signals]]
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child:
    """One command, kept running. `say` gets a line for each end and each warning that the command logs."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, say: Callable[[str], None], stopping: Stopping
    ) -> None:
        self.name = name
        self.failures = 0  # ends in a row, none of which came after a steady run
        self._command = list(command)
        self._log = log
        self._say = say
        self._stopping = stopping
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._due = 0.0
        self._sent: signal.Signals | None = None
        self._shown = 0  # bytes of the log
        self._said: dict[str, float] = {}

    def start(self) -> None:
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._shown = log.tell()
            self._process = spawn(self._command, stdout=log, stderr=log)
        self._started = time.monotonic()

    def look_after(self) -> None:
        """Show what the log has new; if the process has ended, start it again when its pause is over."""
        self._show_warnings()
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            if now > self._started + STEADY_SECONDS:
                self.failures = 0
            return
        self._kill_group()  # a pool must not outlive its head
        self._process = None
        pause = min(2.0**self.failures, LONGEST_PAUSE)
        self.failures += 1
        self._due = now + pause
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._say(f"The {self.name} {how}; it starts again in {pause:.0f} s. Its log: {self._log}")

    def stopped(self, elapsed: float) -> bool:
        """Send what is due `elapsed` seconds after stopping began; whether the process is gone."""
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self._kill_group()
                self._process = None
            return True
        due = [sign for after, sign in self._stopping if after <= elapsed]
        if due and due[-1] != self._sent:
            self._sent = due[-1]
            if self._sent == signal.SIGKILL:
                self._kill_group()
            else:
                self._process.send_signal(self._sent)
        return False

    def _kill_group(self) -> None:
        if self._process is not None:
            kill_group(self._process)

    def _show_warnings(self) -> None:
        try:
            with self._log.open("rb") as log:
                log.seek(self._shown)
                new = log.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._shown += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            message = TIMESTAMP.sub("", line)
            known = message in self._said and time.monotonic() < self._said[message] + QUIET_SECONDS
            if WORTH_SHOWING.search(line) and not known:
                self._said[message] = time.monotonic()
                self._say(f"[{self.name}] {message}")


def stop_all(children: Sequence[Child], hurry: Callable[[], bool]) -> None:
    """End every child, all at the same time: gently, then firmly; at once when `hurry()` says so."""
    began = time.monotonic()
    while True:
        elapsed = math.inf if hurry() else time.monotonic() - began
        living = [child for child in children if not child.stopped(elapsed)]
        if not living:
            return
        time.sleep(0.05)


def spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start `command` in the repository, in a group of its own, to be ended by the kernel if this process dies.

    In a group of its own since Ctrl-C in a terminal must reach the parent alone, which then ends each child in turn.
    """
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # one system call, and the parent has one thread
        **options,
    )


@contextlib.contextmanager
def bound(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Have `command` run beside the block; it does not outlive it, nor does what it has started."""
    process = spawn(command, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_group(process)
            process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """Runs in the child before its program: have the kernel end it when its parent dies, even by kill -9."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
