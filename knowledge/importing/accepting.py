"""Taking a file of records in, looking at it, and having it imported, or not."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_noop as _

from accounts.erasure import raw_delete
from accounts.models import Account, SiteSettings, User
from doculume.errors import Conflict, PayloadTooLarge
from doculume.sentences import Sentence
from knowledge.filenames import safe_filename
from knowledge.importing.mapping import Plan, guess
from knowledge.importing.reading import Options, format_of, local_copy, survey
from knowledge.models import Collection, EntryImport, RefusedRow, import_path
from knowledge.tasks import hint_import

log = logging.getLogger(__name__)

Status = EntryImport.Status
UNFINISHED_AT_MOST = 10


class TooManyImports(Conflict):
    message = _("Several imports are not finished yet. Wait for them, start or discard them first.")


class NotWaitingForColumns(Conflict):
    message = _("This import was started already.")


class NothingToCancel(Conflict):
    message = _("This import is over already.")


def largest_file() -> int:
    """Bytes."""
    return min(settings.IMPORTS["max_bytes"], SiteSettings.objects.current().upload_limit)


def accept(
    account: Account,
    user: User | None,
    collection: Collection,
    file: File,
    *,
    name: str,
    options: Options = Options(),  # noqa: B008 (frozen)
) -> EntryImport:
    """Keep the file, as a draft with a guess of what its columns are.

    Raises PayloadTooLarge, IngestionError, RecordsUnreadable, TooManyImports, NotFound for a collection that is gone.
    """
    limit = largest_file()
    if (file.size or 0) > limit:
        raise PayloadTooLarge(Sentence(_("The file is larger than %(size)s."), size=filesizeformat(limit)))
    kind = format_of(cast("BinaryIO", file), name)
    if EntryImport.objects.for_account(account).unfinished().count() >= UNFINISHED_AT_MOST:
        raise TooManyImports
    draft = EntryImport(
        account=account,
        collection=collection,
        made_by=user,
        filename=safe_filename(name),
        file_size=file.size or 0,
        format=kind,
        options=asdict(options),
    )
    # The row before the file: of a crash in between the sweep finds the row, and with it what there is of the file.
    with transaction.atomic():
        Collection.objects.hold(account.pk, collection.id)
        draft.file.name = import_path(draft, "")
        draft.save(force_insert=True)
    try:
        draft.file.storage.delete(draft.file.name or "")
        draft.file.save("", file, save=False)
        with local_copy(draft.file) as path:
            look(draft, path, options)
    except BaseException:
        forget(draft)
        raise
    return draft


def look_again(draft: EntryImport, options: Options) -> None:
    """Read it otherwise: another sheet, or without names. Raises RecordsUnreadable, NotWaitingForColumns."""
    with local_copy(draft.file) as path:
        look(draft, path, options)


def look(draft: EntryImport, path: Path, options: Options) -> None:
    found = survey(path, draft.format, options)
    _change(draft, options=asdict(options), survey=found, mapping=guess(found).stored())


def choose(draft: EntryImport, plan: Plan) -> None:
    """Keep what the columns are. Raises NotWaitingForColumns."""
    _change(draft, mapping=plan.stored())


@transaction.atomic
def start(draft: EntryImport, plan: Plan) -> None:
    """Queue it. Raises MappingRefused, NotWaitingForColumns."""
    plan.check()
    _change(draft, mapping=plan.stored(), status=Status.WAITING, next_attempt_at=Now(), started_at=Now())
    hint_import(draft.account_id, draft.id)


def _change(draft: EntryImport, **changes: Any) -> None:
    rows = EntryImport.objects.filter(account_id=draft.account_id, id=draft.id, status=Status.DRAFT)
    if not rows.update(**changes):
        raise NotWaitingForColumns
    draft.refresh_from_db(from_queryset=EntryImport.objects.filter(account_id=draft.account_id))


def cancel(entry_import: EntryImport) -> None:
    """What was written stays; nothing more is. A draft is gone with its file. Raises NothingToCancel."""
    rows = EntryImport.objects.filter(account_id=entry_import.account_id, id=entry_import.id)
    if rows.filter(status__in=EntryImport.MOVING).update(
        status=Status.CANCELLED, finished_at=Now(), lease_owner="", lease_expires_at=None
    ):
        return
    if not rows.filter(status=Status.DRAFT).exists():
        raise NothingToCancel
    forget(entry_import)


def forget(entry_import: EntryImport) -> None:
    """The row, what it refused, and the file."""
    remove_file(entry_import)
    mine = {"account_id": entry_import.account_id}
    RefusedRow.objects.filter(entry_import_id=entry_import.id, **mine).delete()
    raw_delete(EntryImport.objects.filter(id=entry_import.id, **mine))


def remove_file(entry_import: EntryImport) -> bool:
    """Whether it is gone; what the storage does not let go is tried again by the sweep."""
    name = entry_import.file.name
    if not name:
        return True
    try:
        entry_import.file.storage.delete(name)
    except Exception:  # whatever a storage raises
        log.exception("the file of import %s could not be removed", entry_import.id)
        return False
    rows = EntryImport.objects.filter(account_id=entry_import.account_id, id=entry_import.id)
    rows.update(file="")
    return True
