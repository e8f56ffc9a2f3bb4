"""What of entries only shows over a wire: escaped source ids, large bodies, upserts at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from accounts.tokens import start_family
from knowledge.models import Entry


@pytest.fixture
def program(browser, alice):
    return browser(start_family(alice).access)


@pytest.fixture
def entries(program) -> str:
    """The path of a new collection's entries."""
    return f"/collections/{program.post('/collections', json={'name': 'Support'}).json()['data']['id']}/entries"


@pytest.mark.parametrize(
    "source",
    [
        "a/b",
        "/a//b/",
        "https://example.com/a?b=c#d",
        "100%",
        "%2F",
        "ü 日本 🙂",
        "a+b",
        " x ",
        "line\nbreak",
        "x/",
        "a\\b",
    ],
)
def test_a_source_id_survives_the_wire(program, entries, source):
    sent = {"raw_text": "x", "source_type": "web", "source_id": source}
    assert program.put(f"{entries}/upsert", json=sent).status_code == 201
    assert program.get(entries, params={"source_id": source}).json()["meta"]["total"] == 1
    answer = program.delete(f"{entries}/by-source/web/{quote(source, safe='')}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Entry.objects.exists()


def test_a_page_leads_to_the_next(program, entries):
    many = [{"raw_text": str(n), "source_type": "web", "source_id": str(n)} for n in range(40)]
    assert program.post(f"{entries}/batch", json={"entries": many}).json() == {"created": 40, "updated": 0}
    seen, address = [], f"{program.base_url}{entries.lstrip('/')}?per_page=15"
    while address:
        body = program.get(address).json()
        seen += [row["source_id"] for row in body["data"]]
        address = body["links"]["next"]
    assert sorted(seen, key=int) == [str(n) for n in range(40)]


def test_a_batch_of_long_texts_is_taken_and_one_without_end_is_not(program, entries):
    many = [{"raw_text": f"{n} " + "x" * 100_000, "source_type": "web", "source_id": str(n)} for n in range(50)]
    assert program.post(f"{entries}/batch", json={"entries": many}).json() == {"created": 50, "updated": 0}
    answer = program.post(f"{entries}/batch", content=b"[" * 17_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert set(answer.json()) == {"message"}


def test_upserts_of_one_key_at_once_leave_one_entry(program, entries):
    sent = [{"raw_text": f"Version {n}.", "source_type": "web", "source_id": "a"} for n in range(30)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda body: program.put(f"{entries}/upsert", json=body), sent))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(200)) == (1, 29)
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert Entry.objects.get().generation == 30
