"""A user's socket: questions come in, answers go out, to all sockets that the user has open in the account.

Sockets of one user may be at different web processes; Redis carries frames between them. What is stored does not
depend on it: without Redis a socket hears its own answers and no others.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import redis
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts import rate_limits
from accounts.acting import AccountRefused, membership_for
from accounts.addresses import limit_address
from accounts.authentication import credential_of
from accounts.liveness import Credential
from accounts.models import ApiToken, Membership, TokenFamily
from accounts.origin import handshake, is_foreign_socket
from accounts.rate_limits import Rate, RateLimited
from accounts.tokens import CredentialRefused
from chat import frames, transcript
from chat.answering import Question, answer
from chat.events import CitationFound, Failed, StreamEnd, TextDelta
from chat.frames import Frame, Received
from chat.models import Conversation, Message
from chat.transcript import Turn
from chat.watching import ENDED, STOPPED
from doculume.crypto import digest
from doculume.errors import DoculumeError, NotFound
from doculume.ids import new_id
from doculume.threads import in_database

log = logging.getLogger(__name__)

BAD_TOKEN = 4401
FOREIGN = 4403
TOO_MANY = 4429
TOO_SLOW = 1013
SERVER_STOPS = 1012

OPENED_A_MINUTE = 120  # an address
FRAMES_A_MINUTE = 600  # a user, beside the messages, which count as requests do
WAITING_MESSAGES = 8
OUTGOING_FRAMES = 256
# So long a frame may wait for a reader who does not take any.
PATIENCE_SECONDS = 20.0
ROLL_CALL_SECONDS = 1.0

count = sync_to_async(rate_limits.count, thread_sensitive=False)


class _Refused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class ChatSocket(AsyncWebsocketConsumer):
    """`/api/v1/ws?token=…`, with an access token or a personal API token. See `chat.frames` for what is said.

    `stream=1` adds deltas; `account_id` names the account that an access token acts in, else the personal one. The
    messages of a socket are answered one after the other, and a few may wait. When it closes, its answer goes on
    only if another socket of the user is there to hear it.
    """

    membership: Membership
    credential: Credential

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.request = handshake(scope)
        self.options = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        self.outgoing: asyncio.Queue[Frame] = asyncio.Queue(OUTGOING_FRAMES)
        self.waiting: asyncio.Queue[Received] = asyncio.Queue(WAITING_MESSAGES)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.turn: Turn | None = None
        self.group = ""
        self.gone = False
        self.code = 1006
        try:
            await super().__call__(scope, receive, send)
        except (redis.RedisError, OSError) as error:
            log.warning("a socket ended: %s", type(error).__name__)
            with suppress(Exception):
                await send({"type": "websocket.close", "code": TOO_SLOW})
        finally:
            await self._leave()

    # --- coming and going ------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        try:
            await self._open()
        except _Refused as refused:
            await self.accept()  # only then do browsers see why it closes
            await self.close(refused.code, refused.reason)
            raise StopConsumer from None
        await self.accept()

    async def _open(self) -> None:
        """Whoever is connected hears all that is said from then on, so this comes before."""
        if is_foreign_socket(self.request):
            raise _Refused(FOREIGN, "The request comes from another site.")
        who = digest(limit_address(self.request), purpose="rate:sockets")
        if (await count(self.request, Rate("sockets", who, OPENED_A_MINUTE))).is_over:
            raise _Refused(TOO_MANY, RateLimited.message)
        try:
            shown, self.membership = await in_database(self._let_in, apart=True)()
        except CredentialRefused:
            raise _Refused(BAD_TOKEN, CredentialRefused.message) from None
        except AccountRefused:
            raise _Refused(FOREIGN, "You do not belong to that account.") from None
        self.credential = Credential.shown(self.membership, shown)
        self.group = f"user.{self.membership.user_id}.account.{self.membership.account_id}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        for work in (self._watch, self._write, self._answer_all):
            self.tasks[work.__name__] = asyncio.create_task(work())

    def _let_in(self) -> tuple[TokenFamily | ApiToken, Membership]:
        token = self.options.pop("token", "")
        if not token.isascii():
            raise CredentialRefused
        asked = self.options.get("account_id")
        shown = credential_of(token, asked)
        return shown, shown.membership or membership_for(shown.user, asked)

    async def disconnect(self, code: int) -> None:
        self.gone = True
        self.code = code

    async def _leave(self) -> None:
        self.gone = True
        try:
            if self.group:
                with suppress(redis.RedisError, OSError):
                    await self.channel_layer.group_discard(self.group, self.channel_name)
            if self.turn and self.code == SERVER_STOPS:
                self.turn.stopped_because = STOPPED
            elif self.turn and await self._others_listen():
                # What the credential's death ends too.
                await asyncio.wait(
                    (self.tasks["_answer_all"], asyncio.ensure_future(self.waiting.join())),
                    return_when="FIRST_COMPLETED",
                )
        finally:
            for task in self.tasks.values():
                task.cancel()
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _others_listen(self) -> bool:
        """Whether the user has another socket open, at whatever web process."""
        with suppress(TimeoutError, redis.RedisError, OSError):
            here = await self.channel_layer.new_channel()
            await self.channel_layer.group_send(self.group, {"type": "roll.call", "answer_to": here})
            await asyncio.wait_for(self.channel_layer.receive(here), ROLL_CALL_SECONDS)
            return True
        return False

    async def _watch(self) -> None:
        await self.credential.death()
        await self._end(BAD_TOKEN, ENDED)

    async def _end(self, code: int, reason: str) -> None:
        """Close it from within. The answer that is being made stops."""
        self.gone = True
        if self.turn:
            self.turn.stopped_because = reason
        if answering := self.tasks.get("_answer_all"):
            answering.cancel()
        with suppress(TimeoutError, OSError, RuntimeError):
            await asyncio.wait_for(self.close(code, reason), PATIENCE_SECONDS)

    # --- what comes in ---------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.gone:
            return
        try:
            received = await self._read(text_data)
            await getattr(self, f"_on_{received.type}")(received)
        except DoculumeError as error:
            await self._put(_as_frame(error))
        except Exception:
            log.exception("a frame failed")
            await self._put(frames.error("server_error", DoculumeError.message))

    async def _read(self, text: str | None) -> Received:
        """Every frame counts, what cannot be read too."""
        try:
            received = frames.read(text)
        except DoculumeError:
            await self._count(Rate("frames", str(self.membership.user_id), FRAMES_A_MINUTE))
            raise
        if received.type == "message":
            await self._count(rate_limits.of_member(self.membership.user, self.membership.account))
        else:
            await self._count(Rate("frames", str(self.membership.user_id), FRAMES_A_MINUTE))
        return received

    async def _count(self, rate: Rate) -> None:
        usage = await count(self.request, rate)
        if usage.is_over:
            raise RateLimited(usage)

    async def _on_message(self, received: Received) -> None:
        if not await self.credential.still_holds():
            await self._end(BAD_TOKEN, ENDED)
            return
        try:
            self.waiting.put_nowait(received)
        except asyncio.QueueFull:
            await self._put(frames.error("rate_limited", "Too many messages wait for their answers."))

    async def _on_typing(self, received: Received) -> None:
        chat_id = await in_database(self._own_chat, apart=True)(received)
        await self._relay(frames.typing(chat_id, "user", received.data["is_typing"]))

    async def _on_read(self, received: Received) -> None:
        chat_id = await in_database(self._own_chat, apart=True)(received)
        await self._relay(frames.seen(chat_id, received.data["message_id"]))

    def _own_chat(self, received: Received) -> UUID:
        """Raises NotFound for chats, and messages, that are not the user's in this account."""
        member = self.membership
        own = Conversation.objects.for_account(member.account).of(member.user).filter(id=str(received.chat_id))
        found = own.values_list("id", flat=True).first()
        if found is None:
            raise NotFound
        if message_id := received.data.get("message_id"):
            said = Message.objects.filter(account=member.account, conversation_id=found, id=message_id)
            if not said.exists():
                raise NotFound
        return found

    # --- answering -------------------------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        while True:
            received = await self.waiting.get()
            try:
                # A thread for the database of this answer, given back after it.
                async with ThreadSensitiveContext():
                    await self._answer(received)
            except DoculumeError as error:
                await self._put(_as_frame(error))
            except Exception:
                log.exception("a message failed")
                await self._put(frames.error("server_error", DoculumeError.message))
            finally:
                self.turn = None
                self.waiting.task_done()

    async def _answer(self, received: Received) -> None:
        self.turn, asked = await in_database(self._begin)(received)
        chat_id, message_id = self.turn.conversation.id, self.turn.message_id
        await self._relay(frames.message(asked))
        await self._tell(frames.typing(chat_id, "assistant", True))
        citations: list[Any] = []
        events = answer(self.turn, Question(text=received.data["content"]))
        try:
            async for event in events:
                match event:
                    case TextDelta() if self.options.get("stream") == "1":
                        await self._put(frames.delta(chat_id, message_id, event.text))
                    case CitationFound():
                        citations.append(event.citation)
                    case StreamEnd():
                        reply = await in_database(self._message)(message_id)
                        await self._tell(frames.message(reply, citations=citations, reason=event.reason))
                    case Failed():
                        await self._tell(frames.typing(chat_id, "assistant", False))
                        ids = {"chat_id": frames.chat(chat_id), "message_id": str(message_id)}
                        await self._put(frames.error(event.code, event.message, **ids))
        finally:
            await events.aclose()

    def _begin(self, received: Received) -> tuple[Turn, Message]:
        user = self.membership.user
        # The plan may be another by now.
        account = membership_for(user, str(self.membership.account_id)).account
        own = Conversation.objects.for_account(account).of(user).filter(id=received.chat_id or new_id())
        wanted = own.values_list("wanted_model", flat=True).first() or ""
        turn = transcript.begin(account, user, received.data["content"], received.chat_id, wanted)
        return turn, self._message(turn.question_id)

    def _message(self, message_id: UUID) -> Message:
        return Message.objects.get(account_id=self.membership.account_id, id=message_id)

    # --- what goes out ---------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """What waits to go out, at the reader's pace."""
        while True:
            frame = await self.outgoing.get()
            with suppress(OSError, RuntimeError):  # it is closed
                await self.send(text_data=json.dumps(frame, ensure_ascii=False))

    async def _put(self, frame: Frame) -> None:
        """To this socket, waiting for a reader who is slow."""
        if self.gone:
            return
        try:
            await asyncio.wait_for(self.outgoing.put(frame), PATIENCE_SECONDS)
        except TimeoutError:
            await self._end(TOO_SLOW, "The frames were not read.")

    async def _relay(self, frame: Frame) -> None:
        """To the user's other sockets."""
        try:
            await self.channel_layer.group_send(self.group, {"type": "relay", "frame": frame, "by": self.channel_name})
        except (redis.RedisError, OSError) as error:
            log.warning("a frame could not be relayed: %s", type(error).__name__)

    async def _tell(self, frame: Frame) -> None:
        """To all of the user's sockets."""
        await self._put(frame)
        await self._relay(frame)

    async def relay(self, event: dict[str, Any]) -> None:
        """From another socket of the user. It must not wait: what is behind it in this process is not bounded."""
        if self.gone or event["by"] == self.channel_name:
            return
        try:
            self.outgoing.put_nowait(event["frame"])
        except asyncio.QueueFull:
            await self._end(TOO_SLOW, "The frames were not read.")

    async def roll_call(self, event: dict[str, Any]) -> None:
        if not self.gone:
            await self.channel_layer.send(event["answer_to"], {"type": "here"})


def _as_frame(error: DoculumeError) -> Frame:
    more = {"details": error.details} if error.details else {}
    if error.retry_after is not None:
        more["retry_after"] = int(error.retry_after)
    return frames.error(error.code, error.message, **more)
