"""Ending a text where one of some words comes, while it is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Until:
    """Feeds on pieces of text and gives back what stands before the first of `stops`, none of which is empty."""

    stops: Sequence[str] = ()
    is_over: bool = False
    _held: str = ""

    def feed(self, piece: str) -> str:
        """What can be said already; the beginning of what may become a stop is held back."""
        if self.is_over:
            return ""
        text = self._held + piece
        places = [place for place in map(text.find, self.stops) if place >= 0]
        if places:
            self.is_over = True
            return text[: min(places)]
        held = max((_begun(text, stop) for stop in self.stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def close(self) -> str:
        rest, self._held = "" if self.is_over else self._held, ""
        return rest


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`."""
    most = min(len(text), len(stop) - 1)
    return next((length for length in range(most, 0, -1) if text.endswith(stop[:length])), 0)
