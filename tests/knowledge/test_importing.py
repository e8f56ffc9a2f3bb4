"""Files of records become entries: whatever they look like, and whatever happens on the way."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Sum
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AccountLimits, StoredUsage
from knowledge import collections, uploads
from knowledge.importing import accepting, running, sweeping
from knowledge.importing.mapping import Column, MappingRefused, Plan, guess
from knowledge.importing.reading import Options, RecordsUnreadable, spooled
from knowledge.ingestion.errors import IngestionError
from knowledge.models import Collection, Entry, EntryImport, IngestionJob, RefusedRow
from knowledge.tasks import import_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def products(account) -> Collection:
    return Collection.objects.create(account=account, name="Products")


def sent(name: str, data: bytes | str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data.encode() if isinstance(data, str) else data)


def accepted(collection, name, data, **options) -> EntryImport:
    return accepting.accept(collection.account, None, collection, sent(name, data), name=name, **options)


def run(draft: EntryImport, plan: Plan | None = None) -> EntryImport:
    accepting.start(draft, plan or Plan.of(draft.mapping))
    import_rows(draft.account_id, str(draft.id))
    draft.refresh_from_db()
    return draft


def imported(collection, name, data, plan=None, **options) -> EntryImport:
    return run(accepted(collection, name, data, **options), plan)


def counts(one: EntryImport) -> tuple[int, int, int, int]:
    return one.added, one.changed, one.unchanged, one.refused


def workbook(*rows, **sheets) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, more in sheets.items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def entry(collection, source_id) -> Entry:
    return Entry.objects.get(collection=collection, source_id=source_id)


PLAIN = (
    "id,title,text,price,url\n1,Kettle,Boils a liter.,30,https://example.com/1\n2,Toaster,Browns two slices.,25.5,\n"
)


def test_a_file_becomes_entries_that_are_queued_for_reading(products):
    done = imported(products, "products.csv", PLAIN)
    assert (done.status, done.total, done.done, counts(done)) == ("done", 2, 2, (2, 0, 0, 0))
    kettle = entry(products, "1")
    assert (kettle.title, kettle.raw_text, kettle.meta) == ("Kettle", "Boils a liter.", {"price": 30})
    assert (kettle.source_type, kettle.source_url) == ("import", "https://example.com/1")
    assert entry(products, "2").meta == {"price": 25.5}
    assert IngestionJob.objects.filter(entry=kettle, status="waiting").count() == 1


def test_the_same_file_again_changes_nothing_and_has_nothing_read_again(products):
    imported(products, "products.csv", PLAIN)
    before = list(Entry.objects.values_list("id", "generation", "updated_at"))
    IngestionJob.objects.update(status="done")
    assert counts(imported(products, "products.csv", PLAIN)) == (0, 0, 2, 0)
    assert list(Entry.objects.values_list("id", "generation", "updated_at")) == before
    changed = PLAIN.replace("Boils a liter.", "Boils two liters.").replace("25.5", "24")
    assert counts(imported(products, "products.csv", changed)) == (0, 2, 0, 0)
    # Only a field that is filtered by has changed.
    assert (entry(products, "1").generation, entry(products, "2").generation) == (2, 1)
    assert not IngestionJob.objects.filter(entry=entry(products, "2"), status="waiting").exists()


def test_what_is_there_may_be_left_as_it_is(products):
    imported(products, "products.csv", PLAIN)
    draft = accepted(products, "products.csv", PLAIN.replace("Boils", "Cooks") + "3,Mixer,Mixes.,9,\n")
    plan = Plan.of(draft.mapping | {"update": False})
    assert counts(run(draft, plan)) == (1, 0, 2, 0)
    assert entry(products, "1").raw_text == "Boils a liter."


def test_rows_without_an_id_are_added_once_however_often_the_file_comes(products):
    text = "Frage,Antwort\nWann?,Um neun.\nWo?,Hier.\nWann?,Um neun.\n"
    assert counts(imported(products, "faq.csv", text)) == (2, 0, 1, 0)
    assert counts(imported(products, "faq.csv", text + "Wer?,Alle.\n")) == (1, 0, 3, 0)


def test_of_rows_with_one_id_the_last_one_stands(products):
    plan = Plan((Column("id", "source_id"), Column("text", "text")))
    done = imported(products, "a.csv", "id,text\n" + "".join(f"{n % 3},Text {n}\n" for n in range(120)), plan)
    assert counts(done) == (3, 117, 0, 0)
    assert sorted(Entry.objects.values_list("source_id", "raw_text")) == [
        ("0", "Text 117"),
        ("1", "Text 118"),
        ("2", "Text 119"),
    ]


TABLE = [["sku", "Titel", "Inhalt", "Länge"], ["a-1", "Größe", 'Zeile "eins"\nZeile zwei; und, mehr|so', "ä€"]]


def written(delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(TABLE)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_tables_in_any_encoding_and_with_any_delimiter(products, delimiter, encoding):
    done = imported(products, "waren.csv", written(delimiter).encode(encoding))
    assert counts(done) == (1, 0, 0, 0)
    made = entry(products, "a-1")
    assert (made.title, made.raw_text) == ("Größe", TABLE[1][2])
    assert made.meta == {"Länge": "ä€"}


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=9)
CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\ufeff\x85\x1c\x1d\x1e\u2028\u2029\x0b\x0c"), max_size=40
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_cell_that_is_written_is_read(tmp_path, rows, encoding):
    path = tmp_path / "a.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["one", "two", "three"], *rows])
    expected = [
        {name: cell for name, cell in zip(("one", "two", "three"), row, strict=True) if cell.strip()} for row in rows
    ]
    expected = [row for row in expected if row]
    try:
        with spooled(path, "csv", Options()) as (total, found):
            assert [row.cells for row in found] == expected
            assert total == len(expected)
    except RecordsUnreadable:
        pytest.fail("a plain table was not read")


def test_semicolons_come_with_commas_in_numbers(products):
    imported(products, "a.csv", 'id;text;preis;nr\n1;Eins;"1.299,50";007\n2;Zwei;12,5;12\n')
    assert entry(products, "1").meta == {"preis": 1299.5, "nr": "007"}
    assert entry(products, "2").meta == {"preis": 12.5, "nr": 12}


def test_captions_above_empty_rows_and_columns_without_a_name(products):
    text = "Stock list of May,,\n\nid,text,,text\n1,One.,x,y\n\n2,Two.,,\n"
    done = imported(products, "a.csv", text)
    assert counts(done) == (2, 0, 0, 0)
    assert [column["name"] for column in done.survey["columns"]] == ["id", "text", "Column 3", "text 2"]


def test_a_table_may_have_no_names(products):
    draft = accepted(products, "a.csv", "1,A text that is long.\n2,Another long one.\n", options=Options(named=False))
    assert [column["name"] for column in draft.survey["columns"]] == ["Column 1", "Column 2"]
    assert counts(run(draft)) == (2, 0, 0, 0)
    accepting_again = accepted(products, "b.csv", "1,A text.\n2,Another.\n")
    accepting.look_again(accepting_again, Options(named=False))
    assert accepting_again.survey["count"] == 2


def test_workbooks_with_what_their_cells_are(products):
    rows = [
        ["Nr", "Bezeichnung", "Beschreibung", "Preis", "Seit", "Am Lager", "Rabatt"],
        [7, "Kessel", "Kocht einen Liter.", 29.9, date(2026, 3, 1), True, None],
        [8, "Toaster", "Röstet zwei Scheiben.", 25, datetime(2026, 3, 2, 8, 30), False, 0.5],
    ]
    done = imported(products, "waren.xlsx", workbook(*rows, Andere=[["id", "text"], ["x", "Anderes"]]))
    assert counts(done) == (2, 0, 0, 0)
    made = entry(products, "7")
    assert (made.title, made.raw_text) == ("Kessel", "Kocht einen Liter.")
    assert made.meta == {"Preis": 29.9, "Seit": "2026-03-01", "Am Lager": True}
    assert entry(products, "8").meta["Seit"] == "2026-03-02 08:30:00"
    assert done.survey["sheets"] == ["Sheet", "Andere"]
    imported(
        products, "waren.xlsx", workbook(*rows, Andere=[["id", "text"], ["x", "Anderes"]]), options=Options("Andere")
    )
    assert entry(products, "x").raw_text == "Anderes"


def tampered(book: bytes, pattern: bytes, by: bytes) -> bytes:
    """The workbook with something else in its first sheet."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(data, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content, count = re.subn(pattern, by, content)
                assert count
            new.writestr(name, content)
    return data.getvalue()


