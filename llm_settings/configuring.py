"""Which endpoints an account has, which of them answers, and the keys to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack

from asgiref.sync import async_to_sync
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.audit import Action
from accounts.erasure import raw_delete
from accounts.models import Account, Membership, User
from doculume.errors import InvalidRequest
from doculume.hints import hint
from doculume.sentences import Sentence
from llm_settings import tasks
from llm_settings.egress import AddressRefused, refuse_unless_allowed
from llm_settings.models import LLMProvider, UserLLMConfig, sealed

MOST_PROVIDERS = 20  # of an account
COLUMNS = (
    *("type", "base_url", "model", "context_tokens", "offered_tokens", "encrypted_key", "shown_key"),
    *("is_active", "position"),
)


class Wanted(TypedDict, total=False):
    """What is to be changed of a provider. `api_key`: an empty one is taken away; as it is shown, it stays."""

    type: str
    base_url: str
    model: str
    context_tokens: int | None
    api_key: str
    is_active: bool
    position: int


class NameTaken(InvalidRequest):
    def __init__(self) -> None:
        super().__init__("There is a provider of this name.", details={"name": ["There is a provider of this name."]})


class TooManyProviders(InvalidRequest):
    message = Sentence("An account can have %(most)s providers.", most=MOST_PROVIDERS)


def refuse_address(base_url: str) -> None:
    """Raises InvalidRequest, about `base_url`, for an address that may not be called. It may look up a name."""
    try:
        async_to_sync(refuse_unless_allowed)(base_url)
    except AddressRefused as error:
        raise InvalidRequest(error.message, details={"base_url": [error.message]}) from error


@contextmanager
def complaining_of(pattern: str, **names: str) -> Iterator[None]:
    """Within it, an InvalidRequest calls its fields by the names that a request gives them."""
    try:
        yield
    except InvalidRequest as error:
        if isinstance(error.details, dict):
            error.details = {pattern.format(names.get(name, name)): texts for name, texts in error.details.items()}
        raise


def save(
    account: Account,
    name: str,
    *,
    request: HttpRequest | None,
    actor: User,
    only_new: bool = False,
    **wanted: Unpack[Wanted],
) -> tuple[LLMProvider, bool]:
    """The provider of that name, changed, or made; and whether it was made.

    Another `base_url` drops the stored keys, the users' own too: they were given for another host. The first provider
    is active by itself. Raises InvalidRequest, also for a name that is taken where `only_new` is asked for.
    """
    if "base_url" in wanted:
        refuse_address(wanted["base_url"])
    with transaction.atomic():
        _one_at_a_time(account)
        providers = LLMProvider.objects.for_account(account)
        provider = providers.filter(name=name).first()
        made = provider is None
        if only_new and not made:
            raise NameTaken
        if provider is None:
            if (count := providers.count()) >= MOST_PROVIDERS:
                raise TooManyProviders
            provider = LLMProvider(account=account, name=name, position=count, is_active=not count)
        changed = _change(provider, wanted)
        if wanted.get("is_active"):
            providers.filter(is_active=True).exclude(pk=provider.pk).update(is_active=False)
            provider.is_active = True
        if made:
            provider.save(force_insert=True)
        else:
            values = {name: getattr(provider, name) for name in COLUMNS}
            providers.filter(pk=provider.pk).update(**values, updated_at=timezone.now())
            provider = providers.get(pk=provider.pk)
        if provider.window is None:
            hint(tasks.learn_window, account.pk, str(provider.pk))
        audit.record(
            Action.PROVIDER_ADDED if made else Action.PROVIDER_CHANGED,
            request=request,
            account=account,
            actor=actor,
            target=name,
            base_url=provider.base_url,
            changed=changed,
        )
    return provider, made


def delete(provider: LLMProvider, *, request: HttpRequest | None, actor: User | None) -> None:
    """With the users' own keys to it. If it was the active one, the next in order is now."""
    account = provider.account
    with transaction.atomic():
        _one_at_a_time(account)
        raw_delete(UserLLMConfig.objects.for_account(account).filter(provider=provider).order_by())
        providers = LLMProvider.objects.for_account(account)
        raw_delete(providers.filter(pk=provider.pk).order_by())
        if not providers.filter(is_active=True).exists() and (heir := providers.in_order().first()):
            providers.filter(pk=heir.pk).update(is_active=True)
        audit.record(Action.PROVIDER_DELETED, request=request, account=account, actor=actor, target=provider.name)


def set_own_key(
    provider: LLMProvider, user: User, key: str, *, request: HttpRequest | None, actor: User
) -> tuple[UserLLMConfig, bool]:
    """The user's own key at a provider, and whether they had none before."""
    encrypted, shown = sealed(key)
    with transaction.atomic():
        account, now = provider.account, timezone.now()
        config = UserLLMConfig(
            account=account, user=user, provider=provider, encrypted_key=encrypted, shown_key=shown, updated_at=now
        )
        UserLLMConfig.objects.bulk_create(
            [config],
            update_conflicts=True,
            unique_fields=["account", "user", "provider"],
            update_fields=["encrypted_key", "shown_key", "updated_at"],
        )
        kept = UserLLMConfig.objects.for_account(account).select_related("user").get(user=user, provider=provider)
        audit.record(Action.OWN_KEY_SET, request=request, account=provider.account, actor=actor, target=provider.name)
    return kept, kept.pk == config.pk


@transaction.atomic
def keep_to_own(account: Account, only: bool, *, request: HttpRequest | None, actor: User) -> None:
    """Whether nothing that the account is asked ever goes to the deployment's model."""
    if Account.objects.filter(pk=account.pk, own_models_only=not only).update(own_models_only=only):
        changes = {"own_providers_only": [not only, only]}
        audit.record(Action.SETTINGS_CHANGED, request=request, account=account, actor=actor, changes=changes)
    account.own_models_only = only


def forget_member(sender: Any, instance: Membership, **_: Any) -> None:
    """Who leaves an account takes their own keys along."""
    UserLLMConfig.objects.filter(account_id=instance.account_id, user_id=instance.user_id).delete()


def _change(provider: LLMProvider, wanted: Wanted) -> list[str]:
    """Sets what is wanted, and gives the names of what differs now."""
    before = (provider.base_url, provider.encrypted_key)
    changed = [name for name in ("type", "base_url", "model", "context_tokens", "position") if name in wanted]
    changed = [name for name in changed if getattr(provider, name) != wanted[name]]
    for name in changed:
        setattr(provider, name, wanted[name])
    moved = provider.base_url != before[0]
    if moved or "model" in changed:
        provider.offered_tokens = None  # that was of another
    key = wanted.get("api_key", provider.shown_key)
    if "…" in key and key != provider.shown_key:
        raise InvalidRequest(details={"api_key": ["This is a key as it is shown, not the key."]})
    if moved or key != provider.shown_key:
        provider.set_key("" if key == provider.shown_key else key)
    if moved:
        raw_delete(UserLLMConfig.objects.for_account(provider.account).filter(provider=provider).order_by())
    return changed + ["api_key"] * (provider.encrypted_key != before[1]) + ["is_active"] * bool(wanted.get("is_active"))


def _one_at_a_time(account: Account) -> None:
    """Until the transaction ends: there is one active provider, whatever is saved at once."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
