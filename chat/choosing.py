"""Which model answers in a conversation that asked for one."""

from __future__ import annotations

from django.conf import settings

from chat.answering import model_name


def model_for(wanted: str) -> str:
    """The model that was asked for, if the deployment has it; else the one that answers everybody.

    A name is never passed on unseen: a provider would refuse it, and each question of that conversation would fail.
    """
    has = {settings.CHAT["model"]} if settings.CHAT["provider"] else set()
    return wanted if wanted in has else model_name()
