"""EPUB 2 and 3: the chapters in reading order."""

from __future__ import annotations

from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive, resolve
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line
from knowledge.ingestion.parsers.html import decode_html, html_document
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, parse_xml

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


class EpubParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        with Archive(path, limits) as archive:
            package_name = _package_name(archive)
            package = parse_xml(archive.read(package_name))
            blocks: list[Block] = []
            unread = 0
            for name in _spine(archive, package, package_name):
                try:
                    blocks += html_document(decode_html(archive.read(name))).blocks
                except Unreadable as error:
                    if error.code not in ("corrupt", "no_text"):
                        raise
                    unread += 1
            if unread and not blocks:
                raise Unreadable("corrupt")
            if "META-INF/rights.xml" in archive or ("META-INF/encryption.xml" in archive and not blocks):
                raise Unreadable("encrypted")
        return ParsedDocument("epub", _dublin(package, "title"), blocks, None, {"author": _dublin(package, "creator")})


def _package_name(archive: Archive) -> str:
    if "META-INF/container.xml" in archive:
        for rootfile in descendants(parse_xml(archive.read("META-INF/container.xml")), "rootfile"):
            if (name := attribute(rootfile, "full-path")) in archive:
                return name
    found = next((name for name in archive.names if name.lower().endswith(".opf")), None)
    if found is None:
        raise Unreadable("corrupt")
    return found


def _spine(archive: Archive, package: Element, package_name: str) -> list[str]:
    """The members to read, in order; without a usable spine all pages as the manifest lists them."""
    manifest, spine = child(package, "manifest"), child(package, "spine")
    items = {attribute(one, "id"): one for one in ([] if manifest is None else manifest)}
    wanted = [items.get(attribute(one, "idref")) for one in ([] if spine is None else spine)]
    chosen = [one for one in wanted if one is not None] or [
        one for one in items.values() if attribute(one, "media-type") in _PAGES
    ]
    names = [resolve(package_name, attribute(one, "href").partition("#")[0]) for one in chosen]
    return [name for name in dict.fromkeys(names) if name in archive]


def _dublin(package: Element, name: str) -> str:
    metadata = child(package, "metadata")
    found = descendants(metadata, name) if metadata is not None else []
    return one_line("".join(found[0].itertext())) if found else ""
