"""Writing the rows of an import as entries, by fifty, so that whoever is killed is followed by one who goes on there.

A batch's entries, its refused rows and how far the import is are written in one transaction.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from accounts.models import Account
from accounts.usage import QuotaExceeded, held_by
from doculume.errors import DoculumeError, NotFound
from knowledge import entries, news
from knowledge.entries import MOST_IN_A_BATCH, Fields, FromFile
from knowledge.importing.mapping import Checker, Plan, written
from knowledge.importing.reading import ROW_REASONS, Options, RecordsUnreadable, local_copy, spooled
from knowledge.importing.records import Row
from knowledge.ingestion import leases
from knowledge.models import Collection, Entry, EntryImport, RefusedRow
from knowledge.models.imports import EntryImportQuerySet

log = logging.getLogger(__name__)

Status = EntryImport.Status
TURN = timedelta(seconds=45)
# Longer than reading a file may take; each batch makes it last anew.
LEASE = timedelta(seconds=120)
MOST_ATTEMPTS = 3
PAUSE = timedelta(seconds=20)
KEPT_REFUSALS = 1_000
LONGEST_CELL_KEPT = 5_000
LONGEST_ROW_KEPT = 20_000
NO_ROOM = _("The plan's room for entries and files is used up.")
A_DOCUMENT = _("The entry with this id is an uploaded document.")

Source = tuple[str, str]

_CLAIM = """
    UPDATE knowledge_entryimport
    SET status = 'running', attempts = attempts + 1, lease_owner = %(owner)s,
        lease_expires_at = statement_timestamp() + %(lease)s
    WHERE account_id = %(account)s AND id = %(id)s AND attempts < %(most)s AND (
        status = 'waiting' AND next_attempt_at <= statement_timestamp()
        OR status = 'running' AND lease_expires_at < statement_timestamp()
    )
    RETURNING id
