"""How many requests a chatbot key may send; see `accounts.rate_limits`, which counts them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request

from accounts.addresses import limit_address
from accounts.rate_limits import POLICIES, Rate, of_address
from doculume.crypto import digest
from doculume.errors import DoculumeError
from integrations.doors import Door

HOUR = 3600
# Of one key from one address, for all that is no question of the account's own: a search as one types sends many.
VISITOR_AMOUNT = 120
QUESTIONS = "chatbot questions"
VISITORS = "chatbot key"
ANSWERS_AMOUNT = 30
ANSWERS = "chatbot answers"


def of_questions(request: Request) -> Rate:
    """Questions an hour, of a key. What is refused before it is asked takes nothing from those who may ask."""
    door = door_of(request)
    if door is None or not (door.is_of_plan and door.lets_page_in):
        return of_address(request._request)
    return Rate("chatbot-questions", str(door.key.pk), door.account.allowance.chatbot_questions_per_hour, HOUR)


def of_visitor(request: Request) -> Rate:
    """Requests a minute, of a key at an address."""
    door = door_of(request)
    if door is None:
        return of_address(request._request)
    who = digest(f"{door.key.pk}\n{limit_address(request._request)}", purpose="rate:chatbot-key")
    return Rate("chatbot-key", who, VISITOR_AMOUNT)


def of_answers(request: Request) -> Rate:
    """Answers of a model a minute, of a key at an address."""
    rate = of_visitor(request)
    return rate if door_of(request) is None else Rate("chatbot-answers", rate.who, ANSWERS_AMOUNT)


def limit_of(limit: int, resets_at: float) -> dict[str, Any]:
    """What a key is told beside having reached its limit."""
    return {"limit": limit, "reset_at": datetime.fromtimestamp(resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def door_of(request: Request) -> Door | None:
    """None where what was shown is no key, or was refused."""
    try:
        return request.auth if isinstance(request.auth, Door) else None
    except DoculumeError:
        return None


def register() -> None:
    POLICIES.update({QUESTIONS: of_questions, VISITORS: of_visitor, ANSWERS: of_answers})
