"""What kind a file is, by its content. Reads little, so that a web process may do it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.encoding import decode

HEAD = 64 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MEMBERS_LOOKED_AT = 20_000
_DIRECTORY_AT_MOST = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileKind:
    name: str
    media_type: str


_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": _OFFICE + "wordprocessingml.document",
    "pptx": _OFFICE + "presentationml.presentation",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "html": "text/html",
    "markdown": "text/markdown",
    "text": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "application/xml",
    "eml": "message/rfc822",
}
_EXTENSIONS = {
    "markdown": ("md", "markdown", "mdown", "mkd"),
    "csv": ("csv", "tsv", "tab"),
    "json": ("json", "jsonl", "ndjson", "geojson", "ipynb"),
    "eml": ("eml",),
    "html": ("html", "htm", "xhtml"),
    "xml": ("xml", "nxml"),
}
_NEVER_TEXT = frozenset(("pdf", "docx", "pptx", "xlsx", "odt", "odp", "ods", "epub", "docm", "pptm", "xlsm"))
# Beginnings of what is certainly not for us, so that it is refused even where its bytes could pass for text.
_FOREIGN = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM\x00", b"II*\x00", b"MM\x00*", b"RIFF",
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!",
    b"\x28\xb5\x2f\xfd", b"OggS", b"fLaC", b"ID3", b"\x00\x00\x00\x18ftyp", b"\x00\x00\x00\x20ftyp", b"SQLite format 3",
    b"\x00asm", b"wOFF", b"%!PS", b"AT&TFORM",
)  # fmt: skip


def sniff(file: BinaryIO | Path, filename: str) -> FileKind:
    """The kind of a file; its name only decides between kinds of text.

    Reads at most the first 64 KB and a zip's directory. The position of `file` is put back. Raises Unreadable
    with `empty_file`, `encrypted`, `unsupported_type` or `corrupt`.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return sniff(opened, filename)
    position = file.tell()
    try:
        file.seek(0)
        head = file.read(HEAD)
        name = _name_of_kind(file, head, filename)
    finally:
        file.seek(position)
    return FileKind(name, _MEDIA_TYPES[name])


def _name_of_kind(file: BinaryIO, head: bytes, filename: str) -> str:
    if not head:
        raise Unreadable("empty_file")
    if b"%PDF-" in head[:1024] and head.lstrip()[:1] != b"<":
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _kind_of_zip(file)
    if head.startswith(_OLE):
        _refuse_ole(head, file)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:5] == b"{\\rtf":
        return "rtf"
    if head.startswith(_FOREIGN) or head[:2] == b"MZ" or head[4:8] == b"ftyp":
        raise Unreadable("unsupported_type")
    return _kind_of_text(head, filename)


def _kind_of_zip(file: BinaryIO) -> str:
    try:
        if file.seek(0, io.SEEK_END) and _directory_size(file) > _DIRECTORY_AT_MOST:
            raise Unreadable("too_large")
        with zipfile.ZipFile(file) as archive:
            names = {info.filename.replace("\\", "/").lstrip("/").lower() for info in archive.infolist()}
            mimetype = _member(archive, "mimetype", 200).decode("ascii", "replace").strip()
            manifest = _member(archive, "META-INF/manifest.xml", HEAD)
            content_types = _member(archive, "[Content_Types].xml", HEAD)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise Unreadable("corrupt", "The file is cut off or damaged. Upload it again.") from error
    if "encryptedpackage" in names or b"encryption-data" in manifest:
        raise Unreadable("encrypted")
    return _kind_of_members(names, mimetype, content_types)


