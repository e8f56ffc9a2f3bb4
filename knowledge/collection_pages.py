"""Collections and what is in them, for people."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Account
from accounts.pages import AreaPage
from doculume.errors import DoculumeError
from knowledge import collections, entries, retrying
from knowledge.forms import CollectionForm, EntryForm
from knowledge.models import Collection, Document, Entry, IngestionJob
from knowledge.overview import Holds, holdings
from knowledge.remedies import Remedy, remedy
from knowledge.search import EntryResults, search_entries

ON_A_PAGE = 50
FOUND = 30
LONGEST_QUERY = 500
# Of a long text, a form of the browser would take minutes.
EDITED_UP_TO = 200_000

LISTED = (
    "title",
    "read_title",
    "source_type",
    "source_id",
    "source_url",
    "generation",
    "active_generation",
    "updated_at",
    "created_at",
    "account_id",
    "collection_id",
    "document__filename",
    "document__status",
    "document__error_message",
    "document__entry_id",
    "document__account_id",
)


class KnowledgePage(AreaPage):
    area = "collections"


def jobs_of_entries(account: Account) -> QuerySet[IngestionJob]:
    """For subqueries over entries: the job of what an entry holds now."""
    own = IngestionJob.objects.filter(account_id=account.pk, entry_id=OuterRef("id"))
    return own.filter(generation=OuterRef("generation")).order_by()


def remedy_of(entry: Entry) -> Remedy | None:
    """Why it could not be read, and what to do; None unless it was given up. With `job_status` and `job_error`."""
    if entry.job_status != IngestionJob.Status.FAILED:  # type: ignore[attr-defined]
        return None
    document = getattr(entry, "document", None)
    return remedy(entry.job_error, document.error_message if document else "")  # type: ignore[attr-defined]


class CollectionsPage(KnowledgePage):
    """All of the account's, newest first, and making one."""

    template_name = "knowledge/collections.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = Paginator(Collection.objects.for_account(self.account), ON_A_PAGE).get_page(self.request.GET.get("page"))
        held = holdings(self.account, [collection.id for collection in page])
        rows = [(collection, held[collection.id]) for collection in page]
        return super().get_context_data(page=page, rows=rows, **{"form": CollectionForm()} | kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.must_write()
        form = CollectionForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        made = Collection.objects.create(account=self.account, name=form.cleaned_data["name"])
        return self.goes_to("collection", made.id)


class InCollection(KnowledgePage):
    """Mixin for what is about one collection; another account's is a 404."""

    @cached_property
    def collection(self) -> Collection:
        rows = Collection.objects.for_account(self.account)
        found: Collection = get_object_or_404(rows, id=self.kwargs["collection"])
        return found

    @property
    def entries(self) -> QuerySet[Entry]:
        rows: QuerySet[Entry] = Entry.objects.for_account(self.account).filter(collection_id=self.collection.id)
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs | {"collection": self.collection})


class CollectionPage(InCollection):
    """Its entries, newest first, or those that a query finds."""

    template_name = "knowledge/collection.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        query = self.request.GET.get("q", "").strip()[:LONGEST_QUERY]
        held = holdings(self.account, [self.collection.id])[self.collection.id]
        shown = self._found(query) if query else self._listed(held)
        form = CollectionForm({"name": self.collection.name})
        return super().get_context_data(query=query, held=held, **{"form": form} | shown | kwargs)

    def _found(self, query: str) -> dict[str, Any]:
        try:
            results = search_entries(
                self.account,
                query,
                collection_ids=[self.collection.id],
                threshold=0.0,
                per_page=FOUND,
                as_you_type=True,
            )
        except DoculumeError as error:
            return {"results": EntryResults([], 0, False), "trouble": error}
        return {"results": results}

    def _listed(self, held: Holds) -> dict[str, Any]:
        state = self.request.GET.get("state", "")
        jobs = jobs_of_entries(self.account)
        rows = self.entries.select_related("document").only(*LISTED)
        rows = rows.annotate(job_status=Subquery(jobs.values("status")), job_error=Subquery(jobs.values("last_error")))
        if state in {"failed", "waiting"}:
            unread = jobs.filter(status__in=["failed"] if state == "failed" else ["waiting", "running"])
            rows = rows.filter(Exists(unread))
        paginator = Paginator(rows, ON_A_PAGE)
        if not state:
            paginator.count = held.entries
        page = paginator.get_page(self.request.GET.get("page"))
        # A template that finds no document looks through all of the entry's attributes.
        lines = [(entry, getattr(entry, "document", None), remedy_of(entry)) for entry in page]
        return {"page": page, "rows": lines, "state": state}


