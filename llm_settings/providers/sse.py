"""Reading server-sent events from somebody who may not mean well.

Only what streams of chat models use of https://html.spec.whatwg.org/multipage/server-sent-events.html: the data
of each event. No more than `MOST_BYTES` are ever held, whatever the other side sends without a line break.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator

from llm_settings.providers.base import ProviderError

MOST_BYTES = 1 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")


async def event_data(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The data of each event as it arrives; an event cut off by the end of the stream is left out.

    Bytes that are no UTF-8 become U+FFFD. Raises ProviderError for an event beyond any reason.
    """
    decoder = _Decoder()
    async for chunk in chunks:
        for data in decoder.feed(chunk):
            yield data


class _Decoder:
    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            yield from self._take(line)
        if self._held + len(self._rest) > MOST_BYTES:
            raise ProviderError("The model sent a single event of over a megabyte.")

    def _take(self, line: bytes) -> Iterator[str]:
        if not line and self._data:
            yield b"\n".join(self._data).decode("utf-8", "replace")
            self._data, self._held = [], 0
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._held += len(line)
