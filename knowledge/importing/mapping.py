"""What each column of a file is to an entry: said by a person, guessed beforehand, and done to every row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.utils.translation import gettext_noop as _
from rest_framework.exceptions import ErrorDetail, ValidationError

from doculume.errors import InvalidRequest
from doculume.sentences import Sentence
from knowledge.api.entry_serializers import EntryWithSource
from knowledge.entries import Fields

USES = ("title", "text", "source_id", "source_type", "source_url", "searchable", "meta", "none")
# Of these an entry has one.
ONCE = ("title", "source_id", "source_type", "source_url")
KEYED = ("searchable", "meta")
SOURCE_TYPE = "import"
LONGEST_KEY = 100
SHORT = 200  # characters of a value that stands in one line with the name of its column

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?")
_COMMA_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,14}),\d{1,12}")

_ONCE = _("An entry has one of these, so only one column can be it: %(names)s.")
_TOLD = {
    ("raw_text", "blank"): _("The text is empty."),
    ("source_id", "blank"): _("The id is empty."),
    ("source_url", "address"): _("The address is none that begins with http or https."),
    ("source_url", "max_length"): _("The address is longer than 2,000 characters."),
    ("title", "max_length"): _("The title is longer than 500 characters."),
    ("source_id", "max_length"): _("The id is longer than 255 characters."),
    ("source_type", "max_length"): _("The kind of source is longer than 255 characters."),
}

# Names of columns, in English and German, as they are without spaces and marks; the first of a kind that is there.
_NAMES: dict[str, tuple[str, ...]] = {
    "title": (
        "title", "titel", "name", "headline", "überschrift", "ueberschrift", "betreff", "subject", "frage", "question",
        "bezeichnung", "produktname", "productname", "produkt", "product", "artikel", "artikelname", "thema", "topic",
    ),
    "text": (
        "text", "rawtext", "inhalt", "content", "body", "beschreibung", "description", "antwort", "answer", "langtext",
        "article", "artikeltext", "details", "summary", "zusammenfassung", "abstract", "transcript", "notiz", "notizen",
        "notes", "kommentar", "comment", "volltext", "fulltext", "plot", "overview",
    ),
    "source_id": (
        "sourceid", "id", "_id", "uuid", "guid", "sku", "nummer", "nr", "number", "artikelnummer", "artikelnr",
        "produktnummer", "ean", "gtin", "isbn", "objectid", "externalid", "key", "schlüssel", "kennung", "code", "slug",
    ),
    "source_url": ("sourceurl", "url", "link", "href", "adresse", "webadresse", "address", "permalink", "website"),
    "source_type": ("sourcetype",),
}  # fmt: skip


class MappingRefused(InvalidRequest):
    """What was said of the columns does not make an entry."""


@dataclass(frozen=True, slots=True)
class Column:
    """`use` is one of USES; `key`, of a KEYED one, the name of the field."""

    name: str
    use: str = "none"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of a row.

    `source_type`: of rows that do not say. `update`: whether a row changes the entry that has its id already.
    `comma`: whether `12,5` is a number.
    """

    columns: tuple[Column, ...]
    source_type: str = SOURCE_TYPE
    update: bool = True
    comma: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Plan:
        columns = tuple(Column(*one) for one in stored["columns"])
        return cls(columns, stored["source_type"], stored["update"], stored["comma"])

    def stored(self) -> dict[str, Any]:
        columns = [[one.name, one.use, one.key] for one in self.columns]
        return {"columns": columns, "source_type": self.source_type, "update": self.update, "comma": self.comma}

    def check(self) -> None:
        """Raises MappingRefused."""
        uses = [column.use for column in self.columns]
        if set(uses) - set(USES):
            raise MappingRefused(_("Choose what each column is."))
        if "text" not in uses:
            raise MappingRefused(_("Choose which column is the text: it is what is searched and cited."))
        for use in ONCE:
            if uses.count(use) > 1:
                names = ", ".join(f"“{column.name}”" for column in self.columns if column.use == use)
                raise MappingRefused(Sentence(_ONCE, names=names))
        if not self.source_type.strip() or len(self.source_type) > 255 or "\0" in self.source_type:
            raise MappingRefused(_("Write a kind of source, such as “import”."))
        for use in KEYED:
            self._check_keys([column.key for column in self.columns if column.use == use])

    def _check_keys(self, keys: Sequence[str]) -> None:
        for key in keys:
            if not key.strip() or len(key) > LONGEST_KEY or "\0" in key:
                raise MappingRefused(_("Each field needs a name of at most 100 characters."))
            if keys.count(key) > 1:
                raise MappingRefused(Sentence(_("Two columns cannot be the same field: “%(key)s”."), key=key))

    def fields(self, cells: Mapping[str, Any]) -> Fields:
        """What is sent of the entry that a row becomes. Fields that no column is are not sent."""
        found: dict[str, Any] = {}
        texts: list[tuple[str, str]] = []
        for column in self.columns:
            value = cells.get(column.name)
            if column.use in KEYED:
                target = found.setdefault("meta" if column.use == "meta" else "searchable_meta", {})
                if value is not None:
                    target[column.key] = self._typed(value)
            elif column.use == "text":
                if value is not None and (text := written(value).strip()):
                    texts.append((column.name, text))
            elif column.use != "none":
                found[column.use] = " ".join(written(value).split()) if value is not None else ""
        found["raw_text"] = self._joined(texts)
        found["source_type"] = found.get("source_type") or self.source_type
        if "source_id" not in self._uses:
            found["source_id"] = _digest(found)
        return found

    @property
    def _uses(self) -> set[str]:
        return {column.use for column in self.columns}

    def _joined(self, texts: Sequence[tuple[str, str]]) -> str:
        if sum(column.use == "text" for column in self.columns) < 2:
            return texts[0][1] if texts else ""
        return "\n\n".join(
            f"{name}: {text}" if len(text) <= SHORT and "\n" not in text else f"## {name}\n\n{text}"
            for name, text in texts
        )

    def _typed(self, value: Any) -> Any:
        """Text that is nothing but a number is one, so that it can be compared; `007` is none."""
        if not isinstance(value, str):
            return value
        text = value.strip()
        if self.comma and _COMMA_NUMBER.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        elif not _NUMBER.fullmatch(text):
            return value
        return float(text) if "." in text else int(text)


