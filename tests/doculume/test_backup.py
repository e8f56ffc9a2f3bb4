"""A backup is taken while others write, and put back into another database: everything, or nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from accounts import api_tokens
from accounts.models import User
from doculume.backup import tables
from doculume.backup.archive import PIECE, DamagedArchive, Member, read
from doculume.backup.restoring import verify
from doculume.embedded import database_url
from knowledge import tasks, uploads
from knowledge.models import IngestionJob
from llm_settings.models import LLMProvider
from tests.cast import PASSWORD
from tests.instance import REPOSITORY

pytestmark = pytest.mark.django_db(transaction=True)

LEAVE = "# Leave\n\nEvery employee of the Hamburg office has thirty days of paid leave a year.\n"
# Asked of the restored installation, in a process of its own.
LOOK = """
import json, sys
from django.test import Client
client = Client(HTTP_HOST="localhost")
who = {"email": "alice@example.com", "password": sys.argv[1]}
token = client.post("/api/v1/auth/login", who, content_type="application/json").json()["access_token"]
bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
other = client.get("/api/v1/documents/", HTTP_AUTHORIZATION=f"Bearer {sys.argv[2]}")
from accounts.models import User
from knowledge.models import Document
from llm_settings.models import EmbeddingModel, LLMProvider
from doculume.crypto import decrypt
from knowledge.search.indexes import vector_index
from django.db import connection
with connection.cursor() as cursor:
    index = vector_index(EmbeddingModel.objects.active())
    cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = %s", [index])
    indexes = cursor.fetchone()[0]
key = decrypt(LLMProvider.objects.get().encrypted_key)
LLMProvider.objects.all().delete()  # nothing answers there
question = {"question": "How many days of paid leave?"}
asked = client.post("/api/v1/chat/ask", question, "application/json", **bearer).json()
print(json.dumps({
    "conversations": client.get("/api/v1/chats/", **bearer).json(),
    "by token": other.status_code,
    "answer": asked["answer"],
    "file": Document.objects.get().file.read().decode(),
    "key": key,
    "indexes": indexes,
    "new user": User.objects.create_user("new@example.com", "a password of some length").pk,
}))
"""


class Other:
    """An installation with an empty database, its own files, and the keys of this one."""

    def __init__(self, database: str, media: Path) -> None:
        self.database = database
        self.media = media
        self.environment = {
            "DATABASE_URL": url_of(database),
            "MEDIA_ROOT": str(media),
            "SECRET_KEY": django_settings.SECRET_KEY,
            "JWT_SIGNING_KEY": django_settings.JWT_SIGNING_KEY,
            "ENCRYPTION_KEY": django_settings.ENCRYPTION_KEYS[0],
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=os.environ | self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self) -> dict[str, str]:
        with psycopg.connect(url_of(self.database)) as database:
            return checksums(database, columns=tables.columns())

    def files(self) -> list[str]:
        return [str(path.relative_to(self.media)) for path in self.media.rglob("*") if path.is_file()]


def url_of(database: str) -> str:
    if given := os.environ.get("DATABASE_URL"):
        return f"{given.rpartition('/')[0]}/{database}"
    return f"{database_url(django_settings.VAR).rpartition('/')[0]}/{quote(database)}"


def checksums(database: Any, columns: dict[str, list[str]]) -> dict[str, str]:
    """By table, of all rows in an order that does not depend on how they lie."""
    found = {}
    for table, names in columns.items():
        listed = sql.SQL(", ").join(map(sql.Identifier, names))
        statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(listed, sql.Identifier(table))
        with database.cursor() as cursor, cursor.copy(statement) as copy:
            found[table] = hashlib.sha256(b"".join(sorted(bytes(row) for row in copy))).hexdigest()
    return found


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    name = f"restored_{secrets.token_hex(4)}"
    with psycopg.connect(url_of(connection.settings_dict["NAME"]), autocommit=True) as database:
        database.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield Other(name, tmp_path / "other")
        database.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def token(account, alice, as_alice) -> str:
    """Of an account with a document, a conversation, a model's key, and more."""
    document = uploads.accept(account, alice, SimpleUploadedFile("leave.md", LEAVE.encode()), name="leave.md")
    tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    assert as_alice.post("/api/v1/chat/ask", {"question": "Tab\there, \\N and\nlines?"}).status_code == 200
    provider = LLMProvider(account=account, name="mine", type="openai")
    provider.set_key("sk-very-secret")
    provider.save()
    return api_tokens.create(alice, account, "Backup")[1]


