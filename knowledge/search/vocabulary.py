"""The words an account's texts are made of, for search boxes: what a beginning may become, what a slip may have meant.

Slips are found by trying out every word that one slip away (a letter too many, too few, another, two swapped: four of
five of all slips, Damerau, 1964) rather than by an index of pieces: a thousand look-ups in a B-tree take two
milliseconds, need no storage beside the words, and no more of either as the account grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.db import connection

from knowledge.search.terms import is_pair, plain, stem

LONGEST_WORD = 32
SHORTEST_SLIP = 4
LONGEST_SLIP = 20
MOST_COMPLETIONS = 20
MOST_CORRECTIONS = 3
# Of the words that begin in the same way, this many are looked at.
COMPARED = 2_000

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzßæøđłı",
    "абвгдежзиклмнопрстуфхцчшщъыьэюяієґ",
    "αβγδεζηθικλμνξοπρστυφχψως",
    "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءأإآؤئپچژگکی",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
)

_LEARN = """
    INSERT INTO knowledge_word (account_id, term, word) SELECT %s, term, word FROM unnest(%s::int[], %s::text[])
        AS met (term, word)
    ON CONFLICT (account_id, term) DO NOTHING
"""
_BEGINNING = """
    SELECT word.word, known.chunk_count
    FROM (SELECT term, word FROM knowledge_word WHERE account_id = %s AND word LIKE %s LIMIT {compared}) AS word
    JOIN knowledge_termstatistic AS known ON known.account_id = %s AND known.term = word.term
    ORDER BY known.chunk_count DESC, word.word LIMIT {most}
"""
_AMONG = """
    SELECT word.word, known.chunk_count FROM knowledge_word AS word
    JOIN knowledge_termstatistic AS known ON known.account_id = %s AND known.term = word.term
    WHERE word.account_id = %s AND word.word = ANY(%s)
    ORDER BY known.chunk_count DESC, word.word LIMIT {most}
"""


def learn(account_id: int, keys: Mapping[str, int]) -> None:
    """Keep terms with their keys; within the transaction that counts them."""
    kept = {term: key for term, key in keys.items() if 1 < len(term) <= LONGEST_WORD and not is_pair(term)}
    with connection.cursor() as cursor:
        cursor.execute(_LEARN, [account_id, list(kept.values()), list(kept)])


def completions(account_id: int, beginning: str) -> dict[str, int]:
    """The commonest terms that begin like this, with the number of chunks that hold each."""
    word = plain(beginning)
    if not 1 < len(word) <= LONGEST_WORD or is_pair(word):
        return {}
    pattern = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    statement = _BEGINNING.format(compared=COMPARED, most=MOST_COMPLETIONS)
    with connection.cursor() as cursor:
        cursor.execute(statement, [account_id, pattern, account_id])
        return dict(cursor.fetchall())


def corrections(account_id: int, word: str, languages: Sequence[str]) -> dict[str, int]:
    """The commonest terms one slip away from a word that nobody wrote, with the number of chunks that hold each."""
    word = plain(word)
    alphabet = next((letters for letters in _ALPHABETS if set(word) <= set(letters)), "")
    if not alphabet or not SHORTEST_SLIP <= len(word) <= LONGEST_SLIP:
        return {}
    meant = set(_one_slip_away(word, alphabet))
    stems = {stem(each, language) for language in languages for each in meant}
    with connection.cursor() as cursor:
        cursor.execute(_AMONG.format(most=MOST_CORRECTIONS), [account_id, account_id, list(stems | meant)])
        return dict(cursor.fetchall())


def _one_slip_away(word: str, alphabet: str) -> Iterator[str]:
    """The first letter is left as it is: people rarely miss it, and what differs there is mostly another word."""
    for place in range(1, len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (before + letter + after for letter in alphabet)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in alphabet)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
