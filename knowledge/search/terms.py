"""From text to the terms that the lexical index knows, in the same way for chunks and for questions.

Words are found by Unicode's rules, folded and stemmed by the language of the text (Snowball, for the languages it
has). Scripts without spaces between words become overlapping pairs of characters, which find as well as a
segmenter does and need no dictionary (Foo & Li, 2004, "Chinese word segmentation and its effect on information
retrieval"). Codes such as `AB-123/x` are kept whole and in parts, so that either finds them. There are no stop
words: a term's weight falls with the number of chunks it stands in.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import Stemmer

from knowledge.models import TERM_SPACE

LONGEST_TERM = 64

STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def _ranges(code_points: Iterator[int]) -> str:
    """A character class's inside."""
    spans: list[list[int]] = []
    for point in code_points:
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in spans)


# The vowel signs of Indic and other scripts are part of a word, though `\w` does not know it.
_MARK = _ranges(point for point in range(0x300, 0x1F000) if unicodedata.category(chr(point)) in ("Mn", "Mc"))
_SPACELESS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff"  # Myanmar
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff"  # kana and Han
)
_PIECE = rf"[^\W_{_SPACELESS}]+(?:[{_MARK}]+[^\W_{_SPACELESS}]*)*"
_JOINER = r"(?:://|[-‐‑_./\\:@&'’])"
_TOKEN = re.compile(
    rf"(?P<run>[{_SPACELESS}]+)"
    r"|(?P<number>(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?)(?!\w|[.,]\d))"
    r"|(?P<symbol>(?<!\w)[A-Za-z](?:\+\+|\#)(?!\w))"
    rf"|(?P<word>{_PIECE}(?:{_JOINER}{_PIECE})*)"
)
_RUN = re.compile(f"[{_SPACELESS}]+")
_JOINERS = re.compile(_JOINER)
_SLASHES = re.compile(r"://|[/\\]")
_HYPHENS = re.compile("[-‐‑_]")
_POSSESSIVE = re.compile(r"['’][sS]$")
_ACRONYM = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_CODE_SIGNS = re.compile(r"[\d.:@_\\]")
_HUMPS = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=\D)|(?<=\D)(?=\d)")
_ACCENTS = re.compile("[\u0300-\u036f]")
_THREAD = threading.local()


def terms_of(text: str, language: str) -> list[str]:
    """The terms of `text` in its order, repetitions included; `language` is ISO 639-1, or empty where unknown."""
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        found += _READERS[match.lastgroup or "word"](match[0], language)
    return found


def term_key(account_id: int, term: str) -> int:
    """The number of a term in an account, from 1 to TERM_SPACE - 1.

    The account is part of what is hashed, so that accounts share no posting lists.
    """
    digest = blake2b(term.encode("utf-8", "replace"), digest_size=8, salt=account_id.to_bytes(16, "big")).digest()
    return 1 + int.from_bytes(digest, "big") % (TERM_SPACE - 1)


def is_pair(term: str) -> bool:
    """Whether the term is of a script without spaces, where terms overlap."""
    return _RUN.fullmatch(term) is not None


def plain(word: str) -> str:
    """The word as terms are written, but for its ending."""
    return _unaccented(_folded(unicodedata.normalize("NFKC", word), ""))


def stem(word: str, language: str) -> str:
    """A plain word as the term it is in that language."""
    return _stemmed(word, language)


def _pairs(run: str, _language: str = "") -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)] or [run]


def _number(token: str, _language: str) -> list[str]:
    """1,234.5 and 1.234,5 alike."""
    groups = re.split("[.,]", token)
    if len({sign for sign in token if sign in ".,"}) == 1:
        return ["".join(groups)]
    return ["".join(groups[:-1]), "".join(groups[:-1]) + "." + groups[-1]]


def _symbol(token: str, _language: str) -> list[str]:
    return [token.casefold()]


def _word(token: str, language: str) -> Sequence[str]:
    if len(token) <= 2 * LONGEST_TERM:
        return _terms_of_token(token, language)
    return [term for part in _JOINERS.split(token) for term in _terms_of_token(part[: 2 * LONGEST_TERM], language)]


_READERS: dict[str, Callable[[str, str], Sequence[str]]] = {
    "run": _pairs,
    "number": _number,
    "symbol": _symbol,
    "word": _word,
}


@lru_cache(maxsize=1 << 15)
def _terms_of_token(token: str, language: str) -> tuple[str, ...]:
    token = _POSSESSIVE.sub("", token)
    if _ACRONYM.fullmatch(token):
        return (_folded(token.replace(".", ""), language),)
    terms = [term for part in _JOINERS.split(token) for term in _terms_of_part(part, language)]
    # A path is a code, and so is each of its segments: the host of an address, the name of a file.
    wholes = (_whole(joined, language) for joined in dict.fromkeys([token, *_SLASHES.split(token)]))
    return (*terms, *(whole for whole in wholes if whole))


def _terms_of_part(part: str, language: str) -> list[str]:
    """The word itself; `maxRetries` and `AB123` also by their parts."""
    word = _stemmed(part, language)
    humps = _HUMPS.split(part) if len(part) <= LONGEST_TERM else []
    return [word, *(_stemmed(hump, language) for hump in humps)] if len(humps) > 1 else [word]


def _whole(token: str, language: str) -> str | None:
    """What joined parts are together: a code without its hyphens, or a hyphenated word as one."""
    if len(token) > LONGEST_TERM or not _JOINERS.search(token):
        return None
    bare = _HYPHENS.sub("", token)
    if _CODE_SIGNS.search(token):
        return _folded(bare, language)
    return _stemmed(bare, language) if bare.isalpha() else None


def _folded(word: str, language: str) -> str:
    if language == "tr":
        word = word.replace("İ", "i").replace("I", "ı")
    return word.casefold()[:LONGEST_TERM]


def _stemmed(word: str, language: str) -> str:
    word = _folded(word, language)
    if (stemmer := _stemmer(language)) is not None:
        word = stemmer.stemWord(word)
    return word if word.isascii() or language == "vi" else _unaccented(word)


def _unaccented(word: str) -> str:
    """Without the accents that people leave out when they type; the signs of other scripts stay."""
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))


def _stemmer(language: str) -> Stemmer.Stemmer | None:
    """A stemmer is not safe from two threads, so each thread has its own."""
    if language not in STEMMERS:
        return None
    known: dict[str, Stemmer.Stemmer] = _THREAD.__dict__
    if language not in known:
        known[language] = Stemmer.Stemmer(STEMMERS[language])
    return known[language]
