"""Bytes of unknown encoding to text."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 40_000  # bytes that a guess looks at

_LATIN = "àâäáãåçèéêëíìîïñóòôöõøœùúûüÿýæßðþ"
_CENTRAL = "áäčďéěíľňóôöřšťúůüýžąćęłńśźżőűăâîșțşţđß"
_RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_UKRAINIAN = "іїєґўђјљњћџѓќѕ"
_GREEK = "αοιετσνηυρπκμλςωδγχθφβξζψάέήίόύώϊϋΐΰ"
_HEBREW = "יוהלאתרבמשנכדעקחםפטגצסןזךףץ"
_ARABIC = "ايلنمرتوبةسعدفهكحقجشأصطخىءذئزثإضظغآؤ،؟؛"
_THAI = "านรกอเงมยล่วี้ัดิทตสปพคหบกขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลวศษสหฬอฮะัาำิีึืุูเแโใไๅๆ็่้๊๋์"
_TURKISH = "çğıöşüâîûİ"
_SINGLE: tuple[tuple[str, str, float], ...] = (
    # encoding, letters of its languages, head start
    ("cp1252", _LATIN, 0.12),
    ("cp1251", _RUSSIAN + _UKRAINIAN, 0.03),
    ("koi8-r", _RUSSIAN, 0.02),
    ("koi8-u", _RUSSIAN + _UKRAINIAN, 0.0),
    ("cp866", _RUSSIAN, 0.02),
    ("iso8859-5", _RUSSIAN + _UKRAINIAN, 0.0),
    ("mac-cyrillic", _RUSSIAN, 0.0),
    ("cp1250", _CENTRAL, 0.02),
    ("iso8859-2", _CENTRAL, 0.01),
    ("cp1253", _GREEK, 0.0),
    ("iso8859-7", _GREEK, 0.0),
    ("cp1255", _HEBREW, 0.0),
    ("cp1256", _ARABIC, 0.0),
    ("iso8859-6", _ARABIC, 0.01),
    ("cp1254", _TURKISH + "éàè", 0.0),
    ("cp874", _THAI, 0.0),
    ("mac-roman", _LATIN, -0.05),
    ("cp850", _LATIN, -0.1),
    ("cp437", _LATIN, -0.12),
)
_MULTI = ("cp932", "gb18030", "euc-jp", "euc-kr", "big5", "utf-16-le", "utf-16-be")
# The commonest characters of Chinese, simplified and traditional, and of Japanese.
_COMMON_HAN = frozenset(
    "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同"
    "么经法当起与好看学进种将还分此心前面又定见只主没公从本長東京都府県市區区町村語話言書行車電気新聞会社這為來個們說國時於對著裡過發無經當與學進種將還"
    "見從今手知理明高重力全体力同現員部議民政府水火木金土月週年間問題何私思彼女男子入口生物名最初回場所点数文化教育科学技術世界美関係法律実意味持使"
)
_PUNCTUATION = frozenset("“”‘’„‚–—…•€£§°©®™«»¿¡·№ªº½¼¾×´\xa0")


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`, by its byte order mark, else by what it says of itself if that fits, else by a guess.

    `declared` is what the document (an HTML meta tag, a MIME header) names. Never fails: what does not fit
    becomes U+FFFD.
    """
    encoding = detect_encoding(data, declared)
    if encoding.startswith(("utf-8", "utf-16", "utf-32")):
        return data.decode(encoding, "replace").lstrip("\ufeff")
    return data.decode(encoding, "replace")


def detect_encoding(data: bytes, declared: str | None = None) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    if wide := _wide_encoding(data[:4096]):
        return wide
    if b"\x1b$" in data[:_SAMPLE] and _fits(data, "iso2022_jp_2"):
        return "iso2022_jp_2"
    if _is_utf8(data):
        return "utf-8"
    if (known := _known(declared)) and not known.startswith(("utf", "ascii")) and _fits(data, known):
        return known
    return guess_encoding(data)


