"""Nested parameters in a query string, as PHP and Laravel write them: `meta[tags][and][]=a&sort[0][field]=price`.

A list is written with `[]` or with indices. Where a name is given twice the last one counts, as there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote_plus

from doculume.errors import InvalidRequest

DEEPEST = 6
MOST = 500
LONGEST_NAME = 500

NAME = re.compile(r"(?P<name>[^\[\]]*)(?P<keys>(\[[^\[\]]*\])*)")
KEY = re.compile(r"\[([^\[\]]*)\]")
INDEX = re.compile(r"0|[1-9][0-9]{0,5}")

Pairs = Iterable[tuple[str, str]]


class UnreadableParameter(InvalidRequest):
    """A name whose brackets do not match, or too much of it."""


def parse(pairs: Pairs) -> dict[str, Any]:
    """The decoded `pairs` of a query string as one structure of dicts, lists and strings.

    What has the keys 0 to n - 1 becomes a list; names that are empty, or have no name before their brackets, are
    left out. Raises UnreadableParameter naming the parameter.
    """
    tree: dict[str, Any] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= MOST:
            raise _refused(name, f"There are more than {MOST} parameters.")
        if path := _path(name):
            _put(tree, path, value)
    return {name: _lists(value) for name, value in tree.items()}


def flatten(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The pairs that `parse` reads `parameters` from. What is empty (None, {}, []) has no pair."""
    for name, value in parameters.items():
        yield from _pairs(name, value)


def query_string(parameters: dict[str, Any]) -> str:
    """`parameters` percent-encoded, with the brackets left as they are read."""
    return "&".join(f"{quote_plus(name, safe='[]')}={quote_plus(value)}" for name, value in flatten(parameters))


def _path(name: str) -> list[str]:
    match = NAME.fullmatch(name) if len(name) <= LONGEST_NAME else None
    if match is None:
        raise _refused(name, "The brackets of this name cannot be read.")
    keys = KEY.findall(match["keys"])
    if len(keys) >= DEEPEST:
        raise _refused(name, f"The name has more than {DEEPEST - 1} pairs of brackets.")
    return [match["name"], *keys] if match["name"] else []


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for key in path[:-1]:
        key = key or _next(tree)
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[path[-1] or _next(tree)] = value


def _next(tree: dict[str, Any]) -> str:
    return str(max((int(key) for key in tree if INDEX.fullmatch(key)), default=-1) + 1)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {key: _lists(part) for key, part in value.items()}
    indices = [str(number) for number in range(len(parts))]
    return [parts[index] for index in indices] if set(parts) == set(indices) else parts


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _pairs(f"{name}[{key}]", part)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None:
        yield name, str(value)


def _refused(name: str, message: str) -> UnreadableParameter:
    return UnreadableParameter(message, details={name[:100]: [message]})