@pytest.fixture
def backup(tmp_path: Path) -> Callable[[], Path]:
    def take() -> Path:
        path = tmp_path / "backups" / "one.tar.gz"
        call_command("backup", str(path))
        assert path.stat().st_mode & 0o777 == 0o600
        return path

    return take


def test_what_was_backed_up_is_there_again(token, backup, other, account):
    path = backup()
    with connection.cursor() as cursor:
        there = checksums(cursor.connection, tables.columns())

    checked = other.run("restore", "--verify", str(path))
    assert (checked.returncode, "the keys fit" in checked.stdout) == (0, True), checked.stderr
    restored = other.run("restore", str(path))

    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert other.rows() == there
    looked = other.run("shell", "--no-imports", "-c", f"import sys; sys.argv = ['', {PASSWORD!r}, {token!r}]\n{LOOK}")
    found = json.loads(looked.stdout.strip().splitlines()[-1]) if looked.stdout else {}
    assert looked.returncode == 0, looked.stderr
    assert "thirty days" in found["answer"]
    assert found["conversations"]
    assert (found["by token"], found["file"], found["key"]) == (200, LEAVE, "sk-very-secret")
    assert found["indexes"] == 1
    assert found["new user"] > User.objects.latest("pk").pk


def test_a_database_in_use_is_left_alone_and_replaced_when_told(token, backup, other):
    path = backup()
    assert other.run("restore", str(path)).returncode == 0
    there = other.rows()

    again = other.run("restore", str(path))
    assert (again.returncode, "--replace" in again.stderr) == (1, True)
    with psycopg.connect(url_of(other.database)):
        busy = other.run("restore", "--replace", str(path))
    assert (busy.returncode, "Stop the web servers" in busy.stderr) == (1, True)
    replaced = other.run("restore", "--replace", str(path))
    assert replaced.returncode == 0, replaced.stderr
    assert other.rows() == there
    assert len(other.files()) == 1


def test_rows_are_of_one_moment_while_others_write(tmp_path, account):
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            User.objects.create_user(f"user{number}@example.com", PASSWORD)
            number += 1
        connection.close()

    writers = threading.Thread(target=write)
    writers.start()
    try:
        ends = []
        for number in range(5):
            call_command("backup", str(tmp_path / f"{number}.tar.gz"))
            ends.append(verify(tmp_path / f"{number}.tar.gz")[1])
    finally:
        stop.set()
        writers.join()

    users = [end.rows["accounts_user"] for end in ends]
    assert users == [end.rows["accounts_account"] for end in ends] == [end.rows["accounts_membership"] for end in ends]
    assert users[0] < users[-1]


def test_files_that_are_gone_are_told(token, backup, tmp_path, capsys):
    [file] = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    file.unlink()

    with pytest.raises(CommandError) as refused:
        backup()

    assert refused.value.returncode == 3
    assert verify(tmp_path / "backups" / "one.tar.gz")[1].missing == [str(file.relative_to(tmp_path / "media"))]


def test_no_secret_and_no_key_lies_in_it_in_clear(token, backup):
    content = gzip.decompress(backup().read_bytes())
    assert LEAVE.encode() in content
    for secret in ("sk-very-secret", token, PASSWORD, django_settings.SECRET_KEY, *django_settings.ENCRYPTION_KEYS):
        assert secret.encode() not in content


def test_no_cookie_that_opens_the_running_platform_lies_in_it(token, backup, client, alice, other):
    client.force_login(alice)
    assert client.get("/account/profile").status_code == 200
    cookie = client.cookies["sessionid"].value
    path = backup()
    assert cookie.encode() not in gzip.decompress(path.read_bytes())
    restored = other.run("restore", str(path))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    count = "from django.contrib.sessions.models import Session; print(Session.objects.count())"
    assert other.run("shell", "--no-imports", "-c", count).stdout.strip().endswith("0")
    assert client.get("/account/profile").status_code == 200