def test_a_formula_is_what_it_came_to(products):
    book = workbook(["id", "text", "sum"], [1, "One.", "=1+1"])
    imported(products, "a.xlsx", tampered(book, rb"<f>1\+1</f><v ?/?>(</v>)?", b"<f>1+1</f><v>2</v>"))
    assert entry(products, "1").meta == {"sum": 2}


def test_a_number_that_is_none_is_text(products):
    book = workbook(["id", "text", "sum"], [1, "One.", 77])
    imported(products, "a.xlsx", tampered(book, b"<v>77</v>", b"<v>1e999</v>"))
    assert entry(products, "1").meta == {"sum": "1e999"}


@pytest.mark.parametrize("said", [b"2", b"99999999999", b"-3", b"x", b"9" * 5000])
def test_refused_rows_of_a_workbook_that_counts_wrong_are_told_apart(products, said):
    book = workbook(["id", "text"], [1, None], [2, None], [3, "Three."])
    done = imported(products, "a.xlsx", tampered(book, rb'<row r="[23]"', b'<row r="' + said + b'"'))
    assert (done.status, counts(done)) == ("done", (1, 0, 0, 2))
    assert list(reasons(done)) == [2, 3]


RECORDS = [
    {"id": 1, "name": "Kettle", "description": "Boils.", "specs": {"liters": 1, "tags": ["a"]}, "tags": ["x", "y"]},
    {"id": 2, "name": "Toaster", "description": "Browns.", "gone": None, "price": 1.5, "ok": True},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(RECORDS)),
        ("a.json", json.dumps({"count": 2, "items": RECORDS})),
        ("a.jsonl", "\n".join(json.dumps(one) for one in RECORDS)),
        ("a.ndjson", "\r\n\r\n".join(json.dumps(one, ensure_ascii=False) for one in RECORDS) + "\n"),
    ],
)
def test_records_with_what_they_hold(products, name, text):
    assert counts(imported(products, name, text)) == (2, 0, 0, 0)
    kettle = entry(products, "1")
    assert (kettle.title, kettle.raw_text) == ("Kettle", "Boils.")
    assert kettle.meta == {"specs": {"liters": 1, "tags": ["a"]}, "tags": ["x", "y"]}
    assert entry(products, "2").meta == {"price": 1.5, "ok": True}


