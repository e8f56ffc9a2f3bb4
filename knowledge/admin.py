"""What an account knows, for staff: to look at, to try again, to delete. Vectors and terms are not for people."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from doculume.back_office import OF_ACCOUNT, ModelAdmin, up_to
from doculume.errors import DoculumeError
from knowledge import (
    golden_admin,  # noqa: F401  (registers its own)
    models_admin,  # noqa: F401
    reconciling,
    retrying,
    uploads,
)
from knowledge.models import Chunk, Collection, Document, Entry, EntryImport, IngestionJob


class ToLookAt(ModelAdmin):
    """Rows that the machine keeps: staff read them, and may delete where a subclass says how."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Collection)
class CollectionAdmin(ModelAdmin):
    list_display = ("name", "account", "is_default", "created_at")
    list_filter = ("is_default", "created_at")
    list_select_related = ("account",)
    search_fields = ("id", "name__istartswith", *OF_ACCOUNT)
    autocomplete_fields = ("account",)
    readonly_fields = ("id", "is_default", "entry_count", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Collection | None = None) -> Any:
        """A collection never moves to another account."""
        return (*self.readonly_fields, "account") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Collection | None = None) -> bool:
        """Only an empty one: what is in it has files and vectors that must go in their own way."""
        return super().has_delete_permission(request, obj) and obj is not None and not obj.entries.exists()

    @admin.display(description="entries")
    def entry_count(self, collection: Collection) -> str:
        return up_to(collection.entries.all()) if collection.account_id else "–"


@admin.register(Document)
class DocumentAdmin(ToLookAt):
    list_display = ("filename", "account", "state", "error_code", "file_type", "size", "pages", "chunks", "created_at")
    list_filter = ("status", "created_at")
    ordering = ("-id",)
    sortable_by = ("created_at",)
    list_select_related = ("account",)
    search_fields = ("id", "filename__istartswith", "uploaded_by__email__startswith", *OF_ACCOUNT)
    actions = ("try_again", "read_again", "delete_selected")
    fields = (
        ("filename", "original_filename"),
        ("state", "error_code"),
        "error_message",
        ("file_type", "media_type", "size"),
        ("page_count", "chunk_count"),
        ("account", "uploaded_by", "collection"),
        ("entry_link", "jobs_link", "page_link"),
        ("created_at", "processed_at"),
        "meta",
        "id",
    )
    readonly_fields = ("state", "size", "entry_link", "jobs_link", "page_link")

    def has_delete_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return ModelAdmin.has_delete_permission(self, request, obj)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("knowledge.change_document")

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        uploads.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            uploads.delete(document)

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, documents: QuerySet[Document]) -> None:
        tried = 0
        for document in documents:
            try:
                uploads.retry(document)
            except DoculumeError as error:
                self.message_user(request, f"{document}: {error.message}", messages.WARNING)
            else:
                tried += 1
        if tried:
            self.message_user(request, f"{tried} will be tried again.", messages.SUCCESS)

    @admin.action(description="Read again what is ready (it is found as it is until then)", permissions=["retry"])
    def read_again(self, request: HttpRequest, documents: QuerySet[Document]) -> None:
        ready = documents.filter(status=Document.Status.READY)
        made_anew(self, request, list(ready.values_list("account_id", "entry_id")))

    @admin.display(description="status", ordering="status")
    def state(self, document: Document) -> str:
        is_running = document.status == Document.Status.PROCESSING
        return f"{document.status}, {document.progress:.0%}" if is_running else document.status

    @admin.display(description="size", ordering="file_size")
    def size(self, document: Document) -> str:
        return f"{document.file_size / 1024:,.0f} KB"

    @admin.display(description="pages", ordering="page_count")
    def pages(self, document: Document) -> int | None:
        return document.page_count

    @admin.display(description="chunks", ordering="chunk_count")
    def chunks(self, document: Document) -> int:
        return document.chunk_count

    @admin.display(description="entry")
    def entry_link(self, document: Document) -> SafeString:
        address = reverse("admin:knowledge_entry_change", args=[document.entry_id])
        return format_html('<a href="{}">{}</a>', address, document.entry_id)

    @admin.display(description="jobs")
    def jobs_link(self, document: Document) -> SafeString:
        address = reverse("admin:knowledge_ingestionjob_changelist")
        return format_html('<a href="{}?entry_id={}">Jobs of this document</a>', address, document.entry_id)

    @admin.display(description="page")
    def page_link(self, document: Document) -> SafeString:
        """Opens for members of the document's account only."""
        address = reverse("document-page", args=[document.id])
        return format_html('<a href="{}?account={}">Read</a>', address, document.account_id)


def made_anew(registered: ModelAdmin, request: HttpRequest, entries: list[tuple[int, Any]]) -> None:
    reconciling.ingest_again(entries)
    told = f"Queued to be read again: {len(entries)}." if entries else "None of them can be read again now."
    registered.message_user(request, told, messages.SUCCESS if entries else messages.WARNING)


