"""Make entries of the rows of a file, as the page of a collection does."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files import File
from django.core.management.base import CommandError, CommandParser

from accounts.management.people import account_by_id, user_by_email
from accounts.models import Account
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from knowledge.importing import accepting, running
from knowledge.importing.mapping import KEYED, USES, Column, Plan, guess, written
from knowledge.importing.reading import REASONS, Options, format_of, spooled, survey
from knowledge.importing.running import Writer
from knowledge.models import Collection, EntryImport, RefusedRow

LOOK_EVERY_SECONDS = 0.5
REFUSALS_SHOWN = 20
SOME_REFUSED = 3


class Command(DescribedCommand):
    help = (
        "Makes entries of the rows of a CSV, XLSX, JSON or JSON Lines file, in the background, by a worker. Columns "
        "are guessed by their names; --map says what one is: title, text, source_id, source_type, source_url, none, "
        "meta:KEY (a field to filter by) or searchable:KEY. Rows whose id is there already update their entries; "
        "those that have not changed cost nothing. --dry-run writes nothing and shows what would come of it."
    )
    examples = (
        "import_entries products.csv --account 7 --collection Products --dry-run",
        "import_entries products.csv --account 7 --collection Products --map SKU=id --map Price=meta:price --wait",
        "import_entries faq.xlsx --account alice@example.com --collection FAQ --create --sheet Answers --here",
    )
    exit_codes = {
        0: "all rows are in, or queued; with --dry-run: all could be",
        1: "not done; the last line says why",
        3: "done, but some rows were refused, or with --dry-run would be",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--account", required=True, metavar="ID|EMAIL", help="of an EMAIL the personal account")
        parser.add_argument("--collection", required=True, metavar="ID|NAME")
        parser.add_argument("--create", action="store_true", help="make the collection if none has the name")
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="as often as needed")
        parser.add_argument("--only-mapped", action="store_true", help="leave out columns that --map does not name")
        parser.add_argument("--source-type", metavar="TYPE", help="of rows that do not say; import")
        parser.add_argument("--keep", action="store_true", help="leave entries that are there already as they are")
        parser.add_argument("--sheet", default="", help="of a workbook; its first one")
        parser.add_argument("--no-header", action="store_true", help="no row names the columns: Column 1, Column 2 …")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="write nothing")
        how.add_argument("--wait", action="store_true", help="show the progress until it is over")
        how.add_argument("--here", action="store_true", help="do the work in this process")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["account"])
        try:
            collection = _collection(account, options["collection"], create=options["create"])
            if options["dry_run"]:
                self.try_out(account, collection, options)
            else:
                self.bring_in(account, collection, options)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error

    def try_out(self, account: Account, collection: Collection, options: dict[str, Any]) -> None:
        path, reading = options["file"], _options(options)
        with path.open("rb") as file:
            kind = format_of(file, path.name)
        plan = _plan(guess(survey(path, kind, reading)), options)
        plan.check()
        self.show(plan)
        writer, refused, started = Writer(account, collection, plan), 0, time.monotonic()
        with spooled(path, kind, reading) as (total, rows):
            for count, row in enumerate(rows):
                fields, reason = writer.entry_of(row)
                if reason:
                    refused += 1
                    self.refuse(row.number, reason, refused)
                elif count < 3:
                    self.stdout.write(f"  {written(dict(fields))[:300]}")
        self.stdout.write(f"{_figures(total, started)}: {total - refused:,} could be entries, {refused:,} refused")
        _end(refused)

    def bring_in(self, account: Account, collection: Collection, options: dict[str, Any]) -> None:
        path, started = options["file"], time.monotonic()
        with path.open("rb") as file:
            draft = accepting.accept(
                account, None, collection, File(file, path.name), name=path.name, options=_options(options)
            )
        try:
            plan = _plan(Plan.of(draft.mapping), options)
            self.show(plan)
            accepting.start(draft, plan)
        except BaseException:
            accepting.cancel(draft)
            raise
        if options["here"]:
            self.work(draft)
        elif options["wait"]:
            self.wait(draft)
        else:
            self.stdout.write(f"import {draft.id} is queued")
            return
        self.tell(draft, started)

    def work(self, job: EntryImport) -> None:
        while running.take_turn(job.account_id, job.id) is not None and not _again(job).finished_at:
            self.stdout.write(_progress(job))
        # A worker was quicker.
        self.wait(job)

    def wait(self, job: EntryImport) -> None:
        shown = ""
        while not _again(job).finished_at:
            if (line := _progress(job)) != shown:
                self.stdout.write(line)
                shown = line
            time.sleep(LOOK_EVERY_SECONDS)

    def tell(self, job: EntryImport, started: float) -> None:
        rows = RefusedRow.objects.for_account(job.account).filter(entry_import_id=job.id)
        for count, row in enumerate(rows[: REFUSALS_SHOWN + 1], 1):
            self.refuse(row.number, row.reason, count)
        counts = (f"{getattr(job, name):,} {name}" for name in ("added", "changed", "unchanged", "refused"))
        self.stdout.write(f"{_figures(job.done, started)}: {', '.join(counts)}")
        if job.status != EntryImport.Status.DONE:
            raise CommandError(REASONS.get(job.error_code, f"The import was {job.status}."))
        _end(job.refused)

    def show(self, plan: Plan) -> None:
        for column in plan.columns:
            self.stdout.write(f"  {column.name} = {column.use}{f':{column.key}' if column.key else ''}")

    def refuse(self, number: int, reason: str, count: int) -> None:
        if count <= REFUSALS_SHOWN:
            self.stderr.write(f"row {number}: {reason}")
        elif count == REFUSALS_SHOWN + 1:
            self.stderr.write("… and more")


def _account(named: str) -> Account:
    if "@" in named:
        return user_by_email(named).personal_account
    if not named.isdecimal():
        raise CommandError("Give --account as the number of an account or the email of a user.")
    return account_by_id(int(named))


def _collection(account: Account, named: str, *, create: bool) -> Collection:
    rows = Collection.objects.for_account(account)
    try:
        found = list(rows.filter(id=UUID(named)))
    except ValueError:
        found = list(rows.filter(name=named)[:2])
        if not found and create:
            return Collection.objects.create(account=account, name=named[:255])
    if len(found) != 1:
        many = (
            "Several collections have that name: give the id of one." if found else "There is none; --create makes it."
        )
        raise CommandError(f"Collection {named}: {many}")
    return found[0]


def _options(options: dict[str, Any]) -> Options:
    return Options(options["sheet"], not options["no_header"])


def _plan(plan: Plan, options: dict[str, Any]) -> Plan:
    said = dict(_said(one) for one in options["map"])
    known = [column.name for column in plan.columns]
    if unknown := [name for name in said if name not in known]:
        raise CommandError(f"There is no column {unknown[0]}. There are: {', '.join(known)}.")
    taken = {use for use, _key in said.values() if use not in (*KEYED, "text", "none")}
    # Whoever names one text has named all of them.
    taken |= {"text"} & {use for use, _key in said.values()}
    columns = (_column(column, said, taken, only=options["only_mapped"]) for column in plan.columns)
    return replace(
        plan,
        columns=tuple(columns),
        source_type=options["source_type"] or plan.source_type,
        update=not options["keep"],
    )


def _column(column: Column, said: dict[str, tuple[str, str]], taken: set[str], *, only: bool) -> Column:
    if column.name in said:
        use, key = said[column.name]
        return Column(column.name, use, (key or column.name) if use in KEYED else "")
    if only:
        return Column(column.name)
    # What was guessed gives way to what was said.
    return Column(column.name, "meta", column.name) if column.use in taken else column


def _said(one: str) -> tuple[str, tuple[str, str]]:
    name, equals, field = one.rpartition("=")
    use, _colon, key = field.partition(":")
    use = {"id": "source_id", "url": "source_url", "type": "source_type", "raw_text": "text"}.get(use, use)
    if not equals or use not in USES:
        raise CommandError(f"--map {one}: write COLUMN=FIELD, where FIELD is one of {', '.join(USES)}.")
    return name, (use, key)


def _again(job: EntryImport) -> EntryImport:
    job.refresh_from_db(from_queryset=EntryImport.objects.filter(account_id=job.account_id))
    return job


def _progress(job: EntryImport) -> str:
    return f"{job.done:,} of {job.total:,} rows" if job.total is not None else "waiting for a worker"


def _figures(rows: int, started: float) -> str:
    seconds = time.monotonic() - started
    return f"{rows:,} rows in {seconds:.1f} s ({rows / max(seconds, 0.001):,.0f} a second)"


def _end(refused: int) -> None:
    if refused:
        raise CommandError(f"{refused:,} rows were refused.", returncode=SOME_REFUSED)
