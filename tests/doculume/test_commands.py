"""Each command of ours says what it does, how it is called and how it ends, in its help and in the documentation."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from doculume.management.describing import DescribedCommand

OURS = {"doculume", "accounts", "llm_settings", "knowledge", "chat", "integrations"}
COMMANDS = {name: app for name, app in sorted(get_commands().items()) if app in OURS}
PAGE = (Path(settings.BASE_DIR) / "docs" / "commands.md").read_text()


def described(name: str) -> DescribedCommand:
    command = load_command_class(COMMANDS[name], name)
    assert isinstance(command, DescribedCommand), f"{name} is to be a DescribedCommand"
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_says_what_it_does_with_examples_and_exit_codes(name):
    said = io.StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit) as ended:
        described(name).create_parser("manage.py", name).parse_args(["--help"])

    assert ended.value.code == 0
    assert re.search(rf"^examples:\n  manage\.py {name}\b", said.getvalue(), re.MULTILINE)
    assert re.search(r"^exit codes:\n  0  \w", said.getvalue(), re.MULTILINE)
    # "Makes …", as all of them.
    assert re.match(r"[A-Z][a-z]+s,? ", described(name).help), described(name).help


@pytest.mark.parametrize("name", COMMANDS)
def test_its_examples_are_taken_by_its_parser(name):
    command = described(name)
    for example in command.examples:
        own, *arguments = split(example)
        assert own == name
        command.create_parser("manage.py", name).parse_args(arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_documented(name):
    command = described(name)
    [section] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for example in command.examples:
        assert f"manage.py {example}\n" in section
    for code, meaning in command.exit_codes.items():
        assert f"| {code} | {meaning} |" in section


def test_every_target_of_make_is_in_the_readme():
    targets = re.findall(r"^([a-z-]+):.* ## ", (Path(settings.BASE_DIR) / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"\bmake ([a-z-]+)", (Path(settings.BASE_DIR) / "README.md").read_text()))
    assert targets
    assert set(targets) - {"help"} <= named


def split(example: str) -> list[str]:
    """As a shell would, up to a pipe."""
    import shlex

    words = shlex.split(example)
    return words[: words.index("|")] if "|" in words else words
