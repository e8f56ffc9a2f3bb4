"""Changing what holds for the whole deployment, for the API and the admin alike."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest

from accounts import audit
from accounts.models import SiteSettings, User
from doculume.errors import InvalidRequest

# Sent with `kind` ("chat" or "embedding") and `name` before a model becomes the default one. A receiver that knows
# models of the kind returns why it may not be that one, or "".
model_chosen = Signal()

CHANGEABLE = (
    "registration",
    "terms_required",
    "terms_url",
    "email_confirmation_required",
    "default_plan_id",
    "default_chat_model",
    "default_embedding_model",
    "upload_max_bytes",
    "conversation_retention_days",
    "audit_retention_days",
)


def refuse_model(kind: str, name: str) -> None:
    """Raises `InvalidRequest` for a model that cannot be the default of its kind. An empty name always can."""
    answers = model_chosen.send(SiteSettings, kind=kind, name=name) if name else []
    if faults := [fault for _, fault in answers if fault]:
        raise InvalidRequest(details={f"default_models.{kind}": faults})


def refuse_upload_limit(limit: int | None) -> None:
    """Raises `InvalidRequest` for more than the environment allows: web servers stop larger bodies anyway."""
    if limit is not None and not 1 <= limit <= settings.UPLOAD_MAX_BYTES:
        raise InvalidRequest(details={"upload_max_bytes": [f"Must be from 1 to {settings.UPLOAD_MAX_BYTES}."]})


@transaction.atomic
def change(changes: dict[str, Any], actor: User, request: HttpRequest | None = None) -> SiteSettings:
    """Write what is different, and into the audit what it was before. The values must have been validated."""
    SiteSettings.objects.current()
    site = SiteSettings.objects.select_for_update().get()
    before = {name: getattr(site, name) for name in CHANGEABLE}
    for name, value in changes.items():
        setattr(site, name, value)
    different = {name: [old, getattr(site, name)] for name, old in before.items() if getattr(site, name) != old}
    if different:
        site.updated_by = actor
        site.save()
        audit.record(
            audit.Action.SETTINGS_CHANGED, request=request, actor=actor, target="site settings", changes=different
        )
    return site
