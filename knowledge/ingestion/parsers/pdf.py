"""PDF by PDFium: its text in reading order, put together to paragraphs and headings by where the lines stand."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import clean, one_line
from knowledge.ingestion.parsers.pdf_layout import JOINT, Line, blocks_of_pages, resolve_hyphens

_NO_TITLES = re.compile(r"untitled|microsoft (word|powerpoint|excel) - |\.(docx?|pptx?|xlsx?|indd|qxd|dvi|tex)$", re.I)
_HAS_TEXT = frozenset(
    getattr(pdfium, f"FPDF_ANNOT_{name}")
    for name in ("TEXT", "FREETEXT", "HIGHLIGHT", "UNDERLINE", "STRIKEOUT", "SQUIGGLY", "STAMP", "SQUARE", "CIRCLE")
)
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_CATALOG = re.compile(
    rb"(\d{1,9})\s+(\d{1,5})\s+obj\b[^<]{0,50}<<(?:(?!endobj).){0,2000}?/Type\s*/Catalog\b", re.DOTALL
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ue000-\uf8ff\ufffd]")
_OUTLINE_AT_MOST = 5_000


class PdfParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        pdf, mended = _opened(path)
        count = len(pdf)
        if count > limits.pages:
            raise Unreadable("too_large", "The file has too many pages. Split it into smaller files.")
        form = _form_of(pdf)
        pages: list[list[Line]] = []
        extras: list[list[str]] = []
        failed, chars = 0, 0
        for number in range(count):
            lines, notes, ok = _read_page(pdf, number, form)
            failed += not ok
            pages.append(lines)
            extras.append(notes)
            chars += sum(len(line.text) for line in lines)
            if chars > limits.text_chars:
                raise Unreadable("too_large")
        if failed == count or (failed and mended):
            raise Unreadable("corrupt")
        resolve_hyphens(pages)
        blocks = list(blocks_of_pages(pages, extras, _outline(pdf)))
        metadata = _metadata(pdf)
        return ParsedDocument("pdf", metadata.pop("title", ""), blocks, count, metadata)


def _opened(path: Path) -> tuple[Any, bool]:
    """The document, and whether its end had to be made up."""
    try:
        return pypdfium2.PdfDocument(path), False
    except pypdfium2.PdfiumError as error:
        code = pdfium.FPDF_GetLastError()
        if code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY) or "assword" in str(error):
            raise Unreadable("encrypted") from error
        return _mended(path.read_bytes()), True


def _mended(data: bytes) -> Any:
    """A file whose end is missing: PDFium finds the objects by itself, but must be told where to begin."""
    catalogs = list(_CATALOG.finditer(data))
    if catalogs and b"/Encrypt" not in data:
        root = b"%s %s R" % (catalogs[-1][1], catalogs[-1][2])
        with contextlib.suppress(pypdfium2.PdfiumError):
            return pypdfium2.PdfDocument(
                data + b"\nendstream\nendobj\ntrailer << /Root %s >>\nstartxref\n0\n%%%%EOF" % root
            )
    raise Unreadable("corrupt")


def _form_of(pdf: Any) -> Any:
    if pdf.get_formtype() == pdfium.FORMTYPE_NONE:
        return None
    with contextlib.suppress(pypdfium2.PdfiumError):
        pdf.init_forms()
        return pdf.formenv
    return None


def _read_page(pdf: Any, number: int, form: Any) -> tuple[list[Line], list[str], bool]:
    """Lines, what is filled in or remarked, and whether the page could be read: a broken one does not spoil others."""
    try:
        page = pdf[number]
        textpage = page.get_textpage()
        lines = list(_lines(textpage, page))
        notes = list(_annotations(page, form))
        textpage.close()
        page.close()
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return [], [], False
    return lines, notes, True


def _lines(textpage: Any, page: Any) -> Iterator[Line]:
    count = textpage.count_chars()
    if count <= 0:
        return
    text = textpage.get_text_range(0, count, errors="replace")
    places = _places(textpage, count, text)
    garbled = (count - len(text) + len(_NO_TEXT.findall(text))) * 10 > count
    turn = _turn(page)
    for match in re.finditer(r"[^\r\n]+", text):
        # U+FFFE is how PDFium marks a hyphen at the end of a line that it has joined with the next one.
        content = match[0]
        if not content.strip() or (garbled and _is_garbage(content)):
            continue
        if not places:
            yield Line(content)
            continue
        first = match.start() + len(content) - len(content.lstrip())
        last = match.start() + len(content.rstrip()) - 1
        yield _placed(content, textpage, places[first], places[last], turn)


def _is_garbage(line: str) -> bool:
    """Whether a line on a page whose fonts do not say what their characters mean is made of such."""
    return _NO_TEXT.search(line) is not None or re.search(r"[^\W\d_]{4}", line) is None


def _places(textpage: Any, count: int, text: str) -> Sequence[int]:
    """Of each character of the text its number on the page; those without meaning are left out of the text."""
    if len(text) == count:
        return range(count)
    places = [index for index in range(count) if pdfium.FPDFText_GetUnicode(textpage, index)]
    return places if len(places) == len(text) else ()


def _turn(page: Any) -> tuple[int, float, float]:
    width, height = page.get_size()
    rotation = page.get_rotation()
    return (rotation, height, width) if rotation in (90, 270) else (rotation, width, height)


def _placed(content: str, textpage: Any, first: int, last: int, turn: tuple[int, float, float]) -> Line:
    begin, end = _box(textpage, first, turn), _box(textpage, last, turn)
    if begin is None or end is None:
        return Line(content)
    left, bottom, right, top = begin
    size = top - bottom
    if size <= 0 or (abs(end[1] - bottom) > max(size, end[3] - end[1]) * 1.5 and JOINT not in content):
        return Line(content)  # written upwards or along a curve
    bold = _is_bold(textpage, first) and _is_bold(textpage, last)
    if JOINT in content:
        return Line(content, min(left, end[0]), end[2], bottom, top, bold, end[1])
    return Line(content, left, max(end[2], right), bottom, top, bold)


def _is_bold(textpage: Any, index: int) -> bool:
    """By the weight that the font has, or the one in its name."""
    if pdfium.FPDFText_GetFontWeight(textpage, index) >= 600:
        return True
    name = ctypes.create_string_buffer(80)
    size = pdfium.FPDFText_GetFontInfo(textpage, index, name, 80, None)
    return 0 < size <= 80 and _BOLD.search(name.value) is not None


def _box(textpage: Any, index: int, turn: tuple[int, float, float]) -> tuple[float, float, float, float] | None:
    """Left, bottom, right and top of a character on the page as it is shown, in points."""
    rect = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(textpage, index, ctypes.byref(rect)):
        return None
    rotation, width, height = turn
    left, bottom, right, top = rect.left, rect.bottom, rect.right, rect.top
    if rotation == 90:
        left, bottom, right, top = bottom, width - right, top, width - left
    elif rotation == 180:
        left, bottom, right, top = width - right, height - top, width - left, height - bottom
    elif rotation == 270:
        left, bottom, right, top = height - top, left, height - bottom, right
    return left, bottom, right, top


def _annotations(page: Any, form: Any) -> Iterator[str]:
    """What was filled into fields, and remarks."""
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), 5_000)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            subtype = pdfium.FPDFAnnot_GetSubtype(annotation)
            if subtype == pdfium.FPDF_ANNOT_WIDGET and form is not None:
                name = _wide(pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
                value = _wide(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
                if value and value not in ("Off", "Yes"):
                    yield f"{name}: {value}" if name else value
            elif subtype in _HAS_TEXT and (note := _wide(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents")):
                yield note
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _wide(function: Any, *arguments: Any) -> str:
    """The UTF-16 string that a PDFium function gives: asked once for its size, once for itself."""
    size = function(*arguments, None, 0)
    if not 2 < size < 1_000_000:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    function(*arguments, buffer, size)
    return clean(bytes(buffer)[: size - 2].decode("utf-16-le", "replace")).strip()


def _outline(pdf: Any) -> dict[int, dict[str, int]]:
    """Of each page (from 0) the titles of the bookmarks that lead there, in one line and small, and their levels."""
    found: dict[int, dict[str, int]] = {}
    with contextlib.suppress(Exception):  # bookmarks only help; broken ones are common
        for order, bookmark in enumerate(pdf.get_toc(max_depth=6)):
            if order >= _OUTLINE_AT_MOST:
                break
            destination = bookmark.get_dest()
            page = destination.get_index() if destination else None
            title = one_line(clean(bookmark.get_title())).casefold()
            if page is not None and title:
                found.setdefault(page, {})[title] = min(bookmark.level + 1, 6)
    return found


def _metadata(pdf: Any) -> dict[str, str]:
    given: Counter[str] | dict[str, str] = {}
    with contextlib.suppress(Exception):
        given = pdf.get_metadata_dict(skip_empty=True)
    wanted = {"Title": "title", "Author": "author", "Subject": "subject", "CreationDate": "created"}
    found = {name: one_line(clean(str(given[key])))[:500] for key, name in wanted.items() if key in given}
    if _NO_TITLES.search(found.get("title", "")):
        del found["title"]
    return found
