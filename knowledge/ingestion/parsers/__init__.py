"""The kinds of files that can be read and who reads them. Parsers are imported only where they are run."""

from __future__ import annotations

from importlib import import_module

from knowledge.ingestion.parsers.base import Parser

PARSERS: dict[str, str] = {
    "pdf": "knowledge.ingestion.parsers.pdf.PdfParser",
    "docx": "knowledge.ingestion.parsers.word.DocxParser",
    "pptx": "knowledge.ingestion.parsers.slides.PptxParser",
    "xlsx": "knowledge.ingestion.parsers.sheets.XlsxParser",
    "odt": "knowledge.ingestion.parsers.opendocument.OpenDocumentParser",
    "odp": "knowledge.ingestion.parsers.opendocument.OpenDocumentParser",
    "ods": "knowledge.ingestion.parsers.opendocument.OpenDocumentParser",
    "epub": "knowledge.ingestion.parsers.epub.EpubParser",
    "rtf": "knowledge.ingestion.parsers.rtf.RtfParser",
    "html": "knowledge.ingestion.parsers.html.HtmlParser",
    "markdown": "knowledge.ingestion.parsers.markdown.MarkdownParser",
    "text": "knowledge.ingestion.parsers.text.TextParser",
    "csv": "knowledge.ingestion.parsers.delimited.CsvParser",
    "json": "knowledge.ingestion.parsers.structured.JsonParser",
    "xml": "knowledge.ingestion.parsers.structured.XmlParser",
    "eml": "knowledge.ingestion.parsers.mail.MailParser",
}


def load_parser(kind: str) -> Parser:
    """Raises KeyError for a kind that nobody reads."""
    module, _, name = PARSERS[kind].rpartition(".")
    parser: Parser = getattr(import_module(module), name)()
    return parser