"""
_KNOWN = """
    SELECT source_type, source_id, id, title, source_url, meta, searchable_meta, generation > active_generation,
           encode(sha256(convert_to(raw_text, 'UTF8')), 'hex')
    FROM knowledge_entry
    WHERE account_id = %s AND collection_id = %s
      AND (source_type, source_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""


@dataclass(slots=True)
class Outcome:
    """Of some rows: how many were added, changed and left as they are, and which were refused for which reason."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refusals: list[tuple[Row, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.added + self.changed + self.unchanged + len(self.refusals)


def take_turn(account_id: int, import_id: UUID) -> EntryImport | None:
    """Work on a due import for at most TURN; the row as it is then, or None where it was not due."""
    job = _claim(account_id, import_id)
    if job is None:
        return None
    try:
        if _write_for_a_turn(job):
            _let_go(job, status=Status.DONE, finished_at=Now())
        else:
            _let_go(job, status=Status.WAITING, next_attempt_at=Now())
    except leases.LeaseLost:
        log.info("import %s was cancelled, or is somebody else's now", job.id)
    except NotFound:
        _fail(job, "collection_gone")
    except RecordsUnreadable as error:
        _fail(job, error.error_code)
    except Exception:
        log.exception("import %s failed", job.id)
        _postpone(job)
    return EntryImport.objects.filter(account_id=account_id, id=import_id).first()


def _claim(account_id: int, import_id: UUID) -> EntryImport | None:
    owner = leases.owner_name()
    bound: dict[str, Any] = {
        "account": account_id,
        "id": import_id,
        "owner": owner,
        "lease": LEASE,
        "most": MOST_ATTEMPTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, bound)
        if cursor.fetchone() is None:
            return None
    own = EntryImport.objects.filter(account_id=account_id, id=import_id, lease_owner=owner, status=Status.RUNNING)
    return own.select_related("account__plan", "account__own_limits", "collection").first()


def _write_for_a_turn(job: EntryImport) -> bool:
    """Whether the end was reached. Raises RecordsUnreadable, LeaseLost, NotFound."""
    ends = time.monotonic() + TURN.total_seconds()
    writer = Writer(job.account, job.collection, Plan.of(job.mapping))
    with local_copy(job.file) as path, spooled(path, job.format, Options(**job.options)) as (total, rows):
        _own(job).update(total=total)
        for batch in _batches(islice(rows, job.done, None)):
            with transaction.atomic():
                _advance(job, writer.write(batch))
            if time.monotonic() > ends:
                return False
    return True


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, MOST_IN_A_BATCH)):
        yield batch


class Writer:
    """Makes entries of rows, in the caller's transaction. Of rows with one and the same id the last one stands."""

    def __init__(self, account: Account, collection: Collection, plan: Plan) -> None:
        self.account, self.collection, self.plan = account, collection, plan
        self._check = Checker()
        self._is_full = False

    def entry_of(self, row: Row) -> tuple[Fields, str]:
        """What a row becomes, or why nothing."""
        if row.problem:
            return {}, ROW_REASONS[row.problem]
        return self._check(self.plan.fields(row.cells))

    def write(self, batch: Sequence[Row]) -> Outcome:
        """Raises NotFound for a collection that is gone."""
        Collection.objects.hold(self.account.pk, self.collection.id)
        outcome = Outcome()
        pending: dict[Source, tuple[Row, Fields]] = {}
        for row in batch:
            fields, reason = self.entry_of(row)
            if reason:
                outcome.refusals.append((row, reason))
                continue
            source = fields["source_type"], fields["source_id"]
            if source in pending:
                self._write_each_once(pending, outcome)
                pending = {}
            pending[source] = row, fields
        if pending:
            self._write_each_once(pending, outcome)
        return outcome

    def _write_each_once(self, pending: dict[Source, tuple[Row, Fields]], outcome: Outcome) -> None:
        known = self._known(list(pending))
        new = [pending[source] for source in pending if source not in known]
        changed: list[tuple[Row, Fields]] = []
        for source in known:
            row, fields = pending[source]
            if self.plan.update and known[source].differs(fields):
                changed.append((row, fields))
                continue
            outcome.unchanged += 1
        if self._is_full and new and not self._has_room(new):
            outcome.refusals += [(row, NO_ROOM) for row, _fields in new]
            new = []
        refused = self._upsert([*new, *changed])
        self._read_again([entry.id for entry in known.values() if entry.is_unread])
        numbers = {row.number for row, _reason in refused}
        outcome.refusals += refused
        outcome.added += sum(row.number not in numbers for row, _fields in new)
        outcome.changed += sum(row.number not in numbers for row, _fields in changed)

    def _upsert(self, rows: Sequence[tuple[Row, Fields]]) -> list[tuple[Row, str]]:
        """Those that were refused, and why: all at once where all can be, else one by one."""
        if not rows:
            return []
        try:
            entries.upsert_batch(self.account, self.collection, [fields for _row, fields in rows])
        except NotFound:
            raise
        except DoculumeError as error:
            self._is_full = self._is_full or isinstance(error, QuotaExceeded)
            if len(rows) > 1:
                return [refused for one in rows for refused in self._upsert([one])]
            return [(rows[0][0], A_DOCUMENT if isinstance(error, FromFile) else error.message)]
        return []

    def _read_again(self, ids: Sequence[UUID]) -> None:
        """Where reading was given up, being sent once more has it tried once more, as with the API."""
        if ids:
            rows = Entry.objects.for_account(self.account).filter(id__in=ids).order_by("id").select_for_update()
            entries.queue(self.account.pk, dict(rows.values_list("id", "generation")))

    def _has_room(self, new: Sequence[tuple[Row, Fields]]) -> bool:
        """For one of them, as far as can be told."""
        held, allowed = held_by(self.account), self.account.allowance
        smallest = min(len(fields["raw_text"]) for _row, fields in new)
        return (allowed.entries is None or held.entries < allowed.entries) and (
            allowed.stored_bytes is None or held.stored_bytes + smallest <= allowed.stored_bytes
        )

    def _known(self, sources: Sequence[Source]) -> dict[Source, _Known]:
        """Of these sources those that are there already."""
        bound: list[Any] = [
            self.account.pk,
            self.collection.id,
            [kind for kind, _ in sources],
            [ident for _, ident in sources],
        ]
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN, bound)
            return {(row[0], row[1]): _Known(*row[2:5], *map(json.loads, row[5:7]), *row[7:]) for row in cursor}


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    title: str
    source_url: str
    meta: dict[str, Any]
    searchable_meta: dict[str, Any]
    is_unread: bool
    digest: str

    def differs(self, fields: Fields) -> bool:
        """Whether what is sent would change anything."""
        sent = ((name, fields[name]) for name in ("title", "source_url", "meta", "searchable_meta") if name in fields)
        if any(getattr(self, name) != value for name, value in sent):
            return True
        return self.digest != sha256(fields["raw_text"].encode()).hexdigest()