def test_one_object_is_one_record(products):
    assert counts(imported(products, "a.json", '{"id": "a", "text": "One."}')) == (1, 0, 0, 0)


def reasons(one: EntryImport) -> dict[int, str]:
    return dict(RefusedRow.objects.filter(entry_import=one).values_list("number", "reason"))


def test_rows_that_cannot_be_entries_are_told_of_and_the_others_go_in(products):
    text = "id,title,text,url\n1,Good,Fine.,\n2,No text,,\n,No id,Text.,\n4,Bad link,Text.,javascript:1\n"
    text += "5,Too,many,cells,here\n6,Good,Fine.,\n"
    text += f"7,{'t' * 501},Text.,\n{'i' * 256},a,Text.,\n"
    draft = accepted(products, "a.csv", text)
    plan = Plan(
        (Column("id", "source_id"), Column("title", "title"), Column("text", "text"), Column("url", "source_url"))
    )
    done = run(draft, plan)
    assert (done.status, counts(done)) == ("done", (2, 0, 0, 6))
    told = reasons(done)
    assert list(told) == [3, 4, 5, 6, 8, 9]
    assert told[3] == "The text is empty."
    assert told[4] == "The id is empty."
    assert "http or https" in told[5]
    assert "more cells than columns" in told[6]
    assert "longer than 500" in told[8]
    assert "longer than 255" in told[9]
    assert RefusedRow.objects.get(entry_import=done, number=6).cells["Column 5"] == "here"


def test_records_that_cannot_be_entries(products):
    lines = ['{"id": 1, "text": "One."}', "[1]", '"a"', "{broken", '{"id": 2, "text": 1e999}', '{"id": 3, "text": NaN}']
    lines += ['{"id": 4, "text": ' + "[" * 50 + "]" * 50 + "}", '{"id": 5, "text": "a\\u0000\\ud800b"}', "[" * 90_000]
    done = imported(products, "a.jsonl", "\n".join(lines))
    assert counts(done) == (2, 0, 0, 7)
    assert entry(products, "5").raw_text == "ab"


