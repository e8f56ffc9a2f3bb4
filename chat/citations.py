"""From `[n]` in a text that is being written to citations of what was retrieved.

The model is told to cite sources by the number they have in its prompt. Here those numbers become 1, 2, 3 … in the
order in which they are first cited, each with its citation; a number that stands for nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from chat.events import CitationFound, CitationPayload, SourcePayload, TextDelta
from knowledge.search import SearchHit

# [1], [1, 2], [1-3], 【1】 and the half-written beginnings of them.
MARKER = re.compile(r"[ \t]?(?:\[|【)\s*(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\s*(?:\]|】)")
UNFINISHED = re.compile(r"[ \t]?(?:(?:\[|【)[\d\s,;–-]{0,20})?$")


@dataclass
class CitationWriter:
    """Feeds on pieces of text and gives back events. One an answer.

    `by_entry`: passages of one entry share a number, that of the passage which was cited first.
    """

    hits: Sequence[SearchHit]
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    by_entry: bool = False
    cited: dict[int, CitationPayload] = field(default_factory=dict)
    _held: str = ""

    def feed(self, piece: str) -> list[TextDelta | CitationFound]:
        """Events for what can be said already; the beginning of what may become a marker is held back."""
        text = self._held + piece
        cut = UNFINISHED.search(text)
        keep = cut.start() if cut else len(text)
        self._held = text[keep:]
        return self._resolve(text[:keep])

    def close(self) -> list[TextDelta | CitationFound]:
        text, self._held = self._held, ""
        return self._resolve(text)

    def _resolve(self, text: str) -> list[TextDelta | CitationFound]:
        events: list[TextDelta | CitationFound] = []
        position, written = 0, ""
        for marker in MARKER.finditer(text):
            written += text[position : marker.start()]
            position = marker.end()
            gap = marker[0][0] if marker[0][0] in " \t" else ""
            for number in numbers(marker[1]):
                if not 1 <= number <= len(self.hits):
                    continue
                place = self._place(number)
                if place not in self.cited:
                    self.cited[place] = self._citation(number)
                    events.append(CitationFound(self.cited[place]))
                said = f"[{self.cited[place]['index']}]"
                if not (self.by_entry and written.endswith(said)):
                    written += f"{gap}{said}"
                gap = ""
        written += text[position:]
        if written:
            events.append(TextDelta(written))
        return events

    def _place(self, number: int) -> int:
        """The number under which the citation of the hit with that number is kept."""
        if not self.by_entry:
            return number
        entry = self.hits[number - 1].entry_id
        return next(place for place, hit in enumerate(self.hits, 1) if hit.entry_id == entry)

    def _citation(self, number: int) -> CitationPayload:
        hit = self.hits[number - 1]
        start, end = self.spans.get(number, (hit.start, hit.end))
        return {
            "index": len(self.cited) + 1,
            "document_id": str(hit.document_id) if hit.document_id else None,
            "entry_id": str(hit.entry_id),
            "chunk_id": str(hit.chunk_id),
            "fileName": hit.filename,
            "pageNumber": hit.page_number,
            "title": hit.title or hit.filename,
            "source": source_link(hit, start, end),
            "url": hit.url,
            "snippet": hit.text[start - hit.start : end - hit.start],
            "start": start,
            "end": end,
        }


def numbers(marker: str) -> list[int]:
    """`"1, 3-5"` → 1, 3, 4, 5. A range of more than ten is taken by its ends only."""
    found: list[int] = []
    for part in re.split(r"[,;]", marker):
        ends = [int(end) for end in re.split(r"[–-]", part)]
        span = range(ends[0], ends[-1] + 1) if 0 <= ends[-1] - ends[0] <= 10 else ends
        found += [number for number in span if number not in found]
    return found


def source_link(hit: SearchHit, start: int, end: int) -> str:
    """Where a person of the account sees the cited words: the reader, opened at the page."""
    if hit.document_id is None:
        return hit.url
    where = {"page": hit.page_number} if hit.page_number else {}
    return f"/documents/{hit.document_id}?{urlencode(where | {'start': start, 'end': end})}"


def as_source(hit: SearchHit) -> SourcePayload:
    return {
        "chunk_id": str(hit.chunk_id),
        "document_id": str(hit.document_id) if hit.document_id else None,
        "entry_id": str(hit.entry_id),
        "filename": hit.filename,
        "page_number": hit.page_number,
        "score": round(hit.score, 6),
    }