def _own(job: EntryImport) -> EntryImportQuerySet:
    return EntryImport.objects.filter(
        account_id=job.account_id, id=job.id, status=Status.RUNNING, lease_owner=job.lease_owner
    )


def _advance(job: EntryImport, outcome: Outcome) -> None:
    """Raises LeaseLost when somebody else has the row, or it was cancelled."""
    refused = len(outcome.refusals)
    if refused and job.refused < KEPT_REFUSALS:
        kept = outcome.refusals[: KEPT_REFUSALS - job.refused]
        RefusedRow.objects.bulk_create(
            RefusedRow(
                account_id=job.account_id, entry_import=job, number=row.number, reason=reason[:500], cells=_kept(row)
            )
            for row, reason in kept
        )
    if not _own(job).update(
        done=F("done") + outcome.rows,
        added=F("added") + outcome.added,
        changed=F("changed") + outcome.changed,
        unchanged=F("unchanged") + outcome.unchanged,
        refused=F("refused") + refused,
        attempts=0,
        lease_expires_at=Now() + LEASE,
    ):
        raise leases.LeaseLost
    job.refused += refused


def _kept(row: Row) -> dict[str, str]:
    """Its cells, the long ones cut, and of very many the first."""
    kept, room = {}, LONGEST_ROW_KEPT
    for name, value in row.cells.items():
        kept[name] = written(value)[: min(LONGEST_CELL_KEPT, room)]
        room -= len(kept[name])
    return kept


def _fail(job: EntryImport, code: str) -> None:
    _let_go(job, status=Status.FAILED, error_code=code, finished_at=Now())


def _postpone(job: EntryImport) -> None:
    if job.attempts >= MOST_ATTEMPTS:
        _fail(job, "interrupted")
    else:
        _let_go(job, status=Status.WAITING, next_attempt_at=Now() + PAUSE * job.attempts)


@transaction.atomic
def _let_go(job: EntryImport, **changes: Any) -> None:
    """End the owner's lease; nothing if it was lost. Who began it is told of its end."""
    if _own(job).update(lease_owner="", lease_expires_at=None, **changes) and "finished_at" in changes:
        _tell(job)


def _tell(job: EntryImport) -> None:
    rows = EntryImport.objects.filter(account_id=job.account_id, id=job.id)
    news.import_ended(rows.select_related("made_by").get())


@transaction.atomic
def fail_abandoned(job: EntryImport) -> None:
    """Give up on an import that killed its workers again and again."""
    due = EntryImport.objects.due().filter(account_id=job.account_id, id=job.id, attempts__gte=MOST_ATTEMPTS)
    failed = {"status": Status.FAILED, "error_code": "interrupted", "finished_at": Now()}
    if due.update(**failed, lease_owner="", lease_expires_at=None):
        _tell(job)
