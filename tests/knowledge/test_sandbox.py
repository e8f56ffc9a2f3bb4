"""A parser may crash, hang or bloat: the file fails with a code, and nothing else happens."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.ingestion import sandbox
from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.limits import MB
from knowledge.ingestion.sandbox import ParseLimits, parse_file
from tests.knowledge.papers import docx, one_page, paragraph


@pytest.fixture
def upload(tmp_path: Path):
    def make(data: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(data)
        return path

    return make


def code_of(path: Path, name: str, limits: ParseLimits | None = None) -> str:
    with pytest.raises(IngestionError) as caught:
        parse_file(path, name, limits or ParseLimits())
    assert "Traceback" not in caught.value.message
    return caught.value.error_code


def child_does(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Let the child do something else, confined as always, in place of reading a file."""
    start = sandbox._START.replace("child(job)", "")
    body = "from knowledge.ingestion.limits import ParseLimits; from knowledge.ingestion.sandbox import confine; "
    monkeypatch.setattr(sandbox, "_START", f"{start}{body}confine(ParseLimits(**job['limits']))\n{what}")


def test_a_document_comes_back_as_it_was_read(upload):
    found = parse_file(upload(docx(paragraph("naïve 👩‍👧 words"))), "x\ud800\x00.docx")
    assert (found.kind, [block.text for block in found.blocks]) == ("docx", ["naïve 👩‍👧 words"])
    found = parse_file(upload(one_page("On the page")), "a.pdf")
    assert (found.page_count, found.blocks[0].page) == (1, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" ", "no_text"),
        (b"MZ\x90\x00" + bytes(4000), "unsupported_type"),
        (b"%PDF-1.4", "corrupt"),
    ],
)
def test_codes_come_through(upload, data, code):
    assert code_of(upload(data), "a.txt") == code


def test_a_child_that_wants_too_much_memory_ends_as_too_large(upload):
    path = upload(docx(paragraph("word ") * 1_000_000))
    assert code_of(path, "a.docx", ParseLimits(memory_bytes=100 * MB, ratio_floor_bytes=10**9)) == "too_large"


def test_a_child_that_takes_too_long_is_killed_with_its_children(upload, monkeypatch, tmp_path):
    note = tmp_path / "pid"
    write = f"    open({str(note)!r}, 'w').write(str(os.getpid()))"
    child_does(monkeypatch, f"import os, time\nif not os.fork():\n{write}\ntime.sleep(60)")
    started = time.monotonic()
    assert code_of(upload(b"words"), "a.txt", ParseLimits(wall_seconds=2)) == "timeout"
    assert time.monotonic() - started < 10
    grandchild = int(note.read_text())
    for _ in range(50):
        if not Path(f"/proc/{grandchild}").exists() or "Z" in Path(f"/proc/{grandchild}/stat").read_text().split()[2]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process was left behind")


def test_a_child_that_computes_too_long_is_stopped(upload, monkeypatch):
    child_does(monkeypatch, "while True: pass")
    assert code_of(upload(b"words"), "a.txt", ParseLimits(cpu_seconds=1, wall_seconds=60)) == "timeout"


@pytest.mark.parametrize(
    "what",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "raise SystemExit(3)",
        "print('not JSON')",
        "import sys; sys.stderr.write('secret words of the document'); raise ValueError('secret')",
        "",
    ],
    ids=["segfault", "killed", "exit", "garbage", "traceback", "silence"],
)
def test_a_child_that_dies_or_babbles_is_a_crash_without_its_words(upload, monkeypatch, what):
    child_does(monkeypatch, what)
    with pytest.raises(IngestionError) as caught:
        parse_file(upload(b"words"), "a.txt")
    assert caught.value.error_code == "parser_crashed"
    assert "secret" not in caught.value.message


def test_a_child_that_talks_without_end_is_cut_off(upload, monkeypatch):
    child_does(monkeypatch, "import sys\nwhile True: sys.stdout.write('x' * 1000000)")
    assert code_of(upload(b"words"), "a.txt", ParseLimits(text_chars=1000, wall_seconds=60)) == "too_large"


def test_the_child_knows_no_secret_no_framework_and_no_network(upload, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    seen = tmp_path / "seen"
    child_does(
        monkeypatch,
        "import json, os, socket, sys, resource\n"
        "import knowledge.ingestion.parsers.reading\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9), 1); network = 'open'\n"
        "except OSError as error:\n    network = error.strerror\n"
        f"json.dump([dict(os.environ), 'django' in sys.modules, network, resource.getrlimit(resource.RLIMIT_CORE)[0],"
        f" os.getsid(0) == os.getpid()], open({str(seen)!r}, 'w'))",
    )
    assert code_of(upload(b"words"), "a.txt") == "parser_crashed"
    environment, django, network, core, own_session = json.loads(seen.read_text())
    assert not {key for key in environment if "SECRET" in key or "DATABASE" in key or "DJANGO" in key}
    assert not django
    assert core == 0
    assert own_session
    if os.geteuid() == 0:
        assert network == "Network is unreachable"


def test_nothing_is_left_open_or_behind(upload, tmp_path):
    path = upload(b"words")
    parse_file(path, "a.txt")
    before = set(os.listdir("/proc/self/fd"))
    for name, limits in (("a.txt", ParseLimits()), ("a.txt", ParseLimits(wall_seconds=0.001))):
        with contextlib.suppress(IngestionError):
            parse_file(path, name, limits)
    assert len(os.listdir("/proc/self/fd")) <= len(before)
    assert [one.name for one in tmp_path.iterdir()] == ["upload"]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    assert "knowledge.ingestion" not in "".join(
        Path(f"/proc/{pid}/cmdline").read_text() for pid in children.split() if Path(f"/proc/{pid}").exists()
    )


def test_threads_parse_side_by_side(upload):
    path = upload(docx(paragraph("words")))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(parse_file(path, "a.docx").kind)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["docx"] * 4


def _in_a_daemon(path: Path, answer: multiprocessing.Queue) -> None:
    answer.put(parse_file(path, "a.docx").kind)


def test_a_daemonic_worker_can_parse(upload):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_in_a_daemon, args=(upload(docx(paragraph("words"))), answer), daemon=True)
    process.start()
    assert answer.get(timeout=60) == "docx"
    process.join(10)


def test_limits_reach_the_parsers(upload):
    limits = replace(ParseLimits(), text_chars=10)
    assert code_of(upload(b"more than ten characters"), "a.txt", limits) == "too_large"


def test_a_signal_to_the_group_of_the_parent_does_not_kill_the_child(upload, monkeypatch):
    """Ctrl-C in a terminal goes to the whole group; the worker finishes what it is at."""
    path = upload(docx(paragraph("words")))
    code = (
        f"import os, signal, sys; sys.path.insert(0, {str(sandbox._ROOT)!r});"
        "signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from pathlib import Path; import threading; from knowledge.ingestion.sandbox import parse_file;"
        "threading.Timer(0.05, lambda: os.killpg(0, signal.SIGINT)).start();"
        f"print(parse_file(Path({str(path)!r}), 'a.docx').kind)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "docx"), done.stderr