@pytest.mark.parametrize("name", ["ENCRYPTION_KEY", "SECRET_KEY"])
def test_other_keys_are_refused_before_anything_is_done(token, backup, other, name):
    refused = other.run("restore", str(backup()), **{name: secrets.token_urlsafe(48)})

    assert (refused.returncode, f"another {name}" in refused.stderr) == (1, True)
    with psycopg.connect(url_of(other.database)) as database:
        assert database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_key_that_was_given_up_may_be_an_old_one(token, backup, other):
    keys = {"ENCRYPTION_KEY": secrets.token_urlsafe(48), "ENCRYPTION_KEYS_OLD": django_settings.ENCRYPTION_KEYS[0]}
    assert other.run("restore", "--verify", str(backup()), **keys).returncode == 0


def test_a_file_that_is_not_whole_is_refused(token, backup):
    path = backup()
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 3, len(whole) - 1000, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedArchive):
            verify(path)
    for place in range(20, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            verify(path)
        except DamagedArchive:
            continue
        # Between two blocks gzip fills up a byte with bits that nobody reads.
        assert gzip.decompress(path.read_bytes()) == gzip.decompress(whole)


def test_nothing_of_a_refused_backup_stays(token, backup, other):
    path = backup()
    rewrite(path, lambda name, content: content.replace(b"alice@example.com", b"alice@example.org"))
    refused = other.run("restore", str(path))
    assert (refused.returncode, "seal" in refused.stderr) == (1, True)
    assert other.files() == []

    # Whoever takes it all the same gets all of it, or nothing: rows that do not fit together are found at the end.
    rewrite(path, lambda name, content: content.replace(b"\n", b"9\n") if "membership" in name else content)
    refused = other.run("restore", "--other-keys", str(path))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert other.files() == []
    assert other.run("restore", "--other-keys", str(backup_again(path))).returncode == 0


@pytest.mark.parametrize(
    "name", ["files/../../escaped", "/etc/escaped", "files\\..\\escaped", "tables/auth_user/0", "x"]
)
def test_names_that_lead_elsewhere_are_refused(token, backup, name):
    path = backup()
    rewrite(path, more=lambda: (tarfile.TarInfo(name), b"escaped"))
    with pytest.raises(DamagedArchive, match=r"name|nowhere"):
        verify(path, seal=False)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_taken(token, backup, kind):
    def link() -> tuple[tarfile.TarInfo, bytes]:
        info = tarfile.TarInfo("files/link")
        info.type, info.linkname = kind, "/etc/passwd"
        return info, b""

    path = backup()
    rewrite(path, more=link)
    with pytest.raises(DamagedArchive, match="plain file"):
        verify(path, seal=False)


def test_a_backup_of_a_later_version_is_refused(token, backup, other):
    def later(name: str, content: bytes) -> bytes:
        if name != "header.json":
            return content
        header = json.loads(content)
        return json.dumps(header | {"migrations": [*header["migrations"], ["accounts", "9999_later"]]}).encode()

    path = backup()
    rewrite(path, later)
    refused = other.run("restore", "--other-keys", str(path))
    assert (refused.returncode, "9999_later" in refused.stderr) == (1, True)


def test_an_existing_file_is_not_written_over(tmp_path):
    path = tmp_path / "there"
    path.write_text("mine")
    with pytest.raises(CommandError, match="there already"):
        call_command("backup", str(path))
    assert path.read_text() == "mine"


def test_large_tables_come_in_parts(token, backup, monkeypatch):
    monkeypatch.setattr(tables, "PART", 60)
    rows = [found for found in read(backup()) if isinstance(found, Member) and "termstatistic" in found.name]
    assert len(rows) > 1
    assert max(row.size for row in rows) < PIECE


def backup_again(path: Path) -> Path:
    path.unlink()
    call_command("backup", str(path))
    return path


def rewrite(
    path: Path,
    change: Callable[[str, bytes], bytes] = lambda name, content: content,
    more: Callable[[], tuple[tarfile.TarInfo, bytes]] | None = None,
) -> None:
    """Change a backup as somebody would who knows the format, but no key: its checksum is right again."""
    with tarfile.open(path) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    *parts, (end, last) = [(info, change(info.name, content)) for info, content in members]
    if more:
        parts.append(more())
    running, written = hashlib.sha256(), io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for info, content in parts:
            info.size = len(content)
            running.update(f"{info.name}\0{info.size}\0".encode() + content)
            tar.addfile(info, io.BytesIO(content))
        content = json.dumps(json.loads(last) | {"checksum": running.hexdigest()}).encode()
        end.size = len(content)
        tar.addfile(end, io.BytesIO(content))
    path.write_bytes(written.getvalue())
