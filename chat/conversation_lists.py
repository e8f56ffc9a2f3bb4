"""Conversations as people look through them: newest first, narrowed, one page after another, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import QueryDict
from django.utils import timezone

from accounts.models import Account, User
from chat.finding import HAS_SAID, LONGEST_QUERY, Part, Words, conversations_with, first_said
from chat.models import WITHOUT_ANSWER, Conversation, Message
from knowledge.document_lists import Place

ON_A_PAGE = 25
PERIODS = (1, 7, 30, 90, 365)
ANSWERED = {"yes": True, "no": False}
TABLE = Conversation._meta.db_table


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations: of the last so many days, with all questions answered or not, with words in them."""

    query: str = ""
    days: int | None = None
    answered: str = ""

    @classmethod
    def asked(cls, query: QueryDict) -> Self:
        """What makes no sense is as if it were not there."""
        days, answered = query.get("days", ""), query.get("answered", "")
        text = " ".join(query.get("q", "").replace("\0", "").split())[:LONGEST_QUERY]
        return cls(text, int(days) if days in map(str, PERIODS) else None, answered if answered in ANSWERED else "")

    @property
    def given(self) -> dict[str, Any]:
        return {"q": self.query, "days": self.days, "answered": self.answered}

    @property
    def is_narrow(self) -> bool:
        return any(self.given.values())

    @property
    def link(self) -> str:
        """For links that stay in this list; begins with `&` if there is anything to say."""
        return "".join(f"&{urlencode({key: value})}" for key, value in self.given.items() if value)

    @property
    def words(self) -> Words:
        return Words.of(self.query)

    def among(self, account: Account, conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.days:
            conversations = conversations.filter(updated_at__gte=timezone.now() - timedelta(days=self.days))
        if self.answered:
            lacking = Message.objects.filter(WITHOUT_ANSWER, account=account, conversation=OuterRef("pk"))
            has_all = ANSWERED[self.answered]
            conversations = conversations.filter(~Exists(lacking) if has_all else Exists(lacking))
        return conversations


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in a list; `found` is where the words stand in it."""

    conversation: Conversation
    lacks_answer: bool
    title: list[Part]
    found: list[Part]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose conversations a list has, twice: for Django, and as a condition on `own` with what is bound in it."""

    conversations: QuerySet[Conversation]
    condition: str
    bound: list[Any]

    @classmethod
    def of_user(cls, account: Account, user: User) -> Self:
        return cls(Conversation.objects.for_account(account).of(user), "own.user_id = %s", [user.pk])


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Row]
    newer: Place | None
    older: Place | None


def page_of(account: Account, whose: Whose, wanted: Wanted, query: QueryDict) -> Page:
    """The newest, or what `?older=` or `?newer=` than a place says."""
    conversations = _with_words(account, whose, wanted)
    conversations = wanted.among(account, conversations) if conversations is not None else None
    if conversations is None:
        return Page([], None, None)
    if newer := Place.read(query.get("newer", "")):
        after = Q(updated_at__gte=newer.at) & (Q(updated_at__gt=newer.at) | Q(id__gt=newer.id))
        found = list(conversations.filter(after).order_by("updated_at", "id")[: ON_A_PAGE + 1])
        return _page(account, wanted, found[:ON_A_PAGE][::-1], has_newer=len(found) > ON_A_PAGE, has_older=True)
    older = Place.read(query.get("older", ""))
    if older:
        before = Q(updated_at__lte=older.at) & (Q(updated_at__lt=older.at) | Q(id__lt=older.id))
        conversations = conversations.filter(before)
    found = list(conversations.order_by("-updated_at", "-id")[: ON_A_PAGE + 1])
    return _page(account, wanted, found[:ON_A_PAGE], has_newer=older is not None, has_older=len(found) > ON_A_PAGE)


def _with_words(account: Account, whose: Whose, wanted: Wanted) -> QuerySet[Conversation] | None:
    """None where there are none."""
    words = wanted.words
    if not wanted.query:
        return whose.conversations
    if not words.folded:
        return None
    ids = conversations_with(account, whose.condition, whose.bound, words)
    if ids is not None:
        return whose.conversations.filter(id__in=ids) if ids else None
    patterns = words.patterns
    has_said = RawSQL(HAS_SAID.format(table=TABLE), [patterns, account.pk, patterns])  # noqa: S611
    return whose.conversations.alias(has_said=has_said).filter(has_said=True)


def _page(account: Account, wanted: Wanted, shown: list[Conversation], *, has_newer: bool, has_older: bool) -> Page:
    ids, words = [conversation.id for conversation in shown], wanted.words
    lacking = _lacking(account, ids) if ids else set()
    said = first_said(account, ids, words) if ids and words.folded else {}
    rows = [
        Row(
            conversation,
            conversation.id in lacking,
            words.marked(conversation.title),
            words.excerpt(said[conversation.id]) if conversation.id in said else [],
        )
        for conversation in shown
    ]
    newer = _place(shown[0]) if shown and has_newer else None
    return Page(rows, newer, _place(shown[-1]) if shown and has_older else None)


def _place(conversation: Conversation) -> Place:
    return Place(conversation.updated_at, conversation.id)


def _lacking(account: Account, ids: list[UUID]) -> set[UUID]:
    found = Message.objects.filter(WITHOUT_ANSWER, account=account, conversation__in=ids).order_by()
    return set(found.values_list("conversation_id", flat=True))