class KindFilter(admin.SimpleListFilter):
    title = "searchable"
    parameter_name = "searchable"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "Not yet")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.ready()
        return queryset.filter(active_generation=0) if self.value() == "no" else queryset


@admin.register(Entry)
class EntryAdmin(ToLookAt):
    list_display = ("name", "account", "collection", "source_type", "language", "generations", "created_at")
    list_filter = (KindFilter, "source_type", "created_at")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("account", "collection")
    search_fields = ("id", *OF_ACCOUNT)
    fields = (
        "title",
        ("account", "collection"),
        ("source_type", "source_id", "source_url"),
        ("language", "generation", "active_generation"),
        ("created_at", "updated_at"),
        ("meta", "searchable_meta"),
        "beginning",
        "chunks_link",
        "id",
    )
    readonly_fields = ("beginning", "chunks_link")
    actions = ("chunk_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("knowledge.change_entry")

    @admin.action(description="Make chunks and vectors anew", permissions=["retry"])
    def chunk_again(self, request: HttpRequest, entries: QuerySet[Entry]) -> None:
        made_anew(self, request, list(entries.ready().values_list("account_id", "id")))  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return super().get_queryset(request).defer("text", "raw_text")

    @admin.display(description="title", ordering="title")
    def name(self, entry: Entry) -> str:
        return Truncator(str(entry)).chars(80)

    @admin.display(description="generation", ordering="generation")
    def generations(self, entry: Entry) -> str:
        waiting = "" if entry.active_generation == entry.generation else f" (answering: {entry.active_generation})"
        return f"{entry.generation}{waiting}"

    @admin.display(description="text begins")
    def beginning(self, entry: Entry) -> str:
        return Truncator(entry.text).chars(2000)

    @admin.display(description="chunks")
    def chunks_link(self, entry: Entry) -> SafeString:
        address = reverse("admin:knowledge_chunk_changelist")
        return format_html('<a href="{}?entry_id={}">Chunks of this entry</a>', address, entry.id)


@admin.register(Chunk)
class ChunkAdmin(ToLookAt):
    list_display = ("id", "beginning", "entry", "position", "page_number", "kind", "token_count")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("entry",)
    search_fields = ("id", "entry")
    search_help_text = "By the id of a chunk or of its entry"
    fields = (
        ("account", "collection", "entry"),
        ("generation", "position", "kind"),
        ("start", "end", "page_number", "token_count"),
        "heading_path",
        "context",
        "text",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        return super().get_queryset(request).defer("entry__text", "entry__raw_text")

    @admin.display(description="text")
    def beginning(self, chunk: Chunk) -> str:
        return Truncator(chunk.text).chars(100)


@admin.register(IngestionJob)
class IngestionJobAdmin(ToLookAt):
    list_display = ("entry", "account", "generation", "status", "attempts", "provider_failures", "due", "last_error")
    list_filter = ("status", "created_at")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("entry", "account")
    search_fields = ("id", "entry", *OF_ACCOUNT)
    fields = (
        ("entry", "account", "generation"),
        ("status", "attempts", "provider_failures"),
        "last_error",
        ("lease_owner", "lease_expires_at", "next_attempt_at"),
        ("created_at", "finished_at"),
        "id",
    )
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("knowledge.change_ingestionjob")

    @admin.action(description="Try again those that were given up", permissions=["retry"])
    def try_again(self, request: HttpRequest, jobs: QuerySet[IngestionJob]) -> None:
        by_account: dict[int, list[Any]] = {}
        for account_id, entry_id in jobs.values_list("account_id", "entry_id"):
            by_account.setdefault(account_id, []).append(entry_id)
        count = sum(retrying.retry(account_id, entries) for account_id, entries in by_account.items())
        self.message_user(request, f"{count} will be tried again.", messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IngestionJob]:
        return super().get_queryset(request).defer("entry__text", "entry__raw_text")

    @admin.display(description="next attempt", ordering="next_attempt_at")
    def due(self, job: IngestionJob) -> Any:
        return job.next_attempt_at if job.status in ("waiting", "running") else None


@admin.register(EntryImport)
class EntryImportAdmin(ToLookAt):
    """Files whose rows become entries. What stands in them is their account's, and not shown."""

    list_display = ("filename", "account", "collection", "status", "done", "total", "refused", "created_at")
    list_filter = ("status", "created_at")
    list_select_related = ("account", "collection")
    search_fields = ("id", "collection", *OF_ACCOUNT)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        ("filename", "format", "file_size"),
        ("account", "collection"),
        ("status", "done", "total"),
        ("added", "changed", "unchanged", "refused"),
        ("attempts", "lease_owner", "lease_expires_at"),
        "created_at",
        "id",
    )
