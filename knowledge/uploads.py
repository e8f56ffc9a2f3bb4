"""Accepting, retrying and deleting documents: the rows, the file and the job belong together."""

from __future__ import annotations

import logging
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from accounts.models import Account, SiteSettings, User
from accounts.usage import charge, give_back, refuse_if_full
from doculume.errors import Conflict, NotFound, PayloadTooLarge
from doculume.sentences import Sentence
from knowledge.filenames import safe_filename
from knowledge.ingestion.parsers.detect import detect_kind
from knowledge.models import Collection, Document, Entry, IngestionJob
from knowledge.removing import remove_rows
from knowledge.retrying import again
from knowledge.tasks import hint

log = logging.getLogger(__name__)


def accept(
    account: Account,
    user: User,
    file: UploadedFile,
    *,
    name: str,
    collection_id: UUID | None = None,
    meta: dict[str, Any] | None = None,
) -> Document:
    """Store the file and queue its ingestion; when this returns, no single crash can lose it.

    Raises IngestionError for an empty or unsupported file, PayloadTooLarge, NotFound for a collection that is not
    the account's, and QuotaExceeded; then nothing is kept.
    """
    limit = SiteSettings.objects.current().upload_limit
    if (file.size or 0) > limit:
        raise PayloadTooLarge(Sentence("The file is larger than %(most)s.", most=filesizeformat(limit)))
    kind = detect_kind(cast("BinaryIO", file), name)
    file.seek(0)
    collection = collection_of(account, collection_id)
    document = Document(
        account=account,
        collection=collection,
        uploaded_by=user,
        filename=safe_filename(name),
        original_filename=name[:1000],
        file_size=file.size or 0,
        file_type=kind.name,
        media_type=kind.media_type,
        meta=meta or {},
    )
    refuse_if_full(account, entries=1, stored_bytes=document.file_size)
    document.file.save(document.filename, file, save=False)
    try:
        _write_rows(document)
    except BaseException:
        document.file.delete(save=False)
        raise
    return document


@transaction.atomic
def _write_rows(document: Document) -> None:
    Collection.objects.hold(document.account_id, document.collection_id)
    document.entry = Entry.objects.create(
        account=document.account,
        collection=document.collection,
        source_type="document",
        source_id=str(document.id),
        meta=document.meta,
    )
    document.save(force_insert=True)
    job = IngestionJob.objects.create(account=document.account, entry=document.entry, generation=1)
    hint(job.id)
    charge(document.account, entries=1, stored_bytes=document.file_size)


def collection_of(account: Account, collection_id: UUID | None) -> Collection:
    if collection_id is None:
        return Collection.objects.default_of(account)
    collection = Collection.objects.for_account(account).filter(id=collection_id).first()
    if collection is None:
        raise NotFound
    return collection


@transaction.atomic
def retry(document: Document) -> None:
    """Try a failed document again. Raises Conflict for one that has not failed."""
    # The entry first, as whoever deletes the document locks it.
    Entry.objects.filter(account_id=document.account_id, id=document.entry_id).select_for_update().first()
    failed = Document.objects.filter(account_id=document.account_id, id=document.id, status=Document.Status.FAILED)
    if not failed.update(
        status=Document.Status.PENDING, progress=0.0, error_code="", error_message="", processed_at=None
    ):
        raise Conflict("Only a document that has failed can be tried again.")
    jobs = IngestionJob.objects.filter(account_id=document.account_id, entry_id=document.entry_id)
    job = jobs.latest("generation")
    again(jobs.filter(id=job.id))
    hint(job.id)


def delete(document: Document) -> None:
    """Rows, vectors and file are gone when this returns; a worker at it throws its work away.

    What it took of the plan is free again, once for however many delete it at the same time.
    """
    with transaction.atomic():
        entry = Entry.objects.filter(account_id=document.account_id, id=document.entry_id)
        was_there = entry.select_for_update().values_list("id").first() is not None
        remove_rows(document.account_id, [document.entry_id])
        if was_there:
            give_back(document.account_id, entries=1, stored_bytes=document.file_size)
    try:
        document.file.delete(save=False)
    except OSError:
        log.exception("the file of deleted document %s could not be removed", document.id)
