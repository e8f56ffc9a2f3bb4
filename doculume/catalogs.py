"""The words of pages and scripts, gathered for translators. Needs Babel, which only developers have (`make messages`).

One pair of catalogs for the whole product, in `doculume/locale/<language>/LC_MESSAGES`: `django` for templates and
Python, `djangojs` for scripts. Words and terms go through all the apps, and one file keeps them the same everywhere.
What Python's gettext reads, the `.mo` files, lies beside and is committed: a machine that runs DocuLume compiles
nothing.

Besides what is marked, sentences of errors are gathered where they are defined: `message = "…"` of an error's class,
and what is raised with it. They stay English in Python, since the API is in English; pages translate them as they show
them (`DoculumeError.told`), and scripts do with what the API answers.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "doculume" / "locale"
APPS = ("doculume", "accounts", "llm_settings", "knowledge", "chat", "integrations")
KEYWORDS = {
    "_": None,
    "Sentence": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
PAGES, SCRIPTS = DOMAINS = ("django", "djangojs")
COMMENT = "Translators:"
# Errors of commands and of servers on this machine are read by whoever runs it, in English.
NOT_ON_PAGES = re.compile(
    r"(^|/)(api|management|backup|operations|embedded|migrations|local_models|openai_door|dialects)/|/(env|catalogs|frames|consumers|identities)\.py$"
)
SENTENCE = re.compile(r"\w.* .*[.…]$", re.DOTALL)
Found = tuple[str, "str | tuple[str, ...]", list[str], "str | None"]


def gathered(domain: str) -> Catalog:
    """What there is to translate now, in the order of the files."""
    catalog = Catalog(domain=domain, charset="utf-8")
    for file, message, comments, context in _found(domain):
        catalog.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return catalog


def refreshed(language: str, domain: str) -> Catalog:
    """The catalog as it is kept, with what is new and without what is gone."""
    path = LOCALES / language / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        catalog = Catalog(language, domain=domain, charset="utf-8", fuzzy=False)
    else:
        with path.open("rb") as file:
            catalog = read_po(file, locale=language, domain=domain)
    made, revised, header = catalog.creation_date, catalog.revision_date, catalog.header_comment
    catalog.update(gathered(domain), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    if domain == SCRIPTS:
        _agree(catalog, refreshed(language, PAGES))
    catalog.project, catalog.version, catalog.msgid_bugs_address = "DocuLume", "1", "none"
    catalog.last_translator = catalog.language_team = "DocuLume"
    # No dates of today: what has not changed is written as it was.
    catalog.creation_date, catalog.revision_date, catalog.header_comment = made, revised, header
    return catalog


def _agree(scripts: Catalog, pages: Catalog) -> None:
    """What both say, scripts say as pages do."""
    for message in scripts:
        known = pages.get(message.id, message.context) if message.id else None
        if known is not None and type(known.string) is type(message.string):
            message.string = known.string


def written(catalog: Catalog) -> tuple[bytes, bytes]:
    """The contents of the `.po` and of the `.mo`."""
    text, compiled = io.BytesIO(), io.BytesIO()
    write_po(text, catalog, width=120, include_lineno=False, ignore_obsolete=True)
    write_mo(compiled, catalog)
    return text.getvalue(), compiled.getvalue()


def _found(domain: str) -> Iterator[Found]:
    if domain == SCRIPTS:
        for path in sorted((ROOT / "static" / "js").rglob("*.js")):
            yield from _marked(path, "javascript", path.read_bytes())
    else:
        yield from _in_templates()
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if domain != SCRIPTS:
                yield from _marked(path, "python", path.read_bytes())
            if not NOT_ON_PAGES.search(_name(path)):
                yield from _of_errors(path)


def _in_templates() -> Iterator[Found]:
    for path in sorted((ROOT / "templates").rglob("*.*")):
        if path.suffix in (".html", ".txt"):
            # Each line by itself: what `templatize` leaves is no Python with its indents.
            lines = templatize(path.read_text(), origin=str(path)).splitlines()
            yield from _marked(path, "python", "\n".join(line.strip() for line in lines).encode())


def _marked(path: Path, method: str, source: bytes) -> Iterator[Found]:
    for _line, message, comments, context in extract(
        method, io.BytesIO(source), KEYWORDS, [COMMENT], strip_comment_tags=True
    ):
        yield _name(path), message, comments, context


def _of_errors(path: Path) -> Iterator[Found]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            texts = [one.value for one in node.body if _is_message(one)]
        elif isinstance(node, ast.Raise):
            texts = list(_literals(node.exc))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
            texts = list(_literals(node))
        else:
            continue
        for text in texts:
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and SENTENCE.fullmatch(text.value):
                yield _name(path), text.value, [], None


def _is_message(statement: ast.stmt) -> TypeGuard[ast.Assign]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [name.id for name in targets if isinstance(name, ast.Name)] == ["message"]


def _literals(node: ast.AST | None) -> Iterator[ast.expr]:
    """Those in `node`, but no parts of f-strings."""
    if isinstance(node, ast.Constant):
        yield node
    elif node is not None and not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _literals(child)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
