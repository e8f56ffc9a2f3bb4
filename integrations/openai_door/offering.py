"""The models that an account's users may choose from.

People choose them in a drop-down that shows nothing but their ids, so these are made of the integrations' names.
Whoever wants one that stays when an integration is renamed takes its UUID.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.text import slugify

from accounts.models import Account
from doculume.errors import NotFound
from integrations.models import Integration

WHOLE = "doculume"
PREFIX = "integration:"
LONGEST = 64


class ModelNotFound(NotFound):
    """One text for all of them: whether another account has it must not show."""

    code = "model_not_found"
    message = "The model does not exist, or you have no access to it."

    def __init__(self) -> None:
        super().__init__(details={"model": [self.message]})


@dataclass(frozen=True, slots=True)
class Offered:
    """A model; without an integration, all that its account knows. `created` is in Unix seconds."""

    id: str
    name: str
    created: int
    integration_id: UUID | None = None


def offered(account: Account) -> list[Offered]:
    """What there is: the whole first, then the active integrations, oldest first."""
    named = [_of(ident, one) for ident, one in _by_id(account).items() if one.is_active]
    return [Offered(WHOLE, "DocuLume", int(account.created_at.timestamp())), *named]


def chosen(account: Account, wanted: str) -> Offered:
    """By its id, or by an integration's UUID with or without `integration:` before it. Raises ModelNotFound."""
    models = offered(account)
    found = next((one for one in models if one.id == wanted), None)
    if found is None and (ident := _uuid(wanted.removeprefix(PREFIX))):
        found = next((one for one in models if one.integration_id == ident), None)
    if found is None:
        raise ModelNotFound
    return found


def integration_of(account: Account, model: Offered) -> Integration | None:
    """With its collections; None for the whole. Raises ModelNotFound where it went away meanwhile."""
    if model.integration_id is None:
        return None
    active = Integration.objects.for_account(account).active().with_collections(account)
    integration: Integration | None = active.filter(id=model.integration_id).first()
    if integration is None:
        raise ModelNotFound
    return integration


def _by_id(account: Account) -> dict[str, Integration]:
    """Of those that share a name the oldest has it for its id, and keeps it also while it is inactive."""
    taken: dict[str, Integration] = {}
    rows = Integration.objects.for_account(account).only("id", "name", "is_active", "created_at")
    for one in rows.order_by("created_at", "id"):
        plain = slugify(one.name, allow_unicode=True)[:LONGEST].strip("-") or "integration"
        longer = (plain, f"{plain}-{one.id.hex[-8:]}", f"{plain}-{one.id.hex}")
        taken[next(ident for ident in longer if ident != WHOLE and ident not in taken)] = one
    return taken


def _of(ident: str, one: Integration) -> Offered:
    return Offered(ident, one.name, int(one.created_at.timestamp()), one.id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
