"""Which models answer for an account, and keys to them, in DocuLume's paths and in chat-service's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scope import AccountScoped
from accounts.models import User
from accounts.permissions import CanManage
from doculume.dialects import StructuredDialect
from doculume.errors import DoculumeError, InvalidRequest, NotFound, PermissionRefused
from doculume.text import storable
from llm_settings import configuring
from llm_settings.answering_models import readable
from llm_settings.api import examples
from llm_settings.api.serializers import (
    LLMProviderSerializer,
    ModelSettingsSerializer,
    PolicySerializer,
    ProviderInput,
    ProviderSerializer,
    TrialInput,
    TrialSerializer,
    UserLLMConfigInput,
    UserLLMConfigSerializer,
)
from llm_settings.configuring import Wanted
from llm_settings.models import EmbeddingModel, LLMProvider, UserLLMConfig
from llm_settings.providers import chat_config
from llm_settings.trying import try_out


class NothingSerializer(serializers.Serializer[Any]):
    pass


class ModelSettingsView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    queryset = LLMProvider.objects.all()
    serializer_class = ModelSettingsSerializer
    permission_classes = [IsAuthenticated, CanManage]

    @extend_schema(operation_id="llm_settings", examples=[examples.SETTINGS])
    def get(self, request: Request) -> Response:
        """Which providers the account has, in the order in which they are tried, and what embeds its texts."""
        return self.shown()

    @extend_schema(
        operation_id="keep_to_own_providers",
        request=PolicySerializer,
        responses={200: ModelSettingsSerializer},
        examples=[examples.POLICY, examples.SETTINGS],
    )
    def patch(self, request: Request) -> Response:
        """Whether questions may go to the deployment's model where the account's own providers fail or it has none."""
        sent = PolicySerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        only = sent.validated_data["own_providers_only"]
        configuring.keep_to_own(self.account, only, request=request, actor=self.membership.user)
        return self.shown()

    def shown(self) -> Response:
        providers = list(self.get_queryset().in_order())
        deployments = settings.CHAT["provider"] and not self.account.own_models_only
        found = {
            "active_provider": next((provider.name for provider in providers if provider.is_active), None),
            "providers": providers,
            "default_model": chat_config()["model"] if deployments else "extractive",
            "own_providers_only": self.account.own_models_only,
            "embedding": EmbeddingModel.objects.active(),
        }
        return Response(self.get_serializer(found).data)


class ProviderView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    """Every question and the passages that answer it go to a provider: owners and admins say to which."""

    queryset = LLMProvider.objects.all()
    serializer_class = ProviderInput
    permission_classes = [IsAuthenticated, CanManage]

    @extend_schema(
        operation_id="save_llm_provider",
        responses={200: ProviderSerializer, 201: ProviderSerializer},
        examples=[examples.CONFIGURE, examples.CONFIGURE_OPENAI, examples.PROVIDER],
    )
    def post(self, request: Request) -> Response:
        """Add a provider, or change the one of this name. The first one is active by itself."""
        sent = ProviderInput(data=request.data)
        sent.is_valid(raise_exception=True)
        name = sent.validated_data["provider_name"]
        wanted = completed(self.get_queryset().filter(name=name).first(), sent.wanted)
        with configuring.complaining_of("config.{}"):
            provider, made = configuring.save(self.account, name, request=request, actor=self.membership.user, **wanted)
        return Response(ProviderSerializer(provider).data, status=201 if made else 200)


class NamedProviderView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    queryset = LLMProvider.objects.all()
    serializer_class = NothingSerializer
    permission_classes = [IsAuthenticated, CanManage]

    @extend_schema(operation_id="delete_llm_provider", responses={200: NothingSerializer})
    def delete(self, request: Request, name: str) -> Response:
        """Delete a provider, with the keys to it. If it was the active one, the next in order is now."""
        if storable(name) != name:
            raise NotFound
        provider = get_object_or_404(self.get_queryset(), name=name)
        configuring.delete(provider, request=request, actor=self.membership.user)
        return Response({})


class TrialView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    queryset = LLMProvider.objects.all()
    serializer_class = TrialInput
    permission_classes = [IsAuthenticated, CanManage]
    error_statuses = (404,)

    @extend_schema(
        operation_id="test_llm_provider",
        responses={200: TrialSerializer},
        examples=[examples.TRY, examples.TRY_KEPT, examples.ANSWERED, examples.FAILED],
    )
    def post(self, request: Request) -> Response:
        """Ask a provider for a word, as it is kept or as it is described here. A failure is an answer too."""
        sent = TrialInput(data=request.data)
        sent.is_valid(raise_exception=True)
        kept = self.get_queryset().filter(name=sent.validated_data["provider_name"]).first()
        if kept is None and "config" not in sent.validated_data:
            raise NotFound
        wanted = completed(kept, sent.validated_data.get("config", {}))
        base_url = wanted.get("base_url") or (kept.base_url if kept else "")
        model = wanted.get("model", kept.model if kept else "")
        trial = async_to_sync(try_out)(base_url, key_for(kept, wanted, base_url), model)
        if kept and (base_url, model) == (kept.base_url, kept.model):
            kept.note_window(trial.models)
        return Response(TrialSerializer(trial).data)


def completed(kept: LLMProvider | None, wanted: Wanted) -> Wanted:
    """With the address that a new provider's type implies. Raises InvalidRequest where it implies none."""
    if kept or "base_url" in wanted:
        return wanted
    default = LLMProvider.DEFAULT_URLS.get(wanted.get("type", ""))
    if default is None:
        raise InvalidRequest(details={"config.base_url": ["This field is required."]})
    return {**wanted, "base_url": default}


