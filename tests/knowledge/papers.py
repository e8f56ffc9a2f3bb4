"""Small files of many kinds, made by the tests that read them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.reading import read_document

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def read(folder: Path, name: str, data: bytes | str, limits: ParseLimits | None = None) -> ParsedDocument:
    """What the parsers make of a file, in this process."""
    path = folder / "upload"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_document(path, name, limits or ParseLimits())


def texts(document: ParsedDocument, kind: str = "") -> list[str]:
    return [block.text for block in document.blocks if kind in ("", block.kind)]


def text(document: ParsedDocument) -> str:
    return "\n".join(texts(document))


def block(document: ParsedDocument, beginning: str) -> Block:
    return next(one for one in document.blocks if one.text.startswith(beginning))


def zipped(members: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(body: str, more: dict[str, bytes | str] | None = None) -> bytes:
    """A document of raw WordprocessingML; `more` adds or replaces members."""
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>',
    }
    return zipped(members | (more or {}))


def paragraph(words: str) -> str:
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def pdf(pages: Iterable[Iterable[tuple[float, float, float, str]]], catalog: str = "", trailer: str = "") -> bytes:
    """Pages of lines, each `(x, y, size, words)` in Helvetica; bold where the size is negative."""
    objects: list[bytes] = []
    contents = []
    for page in pages:
        stream = "".join(
            f"BT /F{2 if size < 0 else 1} {abs(size)} Tf {x} {y} Td ({words}) Tj ET\n" for x, y, size, words in page
        )
        contents.append(stream.encode("cp1252"))
    kids = " ".join(f"{5 + 2 * index} 0 R" for index in range(len(contents)))
    objects.append(f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode())
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode())
    for font in ("Helvetica", "Helvetica-Bold"):
        objects.append(f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>".encode())
    for index, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {6 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return assembled(objects, trailer)


def assembled(objects: list[bytes], trailer: str = "") -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


def one_page(*lines: str) -> bytes:
    return pdf([[(72, 700 - 14 * index, 11, line) for index, line in enumerate(lines)]])
