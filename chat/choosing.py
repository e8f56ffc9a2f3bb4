"""Which model answers in a conversation that asked for one."""

from __future__ import annotations

from django.conf import settings

from accounts.models import Account
from chat.answering import model_name
from llm_settings.answering_models import knows


def model_for(account: Account, wanted: str) -> str:
    """The model that was asked for, by its name or its provider's, if the account or the deployment has it; else the
    one that answers everybody.

    A name is never passed on unseen: a provider would refuse it, and each question of that conversation would fail.
    """
    deployments = {settings.CHAT["model"]} if settings.CHAT["provider"] else set()
    return wanted if wanted in deployments or knows(account, wanted) else model_name()