def _directory_size(file: BinaryIO) -> int:
    """What a zip's end record says of the size of its directory, before anything is made of it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 66_000))
    tail = file.read(66_000)
    at = tail.rfind(b"PK\x05\x06")
    return int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0


def _member(archive: zipfile.ZipFile, name: str, at_most: int) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(at_most)
    except Exception:  # a damaged or missing member tells nothing; zipfile raises half a dozen kinds for it
        return b""


def _kind_of_members(names: set[str], mimetype: str, content_types: bytes) -> str:
    for kind in ("odt", "odp", "ods"):
        if mimetype.startswith((_MEDIA_TYPES[kind], _MEDIA_TYPES[kind] + "-template")):
            return kind
    if mimetype == "application/epub+zip" or "meta-inf/container.xml" in names:
        return "epub"
    for marker, kind in ((b"wordprocessingml", "docx"), (b"presentationml", "pptx"), (b"spreadsheetml", "xlsx")):
        if marker + b".document.main" in content_types or marker + b".presentation.main" in content_types:
            return kind
    for folder, kind in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if any(name.startswith(folder) and name.endswith(".xml") for name in names):
            return kind
    if b"-officedocument" in content_types or b"ms-word.document" in content_types:
        raise Unreadable("corrupt")
    raise Unreadable("unsupported_type", "Archives are not supported. Upload the documents in it one by one.")


def _refuse_ole(head: bytes, file: BinaryIO) -> None:
    """The container of Office before 2007, and of encrypted documents since. Raises Unreadable always."""
    file.seek(0)
    start = file.read(1024 * 1024)
    if "EncryptedPackage".encode("utf-16-le") in start or "EncryptionInfo".encode("utf-16-le") in start:
        raise Unreadable("encrypted")
    raise Unreadable(
        "unsupported_type", "Documents of Office 97 to 2003 are not supported. Save it as .docx, .xlsx or .pptx."
    )


def _kind_of_text(head: bytes, filename: str) -> str:
    text = decode(head)
    if _is_binary(head, text):
        raise Unreadable("unsupported_type")
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""
    named = next((kind for kind, extensions in _EXTENSIONS.items() if extension in extensions), "text")
    start = text.lstrip("\ufeff \t\r\n")
    for kind, looks_like in _TEXT_KINDS:
        if looks_like(start, named):
            return kind
    if extension in _NEVER_TEXT:
        raise Unreadable("corrupt", "The file is plain text, and not what the end of its name says.")
    return named if named == "markdown" else "text"


def _is_binary(head: bytes, text: str) -> bool:
    """Whether it is no text in any encoding: too many control characters, or bytes no encoding makes sense of."""
    sample = text[:20_000]
    odd = sum((char < " " and char not in "\t\n\r\x0b\x0c\x1b") or "\x7f" <= char < "\xa0" for char in sample)
    odd += sample.count("\ufffd")
    # A short text may be strewn with them; a long one that is, is not written by anybody.
    if odd * (2 if len(sample) < 200 else 20) > len(sample):
        return True
    if sample.isascii() or not sample:
        return False
    # Compressed data guessed as some single-byte alphabet: symbols and capitals in the middle of words.
    letters = sum(char.isalpha() or char.isspace() or char in ".,;:-'\"()!?" for char in sample)
    return letters * 2 < len(sample) and odd > 0


_COMMENTS = r"(?:\s*<!--.{0,2000}?-->)*\s*"
_HTML = re.compile(
    _COMMENTS + r"<(?:!doctype\s+html|html|head|body|div|p|h[1-6]|table|meta|title|script|style|article|section|span"
    r"|ul|ol|a|b|br)[\s/>]",
    re.IGNORECASE | re.DOTALL,
)
_XHTML = re.compile(r"<\?xml[^>]{0,200}\?>" + _COMMENTS + r"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL)


def _looks_like_html(text: str, named: str) -> bool:
    if _XHTML.match(text):
        return True
    if _HTML.match(text):
        return named not in ("markdown", "eml") and (named != "xml" or "<html" in text[:5000].lower())
    return named == "html" and not text.startswith("<?xml")


def _looks_like_xml(text: str, named: str) -> bool:
    if text.startswith("<?xml"):
        return True
    doctype = re.match(r"<!DOCTYPE\s+(?!html)", text, re.IGNORECASE) is not None
    return doctype or (named == "xml" and text.startswith("<"))


def _looks_like_json(text: str, named: str) -> bool:
    if named == "json":
        return True
    return (
        re.match(r'\{\s*"[^"\n]{0,200}"\s*:|\[\s*(?:\{\s*["}]|\[|"[^"\n]{0,200}"\s*[,\]]|-?\d[\d.]*\s*,)', text)
        is not None
        and named == "text"
    )


_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,60}:(?:[ \t]|$)")
_MAIL_HEADERS = frozenset(
    ("from", "to", "cc", "subject", "date", "message-id", "received", "return-path", "mime-version", "content-type")
)


def _looks_like_mail(text: str, named: str) -> bool:
    """Two headers that every message has, before the first empty line, and nothing else there."""
    lines = text[:HEAD].replace("\r", "").split("\n\n")[0].split("\n")
    if lines and lines[0].startswith("From "):
        lines = lines[1:]
    headers = [line for line in lines if line and not line[0].isspace()]
    known = {line.partition(":")[0].lower() for line in headers if _HEADER.match(line)} & _MAIL_HEADERS
    if named == "eml":
        return bool(known)
    certain = known & {"message-id", "received", "return-path", "mime-version", "delivered-to"}
    return len(known) >= 3 and bool(certain) and all(_HEADER.match(line) for line in headers[:30])


def _looks_like_csv(text: str, named: str) -> bool:
    """By its name, unless there is no delimiter; or unnamed, if each of many lines has as many fields."""
    lines = [line for line in text[:20_000].split("\n") if line.strip()][:50]
    if named == "csv":
        return any(delimiter in line for line in lines for delimiter in ",;\t|") or len(lines) > 0
    return False


def sniff_delimiter(sample: str) -> str:
    """The character that parts the fields: the one that gives the most even rows of more than one field."""
    best, best_score = ",", 0.0
    for delimiter in (",", ";", "\t", "|"):
        rows = [row for row in csv.reader(sample.splitlines(keepends=True)[:100], delimiter=delimiter) if row]
        widths = [len(row) for row in rows]
        common = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        score = widths.count(common) / max(len(widths), 1) + min(common, 10) / 100 if common > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


_TEXT_KINDS = (
    ("html", _looks_like_html),
    ("xml", _looks_like_xml),
    ("json", _looks_like_json),
    ("eml", _looks_like_mail),
    ("csv", _looks_like_csv),
)
