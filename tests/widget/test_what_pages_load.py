"""What the widget costs a page, and what its files may not contain."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

WIDGET = Path(settings.BASE_DIR) / "static" / "widget"
FILES = sorted(WIDGET.rglob("*.js"))
MOST_BYTES = 30 * 1024
IMPORT = re.compile(r"""(?:from|import) "(\.[^"]+)";""")
LANGUAGES = {"de", "nl", "fr", "es", "ja", "ar"}
TEXT = re.compile(r'^  (\w+): "(.*)",$', re.MULTILINE)


def with_imports(path: Path, found: set[Path] | None = None) -> set[Path]:
    """The file, and every one that comes along with it."""
    found = set() if found is None else found
    if path not in found:
        found.add(path)
        for name in IMPORT.findall(path.read_text()):
            with_imports((path.parent / name).resolve(), found)
    return found


def packed(paths: set[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def texts_of(path: Path) -> dict[str, str]:
    return dict(TEXT.findall(path.read_text()))


@pytest.mark.parametrize("kind", ["chat", "search", "modal"])
def test_a_widget_in_any_language_stays_below_thirty_kilobytes(kind):
    loaded = {WIDGET / "widget.js"} | with_imports(WIDGET / "main.js") | with_imports(WIDGET / f"{kind}.js")
    heaviest = max((WIDGET / "texts").glob("*.js"), key=lambda path: len(gzip.compress(path.read_bytes(), 9)))
    assert packed(loaded | {heaviest}) < MOST_BYTES


def test_all_of_it_together_stays_below_thirty_kilobytes():
    assert len(gzip.compress(b"".join(path.read_bytes() for path in FILES), 9)) < MOST_BYTES


def test_what_is_asked_for_in_advance_is_what_every_widget_needs():
    [names] = re.findall(r'shared = "([^"]+)"', (WIDGET / "widget.js").read_text())
    asked = {(WIDGET / f"{name}.js").resolve() for name in names.split()}
    needed = [
        with_imports(WIDGET / "main.js") | with_imports(WIDGET / f"{kind}.js") for kind in ("chat", "search", "modal")
    ]
    assert asked == set.intersection(*needed)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_makes_markup_code_or_style_of_text(path):
    source = path.read_text()
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "cssText"):
        assert sink not in source
    assert not re.search(r"""["']style["']|<style|javascript:|createContextualFragment|DOMParser""", source)
    # Nothing is loaded from anywhere but where the script came from.
    assert set(re.findall(r"""["'`]https?://[^"'`]+""", source)) <= {'"http://www.w3.org/2000/svg'}


def test_every_language_says_everything():
    english = texts_of(WIDGET / "texts.js")
    assert len(english) > 40
    assert {path.stem for path in (WIDGET / "texts").iterdir()} == LANGUAGES
    for path in (WIDGET / "texts").iterdir():
        texts = texts_of(path)
        assert texts.keys() == english.keys(), path.name
        for name, text in texts.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[name])), (path.name, name)


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_every_file_can_be_parsed():
    for path in FILES:
        kind = "commonjs" if path.name == "widget.js" else "module"
        command = ["node", "--check", f"--input-type={kind}", "-"]
        checked = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)
        assert checked.returncode == 0, (path.name, checked.stderr.decode())
