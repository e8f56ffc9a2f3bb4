"""In which language a text is written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_SAMPLE = 6_000  # characters looked at, from several places
_FEWEST_LETTERS = 20  # below that any guess is nonsense, unless the script says it
_SCRIPTS: tuple[tuple[str, str, int], ...] = (
    # language, its characters, how many of them make up for too short a text
    ("ja", "\u3041-\u30ff\uff66-\uff9d", 3),
    ("ko", "\uac00-\ud7a3\u1100-\u11ff", 3),
    ("zh", "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f", 3),
    ("th", "\u0e01-\u0e5b", 4),
    ("lo", "\u0e81-\u0edf", 4),
    ("km", "\u1780-\u17ff", 4),
    ("my", "\u1000-\u109f", 4),
    ("ka", "\u10a0-\u10ff", 4),
    ("hy", "\u0531-\u058f", 4),
    ("el", "\u0370-\u03ff\u1f00-\u1fff", 6),
    ("ta", "\u0b80-\u0bff", 4),
    ("te", "\u0c00-\u0c7f", 4),
    ("kn", "\u0c80-\u0cff", 4),
    ("ml", "\u0d00-\u0d7f", 4),
    ("gu", "\u0a80-\u0aff", 4),
    ("pa", "\u0a00-\u0a7f", 4),
    ("si", "\u0d80-\u0dff", 4),
    ("am", "\u1200-\u137f", 4),
)
_SHARED = {
    # scripts of several languages: the commonest one, unless the model names another of them
    "\u0590-\u05ff": ("he", {"he", "yi"}),
    "\u0600-\u06ff\u0750-\u077f\ufb50-\ufeff": ("ar", {"ar", "fa", "ur", "ps", "ug", "ku"}),
    "\u0900-\u097f": ("hi", {"hi", "mr", "ne"}),
    "\u0980-\u09ff": ("bn", {"bn", "as"}),
    "\u0400-\u04ff": ("", {"ru", "uk", "bg", "be", "sr", "mk", "kk", "ky", "mn"}),
}
_LATIN_LEAST_CERTAIN = 0.80


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the language most of `text` is in; "" where that cannot be told."""
    sample = _sample(text)
    letters = sum(char.isalpha() for char in sample)
    if not letters:
        return ""
    if code := _by_script(sample, letters):
        return code
    for characters, (usual, languages) in _SHARED.items():
        if _count(characters, sample) * 2 > letters:
            return _among(sample, letters, languages, usual)
    if letters < _FEWEST_LETTERS:
        return ""
    code, certainty = _classify(sample)
    return code if certainty >= _LATIN_LEAST_CERTAIN else ""


def _sample(text: str) -> str:
    """Parts from the beginning, the middle and the end: title pages and indexes are often in another language."""
    text = text if len(text) <= _SAMPLE else "\n".join(
        text[at : at + _SAMPLE // 3] for at in (0, (len(text) - _SAMPLE // 3) // 2, len(text) - _SAMPLE // 3)
    )  # fmt: skip
    return re.sub(r"https?://\S+|\S+@\S+|[\d_]+", " ", text)


def _count(characters: str, text: str) -> int:
    return len(re.findall(f"[{characters}]", text))


def _by_script(sample: str, letters: int) -> str:
    """Japanese mixes its kana with Chinese characters, so that a fifth of kana is enough among those."""
    counts = {code: _count(characters, sample) for code, characters, _ in _SCRIPTS}
    han, kana = counts["zh"], counts["ja"]
    if (han + kana) * 3 > letters and han + kana >= 3:
        return "ja" if kana * 10 > han + kana else "zh"
    for code, _, fewest in _SCRIPTS:
        if code not in ("ja", "zh") and counts[code] * 2 > letters and counts[code] >= fewest:
            return code
    return ""


def _among(sample: str, letters: int, languages: set[str], usual: str) -> str:
    if letters < _FEWEST_LETTERS // 2:
        return usual
    code, certainty = _classify(sample, frozenset(languages))
    return code if certainty >= 0.5 else usual


@lru_cache(maxsize=8)
def _identifier(languages: frozenset[str] | None = None) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if languages:
        identifier.set_languages(sorted(languages & set(identifier.labels)))
    return identifier


def _classify(sample: str, languages: frozenset[str] | None = None) -> tuple[str, float]:
    code, certainty = _identifier(languages).classify(sample)
    return str(code), float(certainty)
