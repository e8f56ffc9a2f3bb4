"""Looking for what of an answer stands in none of its sources: quotations and figures that were made up.

Kept with the answer for whoever looks into it, and no error: a sum, or a date written in another way, shows here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chat.citations import MARKER
from knowledge.search import SearchHit

MOST_FLAGGED = 20
LONGEST_FLAGGED = 200
SHORTEST_QUOTE = 12  # letters and spaces; a word in quotation marks is an expression, and no quotation

QUOTE = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|「([^」\n]+)」')
FIGURE = re.compile(r"\d+(?:[.,:\u00a0\u202f]\d+)*")
LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)


def unsupported(text: str, hits: Sequence[SearchHit], question: str) -> list[str]:
    """The quotations and figures of `text` that stand neither in `hits` nor in the question, each once."""
    said = LIST_NUMBER.sub("", MARKER.sub("", text))
    known = "\n".join([question, *(part for hit in hits for part in (hit.title, hit.context, hit.text))])
    words, figures = _plain(known), {_digits(figure[0]) for figure in FIGURE.finditer(known)}
    missing = [quote for quote in _quotes(said) if _plain(quote) not in words]
    missing += [figure[0] for figure in FIGURE.finditer(said) if _digits(figure[0]) not in figures]
    return [one[:LONGEST_FLAGGED] for one in dict.fromkeys(missing)][:MOST_FLAGGED]


def _quotes(text: str) -> Iterator[str]:
    for found in QUOTE.finditer(text):
        quote = next(group for group in found.groups() if group)
        if len(quote) >= SHORTEST_QUOTE:
            yield quote


def _plain(text: str) -> str:
    """Without case, punctuation and the like, in which a faithful quotation may differ."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _digits(figure: str) -> str:
    """`1.000` and `1,000` are the same; and so are `10` and `1.0`, which is a price worth paying."""
    return re.sub(r"\D", "", figure)
