"""Making a follow-up question one that can be searched for by itself.

With a language model it is rewritten; without one, or until that is done, a question that leans on what was said gets
the telling words of the questions before it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing

from django.conf import settings

from chat.prompts import standalone_messages
from llm_settings.providers.base import ChatMessage, ChatModel, ProviderError

log = logging.getLogger(__name__)

REWRITE_TOKENS = 120
LONGEST_REWRITE = 500

SHORT = 5  # words: a question with fewer says too little by itself
SHORT_UNSPACED = 10  # the same in characters, for scripts without spaces
QUESTIONS = 2  # earlier questions that may say what this one is about
TERMS = 4  # of their words, the rarest
TELLING = 4.0  # the rarity from which on a word says what a text is about

# Words that point to something said before and hardly ever mean anything else, and openings that go on from it.
POINTING = re.compile(
    r"\b(?:it|its|it's|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|ones|former|latter|"
    r"ihn|ihm|ihr|ihre|ihren|ihrem|ihrer|seine|seinen|seinem|seiner|dies|diese|dieser|dieses|diesen|diesem|"
    r"dort|dafür|davon|damit|dazu|daran|darüber|dabei|"
    r"ils|elles|leur|leurs|celui|celle|ceux|celles|ceci|cela|ça|"
    r"ella|ello|ellos|ellas|eso|esa|ese|esos|esas|esto|esta|este|estos|estas|"
    r"hij|zij|haar|hun|dit|deze|daar|ervan|ermee|erover|"
    r"loro|esso|essa|essi|esse|questo|questa|questi|queste|quello|quella|quelli|"
    r"isso|isto|aquele|aquela|dele|dela|"
    r"его|её|ему|ей|их|им|это|этот|эта|эти)\b",
    re.IGNORECASE,
)
GOING_ON = re.compile(
    r"\s*(?:and|but|or|so|what about|how about|what else|und|aber|oder|was ist mit|et|mais|"
    r"y|pero|en|maar|e|ma|mas|а|и|но)\b",
    re.IGNORECASE,
)
UNSPACED_POINTING = ("它", "他", "她", "这", "那", "其", "それ", "これ", "その", "この", "あれ")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def leans(question: str) -> bool:
    """Whether the question needs what was said before to be understood, judged by its words."""
    if UNSPACED.search(question):
        return len(question) <= SHORT_UNSPACED or any(word in question for word in UNSPACED_POINTING)
    return len(WORD.findall(question)) < SHORT or bool(GOING_ON.match(question) or POINTING.search(question))


def with_context(question: str, history: Sequence[ChatMessage], rarity: Callable[[str], float]) -> str:
    """The question itself where it stands alone, else followed by what the user's questions before it were about.

    `rarity`: as of an `Embedder`. Whole questions would drown this one; see docs/decisions/0052.
    """
    asked = [turn["content"] for turn in history if turn["role"] == "user"][-QUESTIONS:]
    if not asked or not leans(question):
        return question
    if UNSPACED.search(question):
        return f"{question} {asked[-1]}"
    own = {word.lower() for word in WORD.findall(question)}
    words = dict.fromkeys(word for word in WORD.findall(" ".join(asked).lower()) if word not in own)
    telling = sorted((word for word in words if rarity(word) >= TELLING), key=rarity, reverse=True)[:TERMS]
    # Twice, so that its own words still weigh most.
    return " ".join([question, question, *telling]) if telling else question


async def rewritten(model: ChatModel, question: str, history: Sequence[ChatMessage]) -> str | None:
    """The question as the model makes it stand alone; None where it fails or takes too long."""
    try:
        async with asyncio.timeout(settings.REWRITE_SECONDS):
            return usable(await _asked(model, standalone_messages(question, history)))
    except (ProviderError, TimeoutError) as error:
        log.info("a follow-up was not rewritten: %s", type(error).__name__)
        return None


async def _asked(model: ChatModel, messages: list[ChatMessage]) -> str:
    async with aclosing(model.stream(messages, temperature=0.0, max_tokens=REWRITE_TOKENS)) as deltas:
        return "".join([delta.text async for delta in deltas])


def usable(text: str) -> str | None:
    """One line of a sensible length, or nothing."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.removeprefix("Rewritten question:").strip("\"'“”„«»` ")
    return line if 0 < len(line) <= LONGEST_REWRITE else None