@pytest.mark.parametrize(
    ("name", "data", "kind", "code"),
    [
        ("a.pdf", b"%PDF-1.4\n", IngestionError, "unsupported_type"),
        ("a.csv", b"", IngestionError, "empty_file"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), IngestionError, "unsupported_type"),
        ("a.html", b"<html><body>Words.</body></html>", IngestionError, "unsupported_type"),
        ("a.xlsx", b"PK\x03\x04 no zip at all", IngestionError, "corrupt"),
        ("a.csv", b"id,text\n", RecordsUnreadable, "no_rows"),
        ("a.csv", b"\n\n , \n", RecordsUnreadable, "no_rows"),
        ("a.json", b"[]", RecordsUnreadable, "no_rows"),
        ("a.json", b'[{"id": 1}, {"id": 2', RecordsUnreadable, "corrupt"),
        ("a.json", b"[" * 100_000, RecordsUnreadable, "corrupt"),
        ("a.csv", b'id,text\n1,"' + b"x" * 1_100_000, RecordsUnreadable, "cell_too_long"),
        ("a.csv", b",".join(b"c%d" % n for n in range(300)) + b"\n1,2\n", RecordsUnreadable, "too_many_columns"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_a_reason_and_not_kept(products, name, data, kind, code):
    with pytest.raises(kind) as caught:
        accepted(products, name, data)
    assert caught.value.error_code == code
    assert not EntryImport.objects.exists()


def test_a_workbook_that_unpacks_to_far_more_is_not_opened(products):
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["id"], [1]))) as old, zipfile.ZipFile(data, "w", 8) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(b"</sheetData>", b"<row/>" * 20_000_000 + b"</sheetData>")
            new.writestr(name, content)
    with pytest.raises((RecordsUnreadable, IngestionError)) as caught:
        accepted(products, "bomb.xlsx", data.getvalue())
    assert caught.value.error_code == "too_large"


def test_more_rows_than_may_be_are_refused_before_anything_is_written(products):
    with override_settings(IMPORTS={"max_bytes": 10**6, "max_rows": 3, "max_cell_chars": 1000, "keep_days": 7}):
        with pytest.raises(RecordsUnreadable) as caught:
            accepted(products, "a.csv", "text\n" + "x\n" * 4)
        assert caught.value.error_code == "too_many_rows"
    draft = accepted(products, "a.csv", "text\n" + "".join(f"{n}\n" for n in range(2_500)))
    assert not draft.survey["is_whole"]
    with override_settings(IMPORTS={"max_bytes": 10**6, "max_rows": 2_400, "max_cell_chars": 1000, "keep_days": 7}):
        done = run(draft)
    assert (done.status, done.error_code, Entry.objects.count()) == ("failed", "too_many_rows", 0)


def test_hostile_names_are_data(products):
    draft = accepted(products, "../../etc/pass\0wd\u202e<b>.csv", PLAIN)
    assert draft.filename == "passwd_b_.csv"
    assert draft.file.name == f"imports/{products.account_id}/{draft.id}"
    text = 'id,text,"<script>alert(1)</script>",\'; DROP TABLE x; --,__proto__,a.b\n1,One.,a,b,c,d\n'
    imported(products, "a.csv", text)
    assert entry(products, "1").meta == {
        "<script>alert(1)</script>": "a",
        "'; DROP TABLE x; --": "b",
        "__proto__": "c",
        "a.b": "d",
    }


def test_several_texts_are_joined_with_their_headings(products):
    draft = accepted(products, "a.csv", 'id,Farbe,Pflege,Lang\n1,rot,"Kalt\nwaschen.",\n2,blau,,' + "x" * 300 + "\n")
    plan = Plan((Column("id", "source_id"), *(Column(name, "text") for name in ("Farbe", "Pflege", "Lang"))))
    run(draft, plan)
    assert entry(products, "1").raw_text == "Farbe: rot\n\n## Pflege\n\nKalt\nwaschen."
    assert entry(products, "2").raw_text == "Farbe: blau\n\n## Lang\n\n" + "x" * 300