class RenameCollection(CollectionPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        form = CollectionForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        own = Collection.objects.for_account(self.account).filter(id=self.collection.id)
        own.update(name=form.cleaned_data["name"], updated_at=timezone.now())
        messages.success(request, _("Saved."))
        return self.goes_to("collection", self.collection.id)


class RetryCollection(CollectionPage):
    """What failed in it, all at once."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        count = retrying.retry_collection(self.account.pk, self.collection.id)
        told = ngettext("%(n)s entry is read once more.", "%(n)s entries are read once more.", count)
        messages.success(request, told % {"n": count})
        return self.goes_to("collection", self.collection.id)


class DeleteCollection(CollectionPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        name = self.collection.name
        collections.delete(self.account, self.collection.id)
        messages.success(request, _("%(name)s is deleted, with all that was in it.") % {"name": name})
        return self.goes_to("collections")


class NewEntryPage(InCollection):
    template_name = "knowledge/entry.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": EntryForm()} | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        form = EntryForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            entries.add(self.account, self.collection, form.cleaned_data)
        except DoculumeError as error:
            return self.again(error, form=form)
        messages.success(request, _("Added. It is found as soon as it is read."))
        return self.goes_to("collection", self.collection.id)


class EntryPage(InCollection):
    """One entry, to be read and changed."""

    template_name = "knowledge/entry.html"

    @cached_property
    def entry(self) -> Entry:
        jobs = jobs_of_entries(self.account)
        rows = self.entries.select_related("document").defer("text")
        rows = rows.annotate(job_status=Subquery(jobs.values("status")), job_error=Subquery(jobs.values("last_error")))
        return get_object_or_404(rows, id=self.kwargs["pk"])

    @cached_property
    def document(self) -> Document | None:
        return getattr(self.entry, "document", None)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_long = len(self.entry.raw_text) > EDITED_UP_TO
        form = self._form({name: getattr(self.entry, name) for name in EntryForm.base_fields})
        shown = {"entry": self.entry, "document": self.document, "is_long": is_long, "remedy": remedy_of(self.entry)}
        return super().get_context_data(**shown | {"form": form} | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        form = self._form(None, request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            entries.update(self.account, self.entry, form.cleaned_data)
        except DoculumeError as error:
            return self.again(error, form=form)
        messages.success(request, _("Saved."))
        return self.goes_to("collection", self.collection.id)

    def _form(self, initial: dict[str, Any] | None, request: HttpRequest | None = None) -> EntryForm:
        of_a_file = self.document is not None or len(self.entry.raw_text) > EDITED_UP_TO
        return EntryForm(request.POST if request else None, initial=initial, of_a_file=of_a_file)


class DeleteEntry(EntryPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        entries.delete(self.account, self.entry)
        messages.success(request, _("Deleted."))
        return self.goes_to("collection", self.collection.id)


class RetryEntry(EntryPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        try:
            retrying.retry_one(self.account.pk, self.entry.id)
        except DoculumeError as error:
            messages.error(request, error.told)
        else:
            messages.success(request, _("It is read once more."))
        return self.goes_to("entry", self.collection.id, self.entry.id)
