"""What workers find out about the endpoints of accounts."""

from __future__ import annotations

import logging

from asgiref.sync import async_to_sync
from celery import shared_task

from llm_settings.answering_models import model_of
from llm_settings.models import LLMProvider
from llm_settings.providers.base import ProviderError

log = logging.getLogger(__name__)


@shared_task
def learn_window(account_id: int, provider_id: str) -> None:
    """Ask an endpoint how much its model reads at once, and note what it says. Many do not say."""
    provider = LLMProvider.objects.filter(account_id=account_id, pk=provider_id).first()
    if provider is None or provider.window:
        return
    try:
        offered = async_to_sync(model_of(provider).offered)()
    except ProviderError as error:
        log.info("provider %s did not say how much it reads: %s", provider_id, error.code)
        return
    provider.note_window(offered)
