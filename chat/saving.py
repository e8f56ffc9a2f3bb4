"""Saving answers while they are made, so that whatever happens the most of them is kept.

Once a second one statement for each account takes in all that grew in this process: a statement for each answer would
cost more than all else that is done for its words.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from chat import transcript
from chat.transcript import Turn
from doculume.threads import in_database

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 1.0


class Growing(Protocol):
    """What is being said in an answer."""

    text: str


Texts = dict[int, dict[UUID, str]]
"""By account and message."""


@contextmanager
def saved_as_it_grows(draft: Growing, turn: Turn) -> Iterator[None]:
    """Within it, the text of `draft` is saved each second if there is more of it. In a task of an event loop."""
    loop = asyncio.get_running_loop()
    saver = _savers.setdefault(loop, _Saver(loop))
    saver.add(draft, turn)
    try:
        yield
    finally:
        saver.remove(turn)


class _Saver:
    """One for each event loop; has a task as long as anything grows."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._growing: dict[UUID, tuple[Growing, Turn]] = {}
        self._saved: dict[UUID, int] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, draft: Growing, turn: Turn) -> None:
        self._growing[turn.message_id], self._saved[turn.message_id] = (draft, turn), len(draft.text)
        if self._task is None:
            # Not in the context of the request that happens to be the first.
            self._task = self._loop.create_task(self._save_each_second(), context=Context())

    def remove(self, turn: Turn) -> None:
        del self._growing[turn.message_id], self._saved[turn.message_id]
        if self._task is not None and not self._growing:
            self._task.cancel()
            self._task = None

    async def _save_each_second(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_SECONDS)
            if grown := self._grown():
                try:
                    await in_database(_save, apart=True)(grown)
                except DatabaseError as error:
                    # The end of an answer is stored with all its text, and has to be.
                    log.warning("answers could not be saved while they grow: %s", type(error).__name__)

    def _grown(self) -> Texts:
        texts: Texts = defaultdict(dict)
        for message_id, (draft, turn) in self._growing.items():
            if len(draft.text) != self._saved[message_id]:
                self._saved[message_id] = len(draft.text)
                texts[turn.account.id][message_id] = draft.text
        return texts


_savers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Saver] = WeakKeyDictionary()


def _save(texts: Texts) -> None:
    for account_id, said in texts.items():
        transcript.save_partial(account_id, said)
