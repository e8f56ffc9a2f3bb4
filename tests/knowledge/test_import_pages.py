"""The pages that bring records in from a file: what each shows, and that each form does what it says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountLimits, Membership
from knowledge.importing import accepting
from knowledge.importing.mapping import Plan
from knowledge.models import Collection, Entry, EntryImport
from knowledge.tasks import import_rows

pytestmark = pytest.mark.django_db

TEXT = "sku,name,description,price\nk-1,Kettle,Boils a liter in three minutes.,30\nt-1,Toaster,,25\n"


@pytest.fixture
def products(account) -> Collection:
    return Collection.objects.create(account=account, name="Products")


def upload(name: str = "products.csv", data: str | bytes = TEXT) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data.encode() if isinstance(data, str) else data)


@pytest.fixture
def draft(account, alice, products) -> EntryImport:
    return accepting.accept(account, alice, products, upload(), name="products.csv")


def finished(draft: EntryImport) -> EntryImport:
    accepting.start(draft, Plan.of(draft.mapping))
    import_rows(draft.account_id, str(draft.id))
    draft.refresh_from_db()
    return draft


def where(draft: EntryImport) -> str:
    return f"/collections/{draft.collection_id}/imports/{draft.id}"


def uses(shown) -> Iterator[str]:
    for select in shown.css("select[name^=use]"):
        yield select.css_first("option[selected]").attributes["value"]


def test_from_the_file_to_the_entries(page, account, products):
    assert f"/collections/{products.id}/imports" in page(f"/collections/{products.id}")[0].content.decode()
    start = page(f"/collections/{products.id}/imports")[1]
    assert "Nothing was imported yet" in start.body.text()
    answer, _ = page(f"/collections/{products.id}/imports", {"file": upload()})
    one = EntryImport.objects.get(account=account)
    assert answer.url == f"{where(one)}?account={account.id}"
    answer, shown = page(where(one))
    assert list(uses(shown)) == ["source_id", "title", "text", "meta"]
    assert "Boils a liter in three minutes." in shown.css_first("#preview").text()
    assert "The text is empty" in shown.css_first("#preview").text()
    answer, _ = page(where(one), {"do": "start", "use-3": "searchable", "key-3": "cost", "source_type": "shop"})
    assert answer.status_code == 302
    assert "Waiting for its turn" in page(where(one))[1].css_first("#moving").text()
    import_rows(account.id, str(one.id))
    shown = page(where(one))[1]
    assert [dd.text() for dd in shown.css(".figures dd")] == ["1", "0", "0", "1"]
    assert "The text is empty" in shown.css_first("table").text()
    kettle = Entry.objects.get(account=account)
    assert (kettle.source_type, kettle.source_id, kettle.searchable_meta) == ("shop", "k-1", {"cost": 30})
    assert "products.csv" in page(f"/collections/{products.id}/imports")[1].css_first("table").text()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.csv", "", "empty"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "not supported"),
        ("a.html", "<html><body>Hi</body></html>", "Choose a CSV"),
        ("a.xlsx", b"PK\x03\x04 broken", "damaged"),
        ("a.json", "[]", "No rows"),
        ("a.json", '[{"a": ', "damaged"),
        ("a\x00\ud800.csv".encode("utf-8", "replace").decode(), "id,text\n", "No rows"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_a_reason(page, account, products, name, data, told):
    answer, shown = page(f"/collections/{products.id}/imports", {"file": upload(name, data)})
    assert answer.status_code == 400
    assert told in shown.css_first("[role=alert]").text()
    assert not EntryImport.objects.filter(account=account).exists()


def test_no_file_and_one_that_is_too_large(page, products, settings):
    assert page(f"/collections/{products.id}/imports", {})[0].status_code == 400
    settings.IMPORTS = settings.IMPORTS | {"max_bytes": 10}
    answer, shown = page(f"/collections/{products.id}/imports", {"file": upload()})
    assert answer.status_code == 413
    assert "larger" in shown.css_first("[role=alert]").text()


def test_a_preview_keeps_what_was_chosen(page, draft):
    sent = {"do": "preview", "use-0": "none", "use-1": "text", "use-2": "text", "use-3": "meta", "key-3": "cost"}
    answer, shown = page(where(draft), sent | {"update": "no", "source_type": "shop"})
    assert answer.status_code == 200
    assert "name: Kettle" in shown.css_first("#preview").text()
    assert "cost: 30" in shown.css_first("#preview").text()
    shown = page(where(draft))[1]
    assert list(uses(shown)) == ["none", "text", "text", "meta"]
    assert shown.css_first("input[name=update][checked]").attributes["value"] == "no"


def test_htmx_gets_the_preview_alone_and_what_is_wrong_with_it(page, draft):
    answer, shown = page(where(draft), {"use-0": "text"}, HTTP_HX_REQUEST="true")
    assert "HX-Request" in answer["Vary"]
    assert shown.css_first("main") is None
    assert "k-1" in shown.css_first("#preview").text()
    answer, shown = page(where(draft), {"use-2": "title", "use-0": "title"}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200
    assert shown.css_first("[role=alert]").text(strip=True)


@pytest.mark.parametrize(
    "sent",
    [
        {"use-2": "none"},
        {"use-0": "title"},
        {"use-0": "nonsense"},
        {"source_type": "s" * 300},
        {"use-0": "meta", "key-0": "price"},
    ],
)
def test_what_makes_no_entry_is_not_started(page, draft, sent):
    answer, shown = page(where(draft), {"do": "start", **sent})
    assert answer.status_code in (400, 422)
    assert shown.css_first("[role=alert]").text(strip=True)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_another_sheet_and_a_table_without_names(page, account, products):
    import openpyxl

    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["id", "text"])
    book.active.append(["1", "One."])
    book.create_sheet("More").append(["2", "A longer text."])
    book.save(out)
    page(f"/collections/{products.id}/imports", {"file": upload("a.xlsx", out.getvalue())})
    one = EntryImport.objects.get(account=account)
    assert page(where(one))[1].css_first("select[name=sheet] option[selected]").text() == "Sheet"
    page(where(one), {"do": "read-again", "sheet": "More"})
    shown = page(where(one))[1]
    assert shown.css_first("select[name=sheet] option[selected]").text() == "More"
    assert [name.text() for name in shown.css(".mapping-row .name")] == ["Column 1", "Column 2"]
    _, shown = page(where(one), {"do": "read-again", "sheet": "More", "named": "on"})
    assert "No rows" in shown.css_first("[role=alert]").text()


def test_progress_moves_and_ends(page, draft, monkeypatch):
    from datetime import timedelta

    from knowledge.importing import running

    monkeypatch.setattr(running, "TURN", timedelta(0))
    rows = "id,text\n" + "".join(f"{n},Text {n}.\n" for n in range(120))
    one = accepting.accept(draft.account, None, draft.collection, upload("a.csv", rows), name="a.csv")
    accepting.start(one, Plan.of(one.mapping))
    running.take_turn(one.account_id, one.id)
    answer, shown = page(f"{where(one)}?look=3", HTTP_HX_REQUEST="true")
    assert "50 of 120 rows" in shown.css_first("#moving h2").text()
    assert shown.css_first("progress").attributes["value"] == "41"
    assert "look=4" in shown.css_first("#moving").attributes["hx-get"]
    assert "HX-Refresh" not in answer
    for _ in range(3):
        running.take_turn(one.account_id, one.id)
    assert page(where(one), HTTP_HX_REQUEST="true")[0]["HX-Refresh"] == "true"
    assert page(where(one))[1].css_first("#moving") is None


def test_stopping_and_discarding(page, draft, account):
    answer, _ = page(f"{where(draft)}/cancel", {})
    assert answer.url == f"/collections/{draft.collection_id}/imports?account={account.id}"
    assert not EntryImport.objects.exists()
    one = accepting.accept(account, None, draft.collection, upload(), name="a.csv")
    accepting.start(one, Plan.of(one.mapping))
    page(f"{where(one)}/cancel", {})
    assert "Stopped after 0 rows" in page(where(one))[1].body.text()
    assert page(f"{where(one)}/cancel", {})[0].status_code == 302


def refused(page, one) -> list[list[str]]:
    answer = page(f"{where(one)}/refused")[0]
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_refused_rows_are_downloaded_and_harm_no_spreadsheet(page, account, products):
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-2", "-2+3", "@SUM(A1)", "\t=1", "fine", "-1.5"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "text", *(f"c{n}" for n in range(len(cells) - 1)), "=evil()"])
    writer.writerow(["1", "", *cells])
    writer.writerow(["2", "Good.", *cells])
    one = accepting.accept(account, None, products, upload("a.csv", out.getvalue()), name="../=a.csv")
    rows = refused(page, finished(one))
    assert rows[0] == ["Row", "Reason", "id", "text", *(f"c{n}" for n in range(len(cells) - 1)), "'=evil()"]
    assert rows[1][:4] == ["2", "The text is empty.", "1", ""]
    assert rows[1][4:] == ["'=cmd|' /C calc'!A0", "'+1+1", "-2", "'-2+3", "'@SUM(A1)", "'\t=1", "fine", "-1.5"]
    assert len(rows) == 2


def test_members_who_only_read_look_and_change_nothing(client, account, draft, bob):
    Membership.objects.update_or_create(account=account, user=bob, defaults={"role": "viewer"})
    client.force_login(bob)
    asked = f"?account={account.id}"
    listed = client.get(f"/collections/{draft.collection_id}/imports{asked}").content
    assert b"products.csv" in listed
    assert b'type="file"' not in listed
    assert b"Not started yet" in client.get(f"{where(draft)}{asked}").content
    for path, sent in (("", {"do": "start"}), ("/cancel", {})):
        assert client.post(f"{where(draft)}{path}{asked}", sent).status_code == 403
    answer = client.post(f"/collections/{draft.collection_id}/imports{asked}", {"file": upload()})
    assert answer.status_code == 403
    finished(draft)
    assert b"The text is empty" in client.get(f"{where(draft)}{asked}").content
    assert client.get(f"{where(draft)}/refused{asked}").status_code == 200


def test_what_is_another_accounts_is_not_there(client, charlie, draft, account):
    client.force_login(charlie)
    own = Collection.objects.create(account=charlie.personal_account, name="Own")
    for path in (where(draft), f"{where(draft)}/refused", f"/collections/{draft.collection_id}/imports"):
        assert client.get(path).status_code == 404
    assert client.get(f"/collections/{own.id}/imports/{draft.id}").status_code == 404
    for path in (where(draft), f"{where(draft)}/cancel", f"/collections/{draft.collection_id}/imports"):
        assert client.post(path, {"do": "start", "file": upload()}).status_code == 404
    assert EntryImport.objects.filter(account=account, status="draft").count() == 1


def test_an_import_of_another_collection_is_not_there(page, account, draft):
    other = Collection.objects.create(account=account, name="Other")
    assert page(f"/collections/{other.id}/imports/{draft.id}")[0].status_code == 404


def test_a_file_that_never_came_is_not_shown(page, account, products):
    died = EntryImport.objects.create(account=account, collection=products, filename="a.csv", file_size=1, format="csv")
    assert "Nothing was imported yet" in page(f"/collections/{products.id}/imports")[1].body.text()
    assert page(where(died))[0].status_code == 404


def test_the_plan_without_room_says_so(page, account, draft):
    AccountLimits.objects.create(account=account, entries=1)
    assert "room for 1 more entry" in page(f"/collections/{draft.collection_id}/imports")[1].body.text()
    finished(draft)
    assert "no room" in page(f"/collections/{draft.collection_id}/imports")[1].body.text()


def test_names_and_values_are_text(page, account, products):
    text = "id,text,<img src=x onerror=alert(1)>\n1,,<script>alert(1)</script>\n"
    one = accepting.accept(account, None, products, upload("a.csv", text), name="<img src=x>.csv")
    for _ in range(2):
        content = page(where(one))[0].content
        assert b"<img" not in content
        assert b"<script>alert" not in content
        finished(one) if one.status == "draft" else None


def test_pages_cost_few_statements_however_much_there_is(page, account, draft, products):
    page(where(draft))
    rows = "id,text\n" + "".join(f"{n},\n" for n in range(400))
    big = finished(accepting.accept(account, None, products, upload("a.csv", rows), name="a.csv"))
    EntryImport.objects.bulk_create(
        EntryImport(account=account, collection=products, filename=f"{n}.csv", file_size=1, format="csv", status="done")
        for n in range(60)
    )
    for path in (f"/collections/{products.id}/imports", where(draft), where(big)):
        with CaptureQueriesContext(connection) as queries:
            assert page(path)[0].status_code == 200
        assert len(queries) <= 10, [query["sql"][:90] for query in queries]


def test_records_of_json_are_mapped_like_columns(page, account, products):
    lines = "\n".join(json.dumps({"id": n, "name": f"N{n}", "plot": "Long " * 9, "more": {"a": [n]}}) for n in range(3))
    page(f"/collections/{products.id}/imports", {"file": upload("a.jsonl", lines)})
    one = EntryImport.objects.get(account=account)
    shown = page(where(one))[1]
    assert list(uses(shown)) == ["source_id", "title", "text", "meta"]
    assert shown.css_first("input[name=named]") is None
    assert '{"a": [0]}' in shown.css_first("#preview").text()
