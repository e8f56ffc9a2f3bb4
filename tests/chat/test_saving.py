"""Answers are saved together while they grow, each in its own account, and what is final stays as it is."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async

from chat import saving, transcript
from chat.models import Message
from chat.saving import saved_as_it_grows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(saving, "SAVE_EVERY_SECONDS", 0.05)


async def begun(account, user):
    return await sync_to_async(transcript.begin)(account, user, "When?", None, "m")


async def content_of(turn, wanted: str) -> str:
    for _ in range(100):
        found = await Message.objects.aget(id=turn.message_id)
        if found.content == wanted:
            break
        await asyncio.sleep(0.05)
    return found.content


async def test_what_grows_is_saved_for_each_account(alice, account, charlie):
    hers, second = await begun(account, alice), await begun(account, alice)
    his = await begun(await sync_to_async(lambda: charlie.personal_account)(), charlie)
    drafts = [SimpleNamespace(text="") for _ in range(3)]
    with ExitStack() as growing:
        for draft, turn in zip(drafts, (hers, second, his), strict=True):
            growing.enter_context(saved_as_it_grows(draft, turn))
        for draft, text in zip(drafts, ("Nine", "Größe 📄", "His"), strict=True):
            draft.text = text
        for turn, text in ((hers, "Nine"), (second, "Größe 📄"), (his, "His")):
            assert await content_of(turn, text) == text
        drafts[0].text += ", on weekdays"
        assert await content_of(hers, "Nine, on weekdays") == "Nine, on weekdays"
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_what_is_final_or_anothers_is_left_alone(alice, account, charlie):
    turn = await begun(account, alice)
    others = await sync_to_async(lambda: charlie.personal_account)()
    save = sync_to_async(transcript.save_partial)
    await save(others.id, {turn.message_id: "not theirs"})
    assert (await Message.objects.aget(id=turn.message_id)).content == ""
    end = sync_to_async(transcript.end)
    await end(turn, "Nine.", status=Message.Status.COMPLETE, reason="stop", citations=[], sources=[])
    await save(account.id, {turn.message_id: "Ni"})
    assert (await Message.objects.aget(id=turn.message_id)).content == "Nine."
