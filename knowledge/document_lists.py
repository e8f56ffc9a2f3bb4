"""Documents as people look through them: newest first, narrowed, one page after another.

A page begins where the one before it ended, so that the last costs no more than the first, and nothing is counted
that is not shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.http import QueryDict

from accounts.models import Account
from knowledge.models import Document

ON_A_PAGE = 50
LONGEST_NAME = 100
OPEN = (Document.Status.PENDING, Document.Status.PROCESSING)
STATES: dict[str, tuple[str, ...]] = {
    "reading": OPEN,
    "ready": (Document.Status.READY,),
    "failed": (Document.Status.FAILED,),
}
PLACE = re.compile(r"([0-9]{1,16})-([0-9a-f]{32})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# By the index over (account, status, …) alone.
_TALLY = """
    SELECT count(*) FILTER (WHERE status <> 'failed'), count(*) FILTER (WHERE status = 'failed')
    FROM knowledge_document WHERE account_id = %s AND status IN ('pending', 'processing', 'failed')
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Between two documents of the list: before or after the one that was added then."""

    at: datetime
    id: UUID

    @classmethod
    def of(cls, document: Document) -> Place:
        return cls(document.created_at, document.id)

    @classmethod
    def read(cls, text: str) -> Place | None:
        """None for what is no place: old links open the first page."""
        found = PLACE.fullmatch(text)
        if found is None:
            return None
        try:
            return cls(EPOCH + timedelta(microseconds=int(found[1])), UUID(hex=found[2]))
        except OverflowError:
            return None

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"

    @property
    def older(self) -> Q:
        return Q(created_at__lte=self.at) & (Q(created_at__lt=self.at) | Q(id__lt=self.id))

    @property
    def newer(self) -> Q:
        return Q(created_at__gte=self.at) & (Q(created_at__gt=self.at) | Q(id__gt=self.id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: in a state, of a collection, with a part of their name."""

    state: str = ""
    collection: UUID | None = None
    name: str = ""

    @classmethod
    def asked(cls, query: QueryDict) -> Self:
        """What makes no sense is as if it were not there."""
        state, collection = query.get("state", ""), query.get("collection", "")
        name = query.get("q", "").replace("\0", "").strip()[:LONGEST_NAME]
        return cls(state if state in STATES else "", _uuid(collection), name)

    @property
    def is_narrow(self) -> bool:
        return bool(self.collection or self.name)

    @property
    def rest(self) -> str:
        """For links beside those of the states: what else is wanted, beginning with `&`."""
        given = {"collection": self.collection, "q": self.name}
        return "".join(f"&{urlencode({key: value})}" for key, value in given.items() if value)

    @property
    def query(self) -> str:
        """For links that stay in this list."""
        return (f"&state={self.state}" if self.state else "") + self.rest

    def among(self, documents: QuerySet[Document]) -> QuerySet[Document]:
        if self.state:
            documents = documents.filter(status__in=STATES[self.state])
        if self.collection:
            documents = documents.filter(collection_id=self.collection)
        return documents.filter(filename__icontains=self.name) if self.name else documents


@dataclass(frozen=True, slots=True)
class Page:
    """Documents, and where the list goes on to either side, if it does."""

    documents: list[Document]
    newer: Place | None
    older: Place | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many documents are being read, and how many could not be."""

    reading: int
    failed: int


def page_of(account: Account, wanted: Wanted, query: QueryDict) -> Page:
    """The newest, or what `?older=` or `?newer=` than a place says."""
    documents: QuerySet[Document] = Document.objects.for_account(account).select_related("collection")
    rows = wanted.among(documents)
    if newer := Place.read(query.get("newer", "")):
        found = list(rows.filter(newer.newer).order_by("created_at", "id")[: ON_A_PAGE + 1])
        shown = found[:ON_A_PAGE][::-1]
        return _page(shown, has_newer=len(found) > ON_A_PAGE, has_older=True)
    older = Place.read(query.get("older", ""))
    found = list((rows.filter(older.older) if older else rows).order_by("-created_at", "-id")[: ON_A_PAGE + 1])
    return _page(found[:ON_A_PAGE], has_newer=older is not None, has_older=len(found) > ON_A_PAGE)


def _page(shown: list[Document], *, has_newer: bool, has_older: bool) -> Page:
    newer = Place.of(shown[0]) if shown and has_newer else None
    return Page(shown, newer, Place.of(shown[-1]) if shown and has_older else None)


def tally(account: Account) -> Tally:
    with connection.cursor() as cursor:
        cursor.execute(_TALLY, [account.pk])
        return Tally(*cursor.fetchone())


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
