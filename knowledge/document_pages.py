"""All documents of an account: adding many, seeing how far they are, and what to do about those that failed."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import SiteSettings
from accounts.pages import AreaPage
from accounts.usage import held_by
from doculume.errors import DoculumeError
from doculume.text import storable
from knowledge import moving, retrying, uploads
from knowledge.document_lists import ON_A_PAGE, OPEN, Wanted, page_of, tally
from knowledge.models import Collection, Document
from knowledge.remedies import Remedy, remedy

# In a list to choose from. Who has more finds them on the page of collections.
COLLECTIONS = 200
SHORT = {"markdown": "md", "text": "txt"}
QUICKEST, SLOWEST = 2, 10  # seconds between two looks at what moves


class Row:
    """A document as the list shows it."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @property
    def kind(self) -> str:
        """In a few letters, as files end."""
        return SHORT.get(self.document.file_type, self.document.file_type[:5])

    @property
    def moves(self) -> bool:
        return self.document.status in OPEN

    @property
    def remedy(self) -> Remedy | None:
        failed = self.document.status == Document.Status.FAILED
        return remedy(self.document.error_code, self.document.error_message) if failed else None


class DocumentsPage(AreaPage):
    """Newest first, in pages; what is being read moves by itself."""

    area = "documents"
    template_name = "knowledge/documents.html"

    @cached_property
    def wanted(self) -> Wanted:
        return Wanted.asked(self.request.GET)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = page_of(self.account, self.wanted, self.request.GET)
        rows = [Row(document) for document in page.documents]
        collections = list(Collection.objects.for_account(self.account).only("name", "is_default")[:COLLECTIONS])
        usual = next((collection.id for collection in collections if collection.is_default), None)
        shown = {
            "wanted": self.wanted,
            "page": page,
            "rows": rows,
            "moving": [row.document.id for row in rows if row.moves],
            "pause": QUICKEST,
            "tally": tally(self.account),
            "collections": collections,
            "into": self.wanted.collection or usual,
            "room": Room(self),
            "upload_max_bytes": SiteSettings.objects.current().upload_limit,
            "together_max_bytes": settings.UPLOAD_MAX_BYTES,
            "most_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        }
        return super().get_context_data(**shown | kwargs)

    def back(self) -> HttpResponse:
        """To the list as it was looked at."""
        wanted = self.request.POST.get("next", "")
        if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
            return redirect(wanted)
        return self.goes_to("documents")


class Room:
    """What the plan has left for documents; None where it sets no limit."""

    def __init__(self, page: AreaPage) -> None:
        allowed, held = page.account.allowance, held_by(page.account)
        self.entries = None if allowed.entries is None else max(allowed.entries - held.entries, 0)
        self.bytes = None if allowed.stored_bytes is None else max(allowed.stored_bytes - held.stored_bytes, 0)

    @property
    def is_full(self) -> bool:
        return self.entries == 0 or self.bytes == 0


class MovingDocuments(AreaPage):
    """How far those of `?id=` are that were being read a moment ago; looks again, ever less often."""

    area = "documents"
    template_name = "knowledge/documents_moving.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = _ids(self.request.GET.getlist("id"))
        rows = [Row(document) for document in Document.objects.for_account(self.account).filter(id__in=asked)]
        pause = self.request.GET.get("pause", "")
        return super().get_context_data(
            rows=rows,
            moving=[row.document.id for row in rows if row.moves],
            ended=[row.document for row in rows if not row.moves],
            pause=min(int(pause) + 1, SLOWEST) if pause.isdecimal() and len(pause) < 4 else QUICKEST,
            tally=tally(self.account),
            wanted=Wanted.asked(self.request.GET),
            **kwargs,
        )

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response


class UploadDocuments(DocumentsPage):
    """Several files at once, for browsers without scripts. Each is taken or refused by itself."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        self.must_write()
        chosen = _ids([request.POST.get("collection", "")])
        files = request.FILES.getlist("files")
        taken = sum(self._take(file, chosen[0] if chosen else None) for file in files)
        if taken:
            told = ngettext("%(n)s file is there and being read.", "%(n)s files are there and being read.", taken)
            messages.success(request, told % {"n": taken})
        if not files:
            messages.error(request, _("Choose one file or several first."))
        return self.goes_to("documents")

    def _take(self, file: UploadedFile, collection_id: UUID | None) -> bool:
        name = storable(file.name or "")
        try:
            uploads.accept(self.account, self.membership.user, file, name=name, collection_id=collection_id)
        except DoculumeError as error:
            messages.error(self.request, _("%(name)s was not taken. %(reason)s") % {"name": name, "reason": error.told})
            return False
        return True


class SeveralDocuments(DocumentsPage):
    """What is done with those that were chosen: `do` is retry, move (to a collection, `to`) or delete."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        self.must_write()
        chosen = _ids(request.POST.getlist("id"))[:ON_A_PAGE]
        documents = list(Document.objects.for_account(self.account).filter(id__in=chosen))
        does = {"retry": self._retry, "move": self._move, "delete": self._delete}.get(request.POST.get("do", ""))
        if not documents:
            messages.error(request, _("Choose documents first, by the boxes before their names."))
        elif does:
            try:
                does(documents)
            except DoculumeError as error:
                messages.error(request, error.told)
        return self.back()

    def _retry(self, documents: list[Document]) -> None:
        count = retrying.retry(self.account.pk, [document.entry_id for document in documents])
        if not count:
            messages.error(self.request, _("None of them has failed."))
            return
        told = ngettext("%(n)s document is read once more.", "%(n)s documents are read once more.", count)
        messages.success(self.request, told % {"n": count})

    def _move(self, documents: list[Document]) -> None:
        to = get_object_or_404(
            Collection.objects.for_account(self.account), id__in=_ids([self.request.POST.get("to", "")])
        )
        moved = moving.move(self.account, [document.id for document in documents], to.id)
        told = ngettext("%(n)s document is in %(to)s now.", "%(n)s documents are in %(to)s now.", moved.count)
        messages.success(self.request, told % {"n": moved.count, "to": to.name})
        if moved.left:
            left = ngettext(
                "%(n)s is left, too long to go with them: move it by itself.",
                "%(n)s are left, too long for one go: move them once more.",
                moved.left,
            )
            messages.warning(self.request, left % {"n": moved.left})

    def _delete(self, documents: list[Document]) -> None:
        for document in documents:
            uploads.delete(document)
        told = ngettext("%(n)s document is deleted.", "%(n)s documents are deleted.", len(documents))
        messages.success(self.request, told % {"n": len(documents)})


class OneDocument(DocumentsPage):
    """Mixin for what is done with one; another account's is a 404."""

    http_method_names = ["post", "options"]

    @cached_property
    def document(self) -> Document:
        found: Document = get_object_or_404(Document.objects.for_account(self.account), id=self.kwargs["pk"])
        return found


class RetryDocument(OneDocument):
    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        try:
            uploads.retry(self.document)
        except DoculumeError as error:
            messages.error(request, error.told)
        else:
            messages.success(request, _("%(name)s is read once more.") % {"name": self.document.filename})
        return self.back() if request.POST.get("next") else self.goes_to("document-page", self.document.id)


class DeleteDocument(OneDocument):
    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        uploads.delete(self.document)
        messages.success(request, _("%(name)s is deleted.") % {"name": self.document.filename})
        return self.goes_to("documents")


def _ids(texts: list[str]) -> list[UUID]:
    """Those that are ids, each once and at most as many as a page has."""
    found: dict[UUID, None] = {}
    for text in texts[:ON_A_PAGE]:
        try:
            found[UUID(text)] = None
        except ValueError:
            continue
    return list(found)
