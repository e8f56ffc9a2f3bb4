"""Finding what was said: parts of words in any script, whatever their case and accents, and showing where they stand.

The database keeps what was said folded, and an index over all groups of three characters of it (pg_trgm). Scripts
without spaces are folded into one word a character; shorter words are found where a word begins with them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from django.db import connection

from accounts.models import Account

LONGEST_QUERY = 200
MOST_WORDS = 8
INDEXED = 3  # characters: a shorter word is found only where one begins
READ = 20_000  # characters of a message that are looked through for an excerpt
BEFORE, AROUND = 70, 260  # characters of an excerpt: before the first hit, and in all

# As in the function `chat_folded` of the database.
ACCENTS = re.compile("[\u0300-\u036f]+")
UNSPACED = re.compile("([\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff])")
BETWEEN = re.compile(
    "[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
    "!\"'()*,;<=>?\\[\\]^`{|}~«»„“”‘’…]+"
)
ALIKE = str.maketrans({"ς": "σ", "ı": "i", "ß": "ss"})
SPECIAL = re.compile(r"([\\%_])")


def fold(text: str) -> str:
    """Words in between spaces, one also at either end."""
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text)).lower().translate(ALIKE)
    apart = UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", plain))
    return BETWEEN.sub(" ", f" {apart} ")


@lru_cache(4096)
def _folded_character(character: str) -> str:
    """Without the spaces around it, unless it is one."""
    folded = fold(character)
    return " " if folded == " " else folded if UNSPACED.match(folded, 1) else folded[1:-1]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an excerpt."""

    text: str
    is_hit: bool


@dataclass(frozen=True, slots=True)
class Words:
    """What is looked for: each of them has to be there. `folded` is what stands in folded text."""

    folded: tuple[str, ...]

    @classmethod
    def of(cls, query: str) -> Self:
        cut = (_part_of_text(fold(word)) for word in query.replace("\0", "")[:LONGEST_QUERY].split())
        return cls(tuple(dict.fromkeys(word for word in cut if word.strip()))[:MOST_WORDS])

    @property
    def patterns(self) -> list[str]:
        """For LIKE."""
        return ["%" + SPECIAL.sub(r"\\\1", word) + "%" for word in self.folded]

    def excerpt(self, text: str) -> list[Part]:
        """What stands around the first hit; the beginning, where there is none."""
        hits = self.hits(text)
        first = hits[0][0] if hits else 0
        start = _word_start(text, first - BEFORE) if first > BEFORE else 0
        end = min(start + AROUND, len(text))
        parts = _parts(text, [hit for hit in hits if hit[0] < end], start, end)
        dots = [Part("…", False)]
        return dots * (start > 0) + parts + dots * (end < len(text))

    def marked(self, text: str) -> list[Part]:
        """All of it."""
        return _parts(text, self.hits(text), 0, len(text))

    def hits(self, text: str) -> list[tuple[int, int]]:
        """Where they stand in a text, in order, none upon another."""
        folded, places = _with_places(text[:READ])
        found = [
            (places[at], places[at + len(word) - 1] + 1)
            for word, inset in ((word.strip(), len(word) - len(word.lstrip())) for word in self.folded)
            for at in (one.start() + inset for one in re.finditer(re.escape(" " * inset + word), folded))
        ]
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


def _part_of_text(folded: str) -> str:
    """The folded word with a space only where one has to stand: so three characters of it are always in the index."""
    word = folded.strip()
    before = " " if len(word) < INDEXED or UNSPACED.match(word) else ""
    return f"{before}{word}{' ' if UNSPACED.match(word[-1:]) else ''}"


def _with_places(text: str) -> tuple[str, list[int]]:
    """A text folded, and of each character of that, which one of the text it comes from."""
    pieces, places = [" "], [0]
    for place, character in enumerate(text):
        piece = _folded_character(character)
        if piece.startswith(" ") and pieces[-1].endswith(" "):
            piece = piece[1:]
        if piece:
            pieces.append(piece)
            places += [place] * len(piece)
    return "".join(pieces) + " ", [*places, len(text)]


def _word_start(text: str, at: int) -> int:
    found = re.compile(r"\s").search(text, at, at + 30)
    return found.end() if found else at


def _parts(text: str, hits: list[tuple[int, int]], start: int, end: int) -> list[Part]:
    parts, at = [], start
    for first, last in hits:
        parts += [Part(text[at:first], False), Part(text[first : min(last, end)], True)]
        at = min(last, end)
    return [part for part in [*parts, Part(text[at:end], False)] if part.text]


MANY = 500
"""Of so many hits at most the conversations are listed; what is said more often is looked for from the newest on."""


def conversations_with(account: Account, whose: str, bound: list[Any], words: Words) -> list[Any] | None:
    """The ids of conversations of the account where all words are in the title or in one message; None: too many.

    `whose` is a condition on `own`, the conversation, with what is `bound` in it.
    """
    said, titled = _like("said.folded", words), _like("own.folded", words)
    statement = f"""
        (SELECT said.conversation_id FROM chat_message AS said
         JOIN chat_conversation AS own ON own.account_id = said.account_id AND own.id = said.conversation_id
         WHERE said.account_id = %s AND {said} AND {whose} LIMIT %s)
        UNION ALL
        (SELECT own.id FROM chat_conversation AS own WHERE own.account_id = %s AND {titled} AND {whose} LIMIT %s)
    """  # noqa: S608
    of_account = [account.pk, *words.patterns, *bound, MANY]
    with connection.cursor() as cursor:
        cursor.execute(statement, of_account * 2)
        rows = cursor.fetchall()
    return None if len(rows) >= MANY else list({row[0] for row in rows})


HAS_SAID = """
    {table}.folded LIKE ALL (%s) OR EXISTS (
        SELECT FROM chat_message AS said WHERE said.account_id = %s AND said.conversation_id = {table}.id
          AND said.folded LIKE ALL (%s) OFFSET 0
    )
"""


def first_said(account: Account, conversations: list[Any], words: Words) -> dict[Any, str]:
    """Of each of a few conversations, the first message that has all the words."""
    statement = f"""
        SELECT DISTINCT ON (said.conversation_id) said.conversation_id, left(said.content, %s)
        FROM chat_message AS said
        WHERE said.account_id = %s AND said.conversation_id = ANY(%s) AND {_like("said.folded", words)}
        ORDER BY said.conversation_id, said.created_at, said.id
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [READ, account.pk, conversations, *words.patterns])
        return dict(cursor.fetchall())


def _like(column: str, words: Words) -> str:
    return " AND ".join([f"{column} LIKE %s"] * len(words.folded))