@pytest.mark.parametrize(
    ("columns", "uses"),
    [
        (["SKU", "Produktname", "Beschreibung", "Preis", "Link"], ["source_id", "title", "text", "meta", "source_url"]),
        (["id", "Titel", "Inhalt", "URL"], ["source_id", "title", "text", "source_url"]),
        (["Frage", "Antwort"], ["title", "text"]),
        (["Question", "Answer", "Category"], ["title", "text", "meta"]),
        (
            ["source_type", "source_id", "source_url", "title", "raw_text"],
            ["source_type", "source_id", "source_url", "title", "text"],
        ),
        (["a", "b"], ["meta", "text"]),
    ],
)
def test_columns_are_guessed_by_their_names_and_their_length(columns, uses):
    sample = [[n, {name: f"{name} {n}" + " long" * at for at, name in enumerate(columns)}] for n in range(3)]
    known = [{"name": name, "filled": 3, "chars": 9 + 15 * at, "longest": 5} for at, name in enumerate(columns)]
    assert [one.use for one in guess({"columns": known, "sample": sample}).columns] == uses


@pytest.mark.parametrize(
    "columns",
    [
        [("a", "title", "")],
        [("a", "text", ""), ("b", "title", ""), ("c", "title", "")],
        [("a", "text", ""), ("b", "meta", "")],
        [("a", "text", ""), ("b", "meta", "x"), ("c", "meta", "x")],
        [("a", "text", ""), ("b", "anything", "")],
        [("a", "text", ""), ("b", "meta", "k" * 101)],
    ],
)
def test_a_plan_that_makes_no_entry_is_refused(products, columns):
    draft = accepted(products, "a.csv", PLAIN)
    with pytest.raises(MappingRefused):
        accepting.start(draft, Plan(tuple(Column(*one) for one in columns)))
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_the_plan_runs_full_on_the_way(products, account):
    AccountLimits.objects.create(account=account, entries=130)
    text = "id,text\n" + "".join(f"{n},Text {n}\n" for n in range(300))
    imported(products, "first.csv", "id,text\n299,Old\n")
    done = imported(products, "a.csv", text)
    assert (done.status, counts(done)) == ("done", (129, 1, 0, 170))
    assert Entry.objects.count() == StoredUsage.objects.get(account=account).entries == 130
    assert "room" in reasons(done)[200]
    assert entry(products, "299").raw_text == "Text 299"


def test_bytes_are_counted_as_they_are(products, account):
    AccountLimits.objects.create(account=account, stored_bytes=1_000)
    done = imported(products, "a.csv", "id,text\n" + "".join(f"{n},{'x' * 99}\n" for n in range(30)))
    assert counts(done) == (10, 0, 0, 20)
    assert StoredUsage.objects.get(account=account).stored_bytes == 990


def test_an_uploaded_document_is_not_overwritten(products, account, alice):
    document = uploads.accept(account, alice, sent("a.txt", "Words."), name="a.txt", collection_id=products.id)
    text = f"source_type,source_id,text\ndocument,{document.id},Other words.\nweb,1,One.\n"
    done = imported(products, "a.csv", text)
    assert counts(done) == (1, 0, 0, 1)
    assert "uploaded document" in reasons(done)[2]


def test_whoever_takes_over_goes_on_where_it_was(products, monkeypatch):
    text = "id,text\n" + "".join(f"{n},Text {n}\n" for n in range(230))
    draft = accepted(products, "a.csv", text)
    accepting.start(draft, Plan.of(draft.mapping))
    write, calls = running.Writer.write, []

    def dies(self, batch):
        calls.append(len(batch))
        if len(calls) == 3:
            write(self, batch)
            raise OSError("gone")
        return write(self, batch)

    monkeypatch.setattr(running.Writer, "write", dies)
    halfway = running.take_turn(draft.account_id, draft.id)
    assert (halfway.status, halfway.done, Entry.objects.count()) == ("waiting", 100, 100)
    EntryImport.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    done = running.take_turn(draft.account_id, draft.id)
    assert (done.status, done.done, counts(done)) == ("done", 230, (230, 0, 0, 0))
    assert calls == [50, 50, 50, 50, 50, 30]


def test_a_turn_ends_and_the_next_goes_on(products, monkeypatch):
    monkeypatch.setattr(running, "TURN", timedelta(0))
    draft = accepted(products, "a.csv", "id,text\n" + "".join(f"{n},Text {n}\n" for n in range(120)))
    accepting.start(draft, Plan.of(draft.mapping))
    states = [running.take_turn(draft.account_id, draft.id) for _ in range(4)]
    assert [(one.status, one.done) for one in states] == [
        ("waiting", 50),
        ("waiting", 100),
        ("waiting", 120),
        ("done", 120),
    ]


