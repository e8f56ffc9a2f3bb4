"""Reading a document: its text as it was understood, and the file itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files.base import File
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.generic import DetailView
from django.views.generic.detail import SingleObjectMixin

from accounts.pages import AccountPage
from knowledge.models import Document
from knowledge.reading import Place, open_pieces, open_window
from knowledge.remedies import remedy

OFFSET = re.compile(r"[0-9]{1,9}")
SLIDES = {"pptx", "odp"}
BLOCK_BYTES = 256 * 1024
# A browser shows a PDF in a viewer of its own, which a sandbox would keep from starting. Scripts of the PDF's own
# run in none, and whatever else claims to be one has nothing it may load.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PDF_POLICY = f"{NOTHING}; object-src 'self'; style-src 'unsafe-inline'"
OTHER_POLICY = f"{NOTHING}; sandbox"


class DocumentsOfAccount(AccountPage, SingleObjectMixin):
    """Documents of the page's account; any other is a 404, as if there were none."""

    context_object_name = "document"

    def get_queryset(self) -> QuerySet[Document]:
        documents: QuerySet[Document] = Document.objects.for_account(self.account)
        return documents.select_related("entry").defer("entry__text", "entry__raw_text")


class DocumentPage(DocumentsOfAccount, DetailView):
    """The text, opened at `?start=&end=` (marked), else at `?page=`, else at the chunk `?at=`.

    With `?view=chunks` the same, in the pieces that search finds.
    """

    template_name = "knowledge/document.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.object.account = self.account
        place, in_pieces = place_of(self.request.GET), self.request.GET.get("view") == "chunks"
        failed = self.object.status == Document.Status.FAILED
        return super().get_context_data(
            area="documents",
            in_pieces=in_pieces,
            window=open_pieces(self.object, place) if in_pieces else open_window(self.object, place),
            is_slides=self.object.file_type in SLIDES,
            remedy=remedy(self.object.error_code, self.object.error_message) if failed else None,
            **kwargs,
        )


class DocumentFile(DocumentsOfAccount):
    """The uploaded file, byte for byte: a PDF to look at, everything else to save."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> StreamingHttpResponse:
        return as_file(self.get_object())


def as_file(document: Document) -> StreamingHttpResponse:
    """What was uploaded, as it may be sent to anybody who may see it. Raises Http404 if the file is gone."""
    is_pdf = document.media_type == "application/pdf"
    try:
        file = document.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = StreamingHttpResponse(blocks(file), content_type=document.media_type)
    response["Content-Length"] = str(document.file_size)
    response["Content-Disposition"] = disposition(document.filename, is_attachment=not is_pdf)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = PDF_POLICY if is_pdf else OTHER_POLICY
    return response


def disposition(filename: str, *, is_attachment: bool) -> str:
    """Any name at all, by RFC 6266 and 5987."""
    return content_disposition_header(is_attachment, filename) or "attachment"


def place_of(parameters: QueryDict) -> Place:
    """Where to open. What is no number is as if it were not there: old links must open something."""
    given = {name: parameters.get(name, "") for name in ("page", "start", "end", "at")}
    return Place(**{name: int(text) for name, text in given.items() if OFFSET.fullmatch(text)})


async def blocks(file: File) -> AsyncIterator[bytes]:
    """The file's content, read off the event loop; a list or an iterator would be read whole before it is sent."""
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while block := await read(BLOCK_BYTES):
            yield block
    finally:
        await sync_to_async(file.close, thread_sensitive=False)()
