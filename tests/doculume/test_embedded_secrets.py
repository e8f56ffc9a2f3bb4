from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from doculume.embedded.secrets import secret

READ = (
    "import sys, pathlib; from doculume.embedded.secrets import secret; print(secret(pathlib.Path(sys.argv[1]), 'key'))"
)


def test_a_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    first = secret(tmp_path, "key")

    assert len(first) == 64
    assert secret(tmp_path, "key") == first
    assert secret(tmp_path, "other_key") != first
    assert (tmp_path / "secrets" / "key").read_text().strip() == first


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    secret(tmp_path, "key")

    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_all_who_ask_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secret(tmp_path, "key"), range(200)))) == 1

    processes = [
        subprocess.Popen([sys.executable, "-c", READ, tmp_path / "fresh"], stdout=subprocess.PIPE) for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in processes}) == 1


def test_one_put_there_by_hand_is_honored(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("  from the vault\n")

    assert secret(tmp_path, "key") == "from the vault"


def test_an_emptied_file_is_not_mistaken_for_a_secret(tmp_path: Path) -> None:
    secret(tmp_path, "key")
    (tmp_path / "secrets" / "key").write_text("\n")

    with pytest.raises(ValueError, match="is empty"):
        secret(tmp_path, "key")


@pytest.mark.parametrize("name", ["", "../key", "a/b", ".hidden", "Key", "a b"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        secret(tmp_path, name)