def test_one_that_kills_its_workers_is_given_up(products, monkeypatch):
    draft = accepted(products, "a.csv", PLAIN)
    accepting.start(draft, Plan.of(draft.mapping))
    for _ in range(3):
        assert running._claim(draft.account_id, draft.id) is not None
        assert running.take_turn(draft.account_id, draft.id) is None
        EntryImport.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert running._claim(draft.account_id, draft.id) is None
    sweeping.sweep()
    draft.refresh_from_db()
    assert (draft.status, draft.error_code) == ("failed", "interrupted")


def test_what_is_cancelled_stops_and_keeps_what_was_written(products, monkeypatch):
    draft = accepted(products, "a.csv", "id,text\n" + "".join(f"{n},Text {n}\n" for n in range(200)))
    accepting.start(draft, Plan.of(draft.mapping))
    batches = running._batches

    def cancelled(rows):
        for number, batch in enumerate(batches(rows)):
            if number == 1:
                accepting.cancel(draft)
            yield batch

    monkeypatch.setattr(running, "_batches", cancelled)
    done = running.take_turn(draft.account_id, draft.id)
    assert (done.status, done.done, Entry.objects.count()) == ("cancelled", 50, 50)
    with pytest.raises(accepting.NothingToCancel):
        accepting.cancel(draft)
    draft = accepted(products, "a.csv", PLAIN)
    accepting.cancel(draft)
    assert not EntryImport.objects.filter(id=draft.id).exists()
    assert not draft.file.storage.exists(draft.file.name)


def test_started_once(products):
    draft = accepted(products, "a.csv", PLAIN)
    accepting.start(draft, Plan.of(draft.mapping))
    with pytest.raises(accepting.NotWaitingForColumns):
        accepting.start(draft, Plan.of(draft.mapping))


def test_a_collection_that_goes_takes_its_imports_with_it(products, account, django_capture_on_commit_callbacks):
    done = imported(products, "a.csv", PLAIN + "3,,,,\n")
    name = done.file.name
    with django_capture_on_commit_callbacks(execute=True):
        collections.delete(account, products.id)
    assert not EntryImport.objects.exists()
    assert not RefusedRow.objects.exists()
    assert not done.file.storage.exists(name)


def test_files_are_kept_for_some_days_and_drafts_for_one(products):
    done, draft = imported(products, "a.csv", PLAIN), accepted(products, "b.csv", PLAIN)
    sweeping.sweep()
    assert done.file.storage.exists(done.file.name)
    EntryImport.objects.filter(id=done.id).update(finished_at=timezone.now() - timedelta(days=8))
    EntryImport.objects.filter(id=draft.id).update(created_at=timezone.now() - timedelta(days=2))
    sweeping.sweep()
    assert not done.file.storage.exists(f"imports/{done.account_id}/{done.id}")
    assert list(EntryImport.objects.values_list("id", "file")) == [(done.id, "")]


def test_the_sweep_hints_at_what_is_due(products, monkeypatch, django_capture_on_commit_callbacks):
    draft = accepted(products, "a.csv", PLAIN)
    accepting.start(draft, Plan.of(draft.mapping))
    hinted = []
    monkeypatch.setattr(import_rows, "apply_async", lambda args, **_: hinted.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        sweeping.sweep()
    assert hinted == [(draft.account_id, str(draft.id))]


def test_a_file_that_is_gone_is_said_to_be(products):
    draft = accepted(products, "a.csv", PLAIN)
    draft.file.storage.delete(draft.file.name)
    assert run(draft).error_code == "file_gone"


def test_no_more_than_some_wait_at_once(products):
    for _ in range(accepting.UNFINISHED_AT_MOST):
        accepted(products, "a.csv", PLAIN)
    with pytest.raises(accepting.TooManyImports):
        accepted(products, "a.csv", PLAIN)


def test_ten_thousand_rows(products, account):
    AccountLimits.objects.create(account=account, entries=20_000)
    text = "id,title,text,price\n" + "".join(f"{n},Product {n},It is number {n}.,{n}\n" for n in range(10_000))
    done = imported(products, "a.csv", text)
    assert (done.status, done.total, counts(done)) == ("done", 10_000, (10_000, 0, 0, 0))
    assert Entry.objects.filter(account=account).count() == 10_000
    assert StoredUsage.objects.get(account=account).entries == 10_000
    assert EntryImport.objects.aggregate(all=Sum("added"))["all"] == 10_000