def _known(name: str | None) -> str | None:
    """The codec for a name as found in the wild; browsers read Latin-1 as Windows-1252, and so do we."""
    try:
        found = codecs.lookup((name or "").strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    wider = {"iso8859-1": "cp1252", "ascii": "ascii", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030"}
    return wider.get(found, found) if _is_text_codec(found) else None


def _is_text_codec(name: str) -> bool:
    return bool(getattr(codecs.lookup(name), "_is_text_encoding", True))


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        # A few bytes that Windows-1252 leaves undefined are no reason to disbelieve a declaration.
        return encoding == "cp1252"
    return True


def _is_utf8(data: bytes) -> bool:
    """Whether it is UTF-8, a damaged sequence here and there (or a cut-off end) forgiven."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        sample = data[: 4 * _SAMPLE]
        text = sample.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        return broken * 20 < sum(char > "\x7f" for char in text) - broken
    return True


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: text is mostly of one alphabet, so that its high bytes hardly vary."""
    if len(head) < 4:
        return None
    if len(head) % 4 == 0 or len(head) == 4096:
        quads = len(head) // 4
        if head[1::4].count(0) + head[2::4].count(0) >= 1.9 * quads:
            if head[3::4].count(0) == quads and head[0::4].count(0) < quads // 4:
                return "utf-32-le"
            if head[0::4].count(0) == quads and head[3::4].count(0) < quads // 4:
                return "utf-32-be"
    if 0 not in head:
        return None
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2], head[1 : 2 * pairs : 2]
    for name, high, low in (("utf-16-be", even, odd), ("utf-16-le", odd, even)):
        plausible = high.count(0) >= 0.3 * pairs and low.count(0) <= 0.02 * pairs
        if not plausible:
            # Other alphabets: spaces and line breaks still have a zero high byte, letters share one.
            commonest = max((high.count(value) for value in range(1, 0x20)), default=0)
            plausible = low.count(0) <= 0.02 * pairs and high.count(0) > 0 and commonest + high.count(0) > 0.9 * pairs
        if plausible and _fits(head[: 2 * pairs], name):
            return name
    return None


def guess_encoding(data: bytes) -> str:
    """The likeliest of the encodings that came before Unicode, by how much like writing the text then looks."""
    sample = _telling_sample(data)
    if sample.isascii():
        return "cp1252"
    best, best_score = "cp1252", -9.0
    for encoding in _MULTI:
        score = _score_multi(sample, encoding)
        if score > best_score:
            best, best_score = encoding, score
    for encoding, letters, head_start in _SINGLE:
        score = _score_single(sample, encoding, letters) + head_start
        if score > best_score:
            best, best_score = encoding, score
    return best


def _telling_sample(data: bytes) -> bytes:
    """The lines that are not plain ASCII, as far as the sample goes."""
    if len(data) <= _SAMPLE:
        return data
    lines = [line for line in data[: 50 * _SAMPLE].split(b"\n") if not line.isascii()]
    return b"\n".join(lines)[:_SAMPLE] or data[:_SAMPLE]


def _score_multi(sample: bytes, encoding: str) -> float:
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=False)
    except UnicodeDecodeError:
        return -9.0
    wide = [char for char in text if char > "\x7f"]
    if not wide:
        return -9.0
    return sum(_weight_of_wide(char) for char in wide) / len(wide)


def _weight_of_wide(char: str) -> float:
    if char in _COMMON_HAN:
        return 1.2
    if "\u3041" <= char <= "\u30fe" or "\uac00" <= char <= "\ud7a3":
        return 1.05
    if "\u3000" <= char <= "\u3020" or "\uff01" <= char <= "\uff5e":
        return 0.9
    if "\u4e00" <= char <= "\u9fff":
        return 0.55
    return -0.3


@lru_cache(maxsize=32)
def _letters(letters: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The common letters, all of them, and their capitals."""
    return frozenset(letters[:18]), frozenset(letters), frozenset(letters.upper())


def _score_single(sample: bytes, encoding: str, letters: str) -> float:
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "cp1252":
            return -9.0
        text = sample.decode(encoding, "replace")
    common, small, capital = _letters(letters)
    latin = not small.isdisjoint("éáöü")
    total, count = 0.0, 0
    for match in re.finditer(r"[^\x00-\x7f]", text):
        at, char = match.start(), match[0]
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        count += 1
        if char in small:
            total += _weight_of_small(char, before, after, latin, char in common)
        elif char in capital:
            total += -0.6 if before.islower() else 0.7
        elif char in _PUNCTUATION:
            total += _weight_of_mark(char, before, after)
        else:
            total -= 2.0 if char < "\xa0" else 1.0
    return total / max(count, 1)


def _weight_of_small(char: str, before: str, after: str, latin: bool, common: bool) -> float:
    foreign_before, foreign_after = before > "\x7f" and before.isalpha(), after > "\x7f" and after.isalpha()
    if latin:
        # Accented letters stand among plain ones; a word of nothing else is of another alphabet.
        return -0.5 if foreign_before and foreign_after else 0.5 if char in "ýðþ" else 1.0
    if before.isascii() and before.isalpha():
        return -0.3
    return 1.0 if common else 0.6


def _weight_of_mark(char: str, before: str, after: str) -> float:
    if before.isalpha() and after.isalpha():
        return 0.9 if char == "’" else -0.8
    opens, closes = char in "“‘„«¿¡", char in "”’»"
    if (opens and not before.isalnum()) or (closes and not after.isalnum()):
        return 1.0
    return 0.6
