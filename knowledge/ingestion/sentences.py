"""Where sentences begin and end, in any language, without a model.

A terminator ends a sentence unless something speaks against it: an abbreviation or an initial before it, a small
letter or no space after it. These are the rules of Mikheev (2002), "Periods, Capitalization, etc.", with lists in
place of learning. Scripts without capitals (CJK, Arabic, Devanagari …) have terminators that are never ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}」』）】〉》＂"
# Possessive, bounded and anchored to the beginning of a run: hostile text must not make it quadratic.
_CANDIDATE = re.compile(
    rf"""
    (?<![.…]) (?P<period>[.…]++ [{_CLOSERS}]{{0,9}}+) (?=\s|$)
  | (?<![!?‼⁇⁈⁉]) (?P<loud>[!?‼⁇⁈⁉]++ [.…]{{0,9}}+ [{_CLOSERS}]{{0,9}}+) (?=\s|$)
  | (?P<plain>[。｡！？．؟۔।॥᙮።៕၊။]++ [{_CLOSERS}]{{0,9}}+)
  | (?P<line>\n\s*+)
    """,
    re.VERBOSE,
)
_NEXT_WORD = re.compile(rf"[\s\"'“‘„«‹(\[{{「『¿¡—–-]{{0,20}}+([^\s{_CLOSERS}.,;:!?]{{0,30}}+)")
_LAST_WORD = re.compile(r"[^\s(\[{\"“„«‘']*$")
_ITEM = re.compile(
    r"[ \t]{0,40}+(?:[-*+•●○▪■◦‣–—·✓✔➢►]\s|(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)]\s|\(\w{1,3}\)\s|#{1,6}\s|>)"
)
_NUMBERING = re.compile(r"\W*(?:\d{1,3}(?:\.\d{1,3})*|[^\W\d_]|[ivxIVX]{1,5})\W*$")
_REACH = 40  # characters looked back for the word before a period: bounds the work on text without spaces


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# After these a name, a number or a continuation follows, so that a capital says nothing.
_NEVER_LAST = _words(
    """
    mr mrs ms dr prof rev hon st mt ft messrs mme mlle hr fr sr sra srta dra ing dipl gen col maj capt cpt lt
    sgt cmdr adm gov sen rep pres supt insp no nos nr núm fig figs eq eqs sec ch chap vol art abs pp pt ed eds
    tab ref refs ver vs cf viz approx ca circa est evtl ggf inkl exkl bzgl bspw sog resp dept univ ave blvd rd
    str ул им стр рис гл см напр тов проф акад e.g i.e z.b d.h u.a o.ä s.o s.u p.ex т.е т.н jan feb mar apr jun
    jul aug sep sept oct nov dec mons bros op cit ibid al
    """
)
# These may end a sentence: they do before a word that commonly begins one.
_SOMETIMES_LAST = _words(
    """
    inc ltd co corp llc plc jr esq phd ph.d m.d b.a m.a a.m p.m u.s u.k u.n e.u d.c u.s.a ee.uu etc usw bzw mio
    mrd ff f p м г гг др пр тыс млн млрд руб с т.д т.п и.о q.v min max hrs hr yrs sq
    """
)
_COMMON_FIRST = _words(
    """
    the a an it he she they we i you this that these those there here in on at for from by with as after before
    when while if although though since because however but and or so yet thus hence therefore moreover
    furthermore also his her its their our your my one two some many most all each every no not what who where
    why how another other der die das ein eine er sie es wir ich diese dieser dieses im am in zum bei nach mit
    und aber doch auch für le la les un une il elle ils elles on nous vous ce cette ces dans en pour par mais et
    el los las una este esta en por para pero y o os as um uma é в на он она они это этот эта но и а по для
    после при как
    """
)
_MONTHS = _words(
    """
    januar februar märz april mai juni juli august september oktober november dezember jänner januára ledna
    února března dubna května června července srpna září října listopadu prosince januar februar mars april mai
    juni juli august september oktober november desember
    """
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of `text` as `(start, end)` offsets, in order, without the white space around them.

    Together they hold every character of `text` that is not white space. Blank lines always separate; a single
    line break does where the lines are items (list, verse, table row) and not where a long line was wrapped.
    Linear in the length of the text.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for stop in _boundaries(text):
        if span := _trimmed(text, start, stop):
            spans.append(span)
        start = stop
    if span := _trimmed(text, start, len(text)):
        spans.append(span)
    return spans


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int] | None:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return (start, stop) if start < stop else None


def _boundaries(text: str) -> Iterator[int]:
    line_start = sentence_start = 0
    for match in _CANDIDATE.finditer(text):
        begin, end = match.span()
        if match["line"] is not None:
            ends = _line_ends_sentence(text, line_start, begin, end)
            line_start = end
        elif match["plain"] is not None:
            ends = not _quote_goes_on(text, end)
        elif match["loud"] is not None:
            ends = not _goes_on_small(text, end)
        else:
            ends = _period_ends_sentence(text, sentence_start, begin, end)
        if ends:
            sentence_start = end
            yield end


def _goes_on_small(text: str, end: int) -> bool:
    if (rest := _NEXT_WORD.match(text, end)) is None or not rest[1]:
        return False
    if "\n" in text[end : rest.start(1)] and _ITEM.match(text, text.rfind("\n", end, rest.start(1)) + 1):
        return False
    return rest[1][0].islower()


def _quote_goes_on(text: str, end: int) -> bool:
    """A quotation that the sentence around it takes up again: 「行く。」と言った."""
    return text[end - 1 : end] in "」』）”’" and text[end : end + 1] in ("と", "，", "、", "的", "이", "라")


def _period_ends_sentence(text: str, sentence_start: int, begin: int, end: int) -> bool:
    if _goes_on_small(text, end):
        return False
    following = _NEXT_WORD.match(text, end)
    word_after = following[1] if following else ""
    found = _LAST_WORD.search(text, max(sentence_start, begin - _REACH), begin)
    word = found[0] if found else ""
    if begin - sentence_start <= 8 and _NUMBERING.fullmatch(text, sentence_start, begin):
        return False
    if text[begin:end].startswith(("..", "…")) or not word:
        return True
    return _word_ends_sentence(word, word_after)


def _word_ends_sentence(word: str, after: str) -> bool:
    bare = word.lower()
    starts_anew = after.lower() in _COMMON_FIRST
    if bare in _NEVER_LAST:
        # "No." is an abbreviation before a number and an answer elsewhere; so is "al." at the end of "et al."
        return bare in ("no", "al", "art", "mar", "tab", "sec", "est") and not after[:1].isdigit() and starts_anew
    if bare in _SOMETIMES_LAST or (len(word) == 1 and word.isalpha() and word.isupper()) or _is_acronym(word):
        return not after or starts_anew
    if word.isdigit() and len(word) <= 2:
        return after.lower() not in _MONTHS
    return True


def _is_acronym(word: str) -> bool:
    """Initials with periods between them, like U.S or J.R.R."""
    return "." in word and len(word) <= 8 and all(len(part) == 1 and part.isalpha() for part in word.split("."))


def _line_ends_sentence(text: str, line_start: int, begin: int, end: int) -> bool:
    """Whether the line `text[line_start:begin]` ends a sentence though no terminator says so."""
    if text.find("\n", begin + 1, end) >= 0:
        return True
    next_line = text.rfind("\n", begin, end) + 1
    if _ITEM.match(text, next_line) or " | " in text[max(line_start, begin - 200) : begin]:
        return True
    length = begin - line_start
    if text[end : end + 1].islower():
        return False
    wide = sum(2 if char >= "\u2e80" else 1 for char in text[max(line_start, begin - 60) : begin])
    return length < 60 and wide < 45
