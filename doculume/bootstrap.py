"""From a fresh clone to a virtual environment: `python3 doculume/bootstrap.py [--dev] [COMMAND …]`.

Needs nothing but Python's own library and a network the first time. Makes `.venv`, installs what the requirement
files pin by hash, and becomes COMMAND, whose first word is looked up in the environment. A second run sees by the
stamp that nothing has changed and does nothing. Runs at the same time wait for each other.

The top of this file must be readable to any Python 3, so that an old one can say what is wrong.
"""

# ruff: noqa: S603, S606  # it runs what this repository names, and becomes the command it was given

import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)


def find_newer_python() -> None:
    """Become a newer interpreter if there is one on the PATH; say what is missing otherwise."""
    for minor in range(14, OLDEST[1] - 1, -1):
        name = "python3.%d" % minor  # noqa: UP031
        path = shutil.which(name)
        # A version manager's shim may exist for a version that it does not have.
        if path and subprocess.call([path, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])
    sys.exit("DocuLume needs Python %d.%d or newer; this is %s." % (*OLDEST, sys.version.split()[0]))  # noqa: UP031


if sys.version_info < OLDEST:
    find_newer_python()

import fcntl  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import venv  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def fingerprint(names: list[str]) -> dict[str, str]:
    """What an environment was made from: requirement files by hash, this interpreter, and this place.

    The scripts in an environment name its path, so one that was moved has to be made anew.
    """
    files = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "place": str(VENV), **files}


def read_stamp() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def can(statement: str) -> bool:
    """Whether the environment's Python is there and can run this."""
    python = VENV / "bin" / "python"
    return (
        python.exists() and subprocess.run([python, "-c", statement], check=False, capture_output=True).returncode == 0
    )


def make_environment() -> None:
    say("Making a virtual environment in .venv")
    for path in VENV.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    try:
        venv.create(VENV, symlinks=True, with_pip=True)
    except subprocess.CalledProcessError:
        if not shutil.which("uv"):
            sys.exit(
                "This Python comes without venv and pip. Install them and try again "
                f"(on Debian and Ubuntu: apt install python3-venv, or python3.{sys.version_info.minor}-venv)."
            )


def run(*command: object, environment: dict[str, str] | None = None) -> bool:
    return subprocess.run([str(part) for part in command], check=False, env=environment, cwd=ROOT).returncode == 0


def pip(*arguments: object) -> bool:
    return run(VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments)


def find_uv() -> str | None:
    """The pinned uv, installed by pip; else one that is here already. None: pip must do, ten times slower."""
    own = VENV / "bin" / "uv"
    if own.exists() or pip("install", "-qq", "--require-hashes", "-r", "requirements-uv.txt"):
        return str(own)
    return shutil.which("uv")


def uv_environment() -> dict[str, str]:
    """The environment with pip's own configuration said in uv's words, since uv does not read it."""
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    listed = subprocess.run(
        [VENV / "bin" / "python", "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    ).stdout
    words = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        word = words.get(name.rpartition(".")[2])
        if word:
            environment.setdefault(word, value.strip("'\""))
    return environment


def install(names: list[str]) -> None:
    say(f"Installing {' and '.join(names)}")
    files = [part for name in names for part in ("-r", name)]
    uv = find_uv()
    if uv and run(uv, "pip", "install", "-q", "--require-hashes", *files, environment=uv_environment()):
        return
    say("Installing with pip instead, which takes a few minutes")
    if not pip("install", "-q", "--require-hashes", *files):
        sys.exit("The packages could not be installed; the lines above say why. Is there a network?")


def bootstrap(development: bool) -> None:
    names = [RUNTIME, DEVELOPMENT] if development else [RUNTIME]
    VENV.mkdir(exist_ok=True)
    with (VENV / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted, found = fingerprint(names), read_stamp()
        if wanted.items() <= found.items() and can("pass"):
            return
        STAMP.unlink(missing_ok=True)
        # An environment without a stamp was made by hand, or left half installed: what is missing is added to it.
        if not can("import pip") or any(found.get(part, wanted[part]) != wanted[part] for part in ("python", "place")):
            found = {}
            make_environment()
        install(names)
        STAMP.write_text(json.dumps({**found, **wanted}, indent=1))


def refuse_foreign_data() -> None:
    """Say what is wrong where the data were made by another user, as by root in an earlier start."""
    data = Path(os.environ.get("DOCULUME_VAR") or ROOT / "var")
    for folder in (data, data / "secrets"):
        if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            sys.exit(f"{folder} belongs to another user. Run as that user, or choose another folder: DOCULUME_VAR=…")


def main() -> None:
    refuse_foreign_data()
    arguments = sys.argv[1:]
    development = arguments[:1] == ["--dev"]
    bootstrap(development)
    command = arguments[1:] if development else arguments
    if command:
        program = VENV / "bin" / command[0]
        os.execv(program, [str(program), *command[1:]])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except PermissionError as error:
        sys.exit(f"{error.filename} belongs to another user. Run as that user, or make a clone of your own.")