def written(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(one, (dict, list)) for one in value):
        return ", ".join(written(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


class Checker:
    """By the same rules as the API's."""

    def __init__(self) -> None:
        self._serializer = EntryWithSource()

    def __call__(self, fields: Fields) -> tuple[Fields, str]:
        """The fields as the API would pass them on, and why no entry can be made of them, where none can."""
        try:
            return self._serializer.run_validation(dict(fields)), ""
        except ValidationError as error:
            return {}, _reason(error)


def _reason(error: ValidationError) -> str:
    name, errors = next(iter(error.detail.items())) if isinstance(error.detail, dict) else ("", error.detail)
    first = errors[0] if isinstance(errors, list) and errors else errors
    code = str(first.code) if isinstance(first, ErrorDetail) else ""
    return _TOLD.get((name, code), f"{name}: {first}"[:500])


def guess(survey: Mapping[str, Any]) -> Plan:
    """By the columns' names, else the text by its length. What is told by neither is a field to filter by."""
    known = survey["columns"]
    columns = {
        one["name"]: Column(one["name"], "meta", one["name"]) if one["filled"] else Column(one["name"]) for one in known
    }
    for use, names in _NAMES.items():
        if found := _named(names, [name for name, column in columns.items() if column.use == "meta"], survey, use):
            columns[found] = Column(found, use)
    if not any(column.use == "text" for column in columns.values()) and known:
        _choose_text(columns, known)
    return Plan(tuple(columns.values()), comma=bool(survey.get("comma")))


def _named(names: Sequence[str], columns: Iterable[str], survey: Mapping[str, Any], use: str) -> str:
    squeezed = {re.sub(r"[\W]+|(?<=.)_", "", column.casefold()): column for column in reversed(list(columns))}
    for name in names:
        if (column := squeezed.get(name)) and (use != "source_id" or _are_ids(column, survey)):
            return column
    return ""


def _are_ids(column: str, survey: Mapping[str, Any]) -> bool:
    """Of the rows that are known, no two have the same, and each has one."""
    values = [written(cells.get(column, "")) for _number, cells in survey["sample"]]
    return len(set(values)) == len(values) and all(values)


def _choose_text(columns: dict[str, Column], known: Sequence[Mapping[str, Any]]) -> None:
    """The column with the most in a cell; of a file of short ones the title, if it is all there is."""
    rest = [one for one in known if columns[one["name"]].use in ("meta", "title")]
    free = [one for one in rest if columns[one["name"]].use == "meta"]
    chosen = max(free or rest or known, key=lambda one: one["chars"] / max(one["filled"], 1))
    columns[chosen["name"]] = Column(chosen["name"], "text")


def _digest(fields: Mapping[str, Any]) -> str:
    """Of a row without an id its content is the id: the same file once more adds nothing."""
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
