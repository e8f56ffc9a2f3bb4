"""The first thing that runs on a fresh machine, under whatever Python is there."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doculume import bootstrap

SCRIPT = Path(bootstrap.__file__)


def test_an_old_python_can_read_it_and_says_what_is_missing() -> None:
    """Python 3.6 parses the whole file before it runs the check at its top."""
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.version_info = (3, 6); exec(compile(open({str(SCRIPT)!r}).read(), 'b', 'exec'))",
        ],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 1
    assert shown.stderr.startswith("DocuLume needs Python 3.11 or newer; this is ")
    assert "Traceback" not in shown.stderr


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A clone whose installations are only noted, with an environment that works (a link to this one's Python)."""
    notes: list[list[str]] = []
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt"):
        (tmp_path / name).write_text("one==1\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "installed.json")

    def make() -> None:
        shutil.rmtree(tmp_path / ".venv" / "bin", ignore_errors=True)
        (tmp_path / ".venv" / "bin").mkdir()
        (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
        notes.append(["made"])

    monkeypatch.setattr(bootstrap, "make_environment", make)
    monkeypatch.setattr(bootstrap, "install", lambda names: notes.append(names))
    return notes


def test_a_second_start_installs_nothing(installed: list[list[str]]) -> None:
    bootstrap.bootstrap(development=False)
    assert installed == [["made"], ["requirements.txt"]]

    bootstrap.bootstrap(development=False)
    assert len(installed) == 2


def test_development_adds_to_what_is_there(installed: list[list[str]]) -> None:
    bootstrap.bootstrap(development=False)
    bootstrap.bootstrap(development=True)
    assert installed[2:] == [["requirements.txt", "requirements-dev.txt"]]

    bootstrap.bootstrap(development=False)
    bootstrap.bootstrap(development=True)
    assert len(installed) == 3


def test_changed_requirements_are_installed(installed: list[list[str]], tmp_path: Path) -> None:
    bootstrap.bootstrap(development=False)
    (tmp_path / "requirements.txt").write_text("one==2\n")
    bootstrap.bootstrap(development=False)

    assert installed[2:] == [["requirements.txt"]]


def test_a_failed_installation_is_tried_again(
    installed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(names: list[str]) -> None:
        raise SystemExit("no network")

    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "install", fail)
        with pytest.raises(SystemExit):
            bootstrap.bootstrap(development=False)
    bootstrap.bootstrap(development=False)

    assert installed == [["made"], ["requirements.txt"]]


@pytest.mark.parametrize("change", [{"python": "3.10"}, {"place": "/elsewhere/.venv"}])
def test_an_environment_of_another_place_or_python_is_made_anew(
    installed: list[list[str]], tmp_path: Path, change: dict[str, str]
) -> None:
    bootstrap.bootstrap(development=False)
    stamp = tmp_path / ".venv" / "installed.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | change))
    bootstrap.bootstrap(development=False)

    assert installed[2:] == [["made"], ["requirements.txt"]]


def test_an_environment_left_without_pip_is_made_anew(installed: list[list[str]], tmp_path: Path) -> None:
    """As where venv itself failed: a system without ensurepip, or Ctrl-C."""
    half = tmp_path / ".venv" / "bin"
    half.mkdir(parents=True)
    (half / "python").symlink_to("/bin/false")
    bootstrap.bootstrap(development=False)

    assert installed == [["made"], ["requirements.txt"]]


def test_data_of_another_user_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets").mkdir()
    monkeypatch.setenv("DOCULUME_VAR", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "secrets")

    with pytest.raises(SystemExit, match=f"{tmp_path}/secrets belongs to another user"):
        bootstrap.refuse_foreign_data()


def test_a_broken_environment_is_made_anew(installed: list[list[str]], tmp_path: Path) -> None:
    bootstrap.bootstrap(development=False)
    (tmp_path / ".venv" / "bin" / "python").unlink()
    bootstrap.bootstrap(development=False)

    assert installed[2:] == [["made"], ["requirements.txt"]]
