"""Office Open XML packages: which part relates to which. See ECMA-376 part 2."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.ingestion.parsers.archive import Archive, resolve
from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.cleaning import one_line
from knowledge.ingestion.parsers.markup import Element, attribute, local, parse_xml


@dataclass(frozen=True, slots=True)
class Relation:
    kind: str  # the last segment of the type's address, which strict and transitional documents share
    target: str  # a member's name


def relations(archive: Archive, part: str) -> dict[str, Relation]:
    """The internal relations of a part by id. External ones are left out: nothing is ever fetched."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
    if path not in archive:
        return {}
    return {
        attribute(one, "Id"): Relation(
            attribute(one, "Type").rstrip("/").rpartition("/")[2], resolve(part, attribute(one, "Target"))
        )
        for one in parse_xml(archive.read(path))
        if attribute(one, "TargetMode") != "External"
    }


def main_part(archive: Archive, usual: str) -> str:
    """The member that the package says is the document, or the usual one."""
    for relation in relations(archive, "").values():
        if relation.kind == "officeDocument" and relation.target in archive:
            return relation.target
    if usual in archive:
        return usual
    raise Unreadable("corrupt")


def related(archive: Archive, part: str, *kinds: str) -> list[str]:
    """The members of those kinds that `part` relates to, in the order of their ids' first mention."""
    found = [one.target for one in relations(archive, part).values() if one.kind in kinds and one.target in archive]
    return list(dict.fromkeys(found))


def read_part(archive: Archive, name: str) -> Element | None:
    """The root of a part; None if it is missing or beyond mending: a broken extra does not spoil a document."""
    try:
        return parse_xml(archive.read(name))
    except KeyError:
        return None
    except Unreadable as error:
        if error.code != "corrupt":
            raise
        return None


def core_properties(archive: Archive) -> dict[str, str]:
    """Title, author and the like, as far as they are given."""
    found: dict[str, str] = {}
    for relation in relations(archive, "").values():
        if relation.kind == "core-properties" and (root := read_part(archive, relation.target)) is not None:
            for one in root:
                if text := one_line(one.text or ""):
                    found[local(one)] = text[:500]
    wanted = {"title": "title", "creator": "author", "subject": "subject", "created": "created", "keywords": "keywords"}
    return {name: found[key] for key, name in wanted.items() if key in found}
