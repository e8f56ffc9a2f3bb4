"""How fast a file of records becomes entries, without what embeds them.

    python -m benchmarks.importing [--rows 50000]

The same rows as CSV, XLSX and JSON Lines: looked at, as the page does after an upload; imported into an empty
collection; once more with nothing changed; and with one row in ten changed. Wall clock and the CPU of this process.
The scratch database is dropped afterwards.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from unittest import mock

from benchmarks.entry_loading import empty, entry
from benchmarks.retrieval import scratch_database  # sets Django up

import openpyxl  # isort: skip
from django.core.files.base import ContentFile

from accounts.models import Account, AccountLimits, User
from knowledge import tasks
from knowledge.importing import accepting, running
from knowledge.importing.mapping import Plan
from knowledge.models import Collection

Rows = list[dict[str, str]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=50_000)
    chosen = options.parse_args()
    with scratch_database("benchmark_importing"), mock.patch.object(tasks.pass_on, "apply_async"):
        measure(chosen.rows)


def measure(count: int) -> None:
    account = User.objects.create_user("importing@example.com", "correct horse battery staple").personal_account
    AccountLimits.objects.create(account=account, entries=10**9, stored_bytes=10**12)
    collection = Collection.objects.create(account=account, name="Imported")
    rows = [record(number) for number in range(count)]
    changed = [one | {"text": f"{one['text']} Anew."} if at % 10 == 0 else one for at, one in enumerate(rows)]
    for name, write in (("a.csv", as_csv), ("a.xlsx", as_xlsx), ("a.jsonl", as_lines)):
        empty()
        files = {"new": write(rows), "the same": write(rows), "a tenth changed": write(changed)}
        print(f"{name}: {count} rows, {len(files['new']) / 1e6:.1f} MB")
        for what, data in files.items():
            bring_in(account, collection, name, what, data)


def bring_in(account: Account, collection: Collection, name: str, what: str, data: bytes) -> None:
    start = time.perf_counter()
    draft = accepting.accept(account, None, collection, ContentFile(data, name), name=name)
    looked = time.perf_counter() - start
    accepting.start(draft, Plan.of(draft.mapping))
    start, cpu = time.perf_counter(), time.process_time()
    while (job := running.take_turn(account.pk, draft.id)) is not None and not job.finished_at:
        pass
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert job is not None
    print(
        f"{what:>16}: looked at in {looked:.2f} s; {job.done / took:6.0f} rows/s ({took:.1f} s, CPU {cpu:.1f} s): "
        f"{job.added} added, {job.changed} changed, {job.unchanged} unchanged, {job.refused} refused"
    )


def record(number: int) -> dict[str, str]:
    made = entry(number)
    return {
        "id": str(number),
        "title": made["title"],
        "text": made["raw_text"].lstrip("= "),
        "price": str(number),
        "color": "red",
    }


def as_csv(rows: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_xlsx(rows: Rows) -> bytes:
    book, out = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(out)
    return out.getvalue()


def as_lines(rows: Rows) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


if __name__ == "__main__":
    main()