def key_for(kept: LLMProvider | None, wanted: Wanted, base_url: str) -> str:
    """The key that is sent, or else the one that is kept: for the address that it was given for, and no other."""
    key = wanted.get("api_key", kept.shown_key if kept else "")
    if kept is None or key != kept.shown_key:
        return "" if "…" in key else key
    return readable(kept.encrypted_key) if base_url == kept.base_url else ""


class LLMProvidersView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    queryset = LLMProvider.objects.all()
    serializer_class = LLMProviderSerializer
    permission_classes = [IsAuthenticated, CanManage]

    @extend_schema(
        operation_id="create_llm_provider",
        responses={201: LLMProviderSerializer},
        examples=[examples.ADD, examples.ADDED],
    )
    def post(self, request: Request) -> Response:
        """Add a provider. It answers with the first model that it offers, until one is named."""
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        name, base_url = sent.validated_data["name"], sent.validated_data["base_url"]
        with configuring.complaining_of("{}", base_url="api_endpoint"):
            provider, _ = configuring.save(
                self.account, name, request=request, actor=self.membership.user, only_new=True, base_url=base_url
            )
        return Response(self.get_serializer(provider).data, status=201)


class LLMProviderView(StructuredDialect, AccountScoped, GenericAPIView[LLMProvider]):
    queryset = LLMProvider.objects.all()
    serializer_class = LLMProviderSerializer

    @extend_schema(operation_id="llm_provider", examples=[examples.ADDED])
    def get(self, request: Request, pk: UUID) -> Response:
        """A provider of the account."""
        return Response(self.get_serializer(get_object_or_404(self.get_queryset(), pk=pk)).data)


class OwnKeysView(StructuredDialect, AccountScoped, GenericAPIView[UserLLMConfig]):
    queryset = UserLLMConfig.objects.select_related("user")
    serializer_class = UserLLMConfigInput
    error_statuses = (404,)

    @extend_schema(
        operation_id="create_user_llm_config",
        responses={200: UserLLMConfigSerializer, 201: UserLLMConfigSerializer},
        examples=[examples.OWN_KEY, examples.KEPT_KEY],
    )
    def post(self, request: Request) -> Response:
        """Keep a user's own key to a provider: 201 for the first, 200 for another in its place. It is used instead of
        the account's where this user asks."""
        sent = UserLLMConfigInput(data=request.data)
        sent.is_valid(raise_exception=True)
        wanted = sent.validated_data
        user = user_named(self, wanted["user_id"])
        provider = get_object_or_404(LLMProvider.objects.for_account(self.account), pk=wanted["provider_id"])
        config, made = configuring.set_own_key(
            provider, user, wanted["api_key"], request=request, actor=self.membership.user
        )
        return Response(UserLLMConfigSerializer(config).data, status=201 if made else 200)


class OwnKeyView(StructuredDialect, AccountScoped, GenericAPIView[UserLLMConfig]):
    queryset = UserLLMConfig.objects.select_related("user")
    serializer_class = UserLLMConfigSerializer

    @extend_schema(operation_id="user_llm_config", examples=[examples.KEPT_KEY])
    def get(self, request: Request, user_id: UUID, provider_id: UUID) -> Response:
        """A user's own key to a provider, as it may be seen."""
        user = user_named(self, user_id, NotFound)
        config = get_object_or_404(self.get_queryset(), user=user, provider_id=provider_id)
        return Response(self.get_serializer(config).data)


def user_named(view: AccountScoped, user_id: UUID, refusal: type[DoculumeError] = PermissionRefused) -> User:
    """Oneself, or for staff anybody in the account. Raises `refusal` for others alike, whoever they may be."""
    me = view.membership.user
    if user_id == me.uuid:
        return me
    if not me.is_staff:
        raise refusal
    return get_object_or_404(User.objects.filter(memberships__account=view.account, deleted_at=None), uuid=user_id)
