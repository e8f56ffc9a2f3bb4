"""`manage.py import_entries`: what it makes, what it says, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AccountLimits
from knowledge.models import Collection, Entry, EntryImport

pytestmark = pytest.mark.django_db

TEXT = "SKU,Title,Body,Price\nk-1,Kettle,Boils.,30\nt-1,Toaster,Browns.,25\n"
RECORDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "records"


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "products.csv"
    path.write_text(TEXT)
    return path


def run(file, account, *more, collection="Products", capsys=None) -> str:
    call_command("import_entries", str(file), "--account", str(account.pk), "--collection", collection, *more)
    return capsys.readouterr().out if capsys else ""


def test_a_file_is_brought_in_with_a_line_of_figures(file, account, capsys):
    said = run(file, account, "--create", "--here", capsys=capsys)
    assert said.splitlines()[-1].endswith("2 added, 0 changed, 0 unchanged, 0 refused")
    assert "  SKU = source_id" in said
    assert Entry.objects.get(source_id="k-1").meta == {"Price": 30}
    assert "2 unchanged" in run(file, account, "--here", capsys=capsys)


def test_what_is_said_of_columns_goes_before_what_is_guessed(file, account):
    run(
        file,
        account,
        "--create",
        "--here",
        "--map",
        "Price=searchable:cost",
        "--map",
        "Title=text",
        "--source-type=shop",
    )
    kettle = Entry.objects.get(source_id="k-1", source_type="shop")
    assert (kettle.raw_text, kettle.meta, kettle.searchable_meta) == ("Kettle", {"Body": "Boils."}, {"cost": 30})
    run(file, account, "--here", "--only-mapped", "--map", "Body=text", "--map", "SKU=id")
    assert Entry.objects.get(source_id="k-1", source_type="import").meta == {}


def test_a_dry_run_writes_nothing(file, account, capsys):
    said = run(file, account, "--create", "--dry-run", capsys=capsys)
    assert "2 could be entries, 0 refused" in said
    assert not Entry.objects.exists()
    assert not EntryImport.objects.exists()


@pytest.mark.parametrize("how", ["--dry-run", "--here"])
def test_refused_rows_are_told_and_end_otherwise(file, account, capsys, how):
    file.write_text(TEXT + "x-1,Nothing,,\n")
    with pytest.raises(CommandError) as ended:
        run(file, account, "--create", how)
    assert ended.value.returncode == 3
    assert "row 4: The text is empty." in capsys.readouterr().err


def test_it_is_queued_where_nobody_waits(file, account, capsys):
    assert "is queued" in run(file, account, "--create", capsys=capsys)
    assert EntryImport.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--map", "Nope=text"), "no column Nope"),
        (("--map", "Title"), "COLUMN=FIELD"),
        (("--map", "Title=color"), "COLUMN=FIELD"),
        (("--map", "Body=none"), "which column is the text"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(file, account, more, said):
    with pytest.raises(CommandError, match=said):
        run(file, account, "--create", "--here", *more)
    assert not EntryImport.objects.exists()


def test_files_accounts_and_collections_that_are_not_there(file, account, charlie, tmp_path):
    Collection.objects.create(account=charlie.personal_account, name="Theirs")
    with pytest.raises(CommandError, match="There is none"):
        run(file, account, collection="Theirs")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "none.csv", account, "--create")
    with pytest.raises(CommandError, match="account"):
        call_command("import_entries", str(file), "--account", "x", "--collection", "Products")
    for name in ("Twice", "Twice"):
        Collection.objects.create(account=account, name=name)
    with pytest.raises(CommandError, match="Several"):
        run(file, account, collection="Twice")


@pytest.mark.skipif(not RECORDS.is_dir(), reason="no public records beside the repository")
def test_public_records_come_in_with_their_numbers_dates_and_lists(account, capsys):
    AccountLimits.objects.create(account=account, entries=10_000)
    for name, rows in (("movies.jsonl", 3_201), ("tedtalks.jsonl", 2_356)):
        said = run(RECORDS / name, account, "--create", "--here", capsys=capsys, collection=name)
        assert said.splitlines()[-1].endswith(f"{rows:,} added, 0 changed, 0 unchanged, 0 refused")
    good = {"meta__genre": "Comedy", "meta__imdb_rating__gte": 8}
    assert Entry.objects.filter(collection__name="movies.jsonl", **good).count() == 23
    talk = Entry.objects.get(source_id="ted-2652")
    assert (talk.title, talk.meta["date"], talk.meta["speakers"]) == (
        "Are you a giver or a taker?",
        "2016-11-14",
        ["Adam Grant"],
    )
    assert talk.raw_text.startswith("In every workplace")
