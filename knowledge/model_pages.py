"""Which models answer, embed and rerank for an account; who manages it says which, with what keys, and tries them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.pages import AreaPage
from doculume.errors import DoculumeError
from knowledge.models import LanguageStatistic, Reindexing
from knowledge.search.pointers import answering_model
from llm_settings import configuring
from llm_settings.failing import failing_providers
from llm_settings.forms import OwnKeyForm, ProviderForm
from llm_settings.models import LLMProvider, UserLLMConfig
from llm_settings.providers import chat_config
from llm_settings.trying import Trial, try_kept

PAUSE = 3  # seconds between two looks at a move


class ModelsArea(AreaPage):
    """Mixin: everybody sees which models there are; owners and admins say which."""

    area = "models"

    @property
    def me(self) -> User:
        return self.membership.user

    def must_manage(self) -> None:
        if not self.membership.may_manage:
            raise PermissionDenied

    @property
    def move(self) -> Reindexing | None:
        """The latest, under way or over."""
        moves = Reindexing.objects.filter(account=self.account, collection_id=None).select_related("model")
        return moves.order_by("-created_at", "-id").first()


class ModelsPage(ModelsArea):
    template_name = "knowledge/models.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        providers = list(LLMProvider.objects.for_account(self.account).in_order())
        own = UserLLMConfig.objects.for_account(self.account).filter(user=self.me)
        chunks = LanguageStatistic.objects.filter(account=self.account).aggregate(all=Sum("chunk_count"))["all"]
        shown = {
            "providers": providers,
            "failing": [provider.pk for provider in failing_providers(self.account)] if providers else [],
            "own_keys": dict(own.values_list("provider_id", "shown_key")),
            "deployments": chat_config()["model"] if settings.CHAT["provider"] else "",
            "embedding": answering_model(self.account),
            "chunks": chunks or 0,
            "move": self.move,
            "pause": PAUSE,
            "reranker": settings.RERANK if settings.RERANK["provider"] else None,
            "most": configuring.MOST_PROVIDERS,
        }
        return super().get_context_data(**shown | kwargs)


class ModelMove(ModelsArea):
    """How far the move to another embedding model is; looks again until it is over."""

    template_name = "knowledge/model_move.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(move=self.move, pause=PAUSE, **kwargs)


class OwnModelsOnly(ModelsArea):
    """Whether questions may go to the deployment's model."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        self.must_manage()
        configuring.keep_to_own(self.account, "only" in request.POST, request=request, actor=self.me)
        messages.success(request, _("Saved."))
        return self.goes_to("models")


class NewProvider(ModelsArea):
    template_name = "knowledge/model_provider.html"

    def may_open(self) -> bool:
        return self.membership.may_manage

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"form": ProviderForm(), "private_hosts": settings.PRIVATE_HOSTS}
        return super().get_context_data(**shown | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.form(request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            provider, made = configuring.save(
                self.account,
                form.cleaned_data["name"],
                request=request,
                actor=self.me,
                only_new=form.kept is None,
                **form.wanted,
            )
        except DoculumeError as error:
            return self.again(error, form=form)
        told = _("%(name)s is there. Try it before you rely on it.") if made else _("%(name)s is saved.")
        messages.success(request, told % {"name": provider.name})
        return self.goes_to("model-provider", provider.pk)

    def form(self, request: HttpRequest) -> ProviderForm:
        return ProviderForm(request.POST)


class OneProvider(ModelsArea):
    """Mixin for what is about one provider; another account's is a 404."""

    @cached_property
    def provider(self) -> LLMProvider:
        return get_object_or_404(LLMProvider.objects.for_account(self.account), pk=self.kwargs["pk"])

    def may_open(self) -> bool:
        # What is not there is not there for anybody.
        return bool(self.provider) and self.membership.may_manage


class ProviderPage(OneProvider, NewProvider):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"provider": self.provider, "form": ProviderForm(kept=self.provider), "trial": None}
        return super().get_context_data(**shown | kwargs)

    def form(self, request: HttpRequest) -> ProviderForm:
        return ProviderForm(request.POST, kept=self.provider)


class TryProvider(ProviderPage):
    """Asks it for a word, as it is kept, and says what came of it."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        trial: Trial = try_kept(self.provider)
        if "HX-Request" not in request.headers:
            return self.render_to_response(self.get_context_data(trial=trial))
        response = render(request, "knowledge/model_trial.html", {"trial": trial, "account": self.account})
        patch_vary_headers(response, ["HX-Request"])
        return response


class UseProvider(OneProvider):
    """It answers first from now on."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        configuring.save(self.account, self.provider.name, request=request, actor=self.me, is_active=True)
        messages.success(request, _("%(name)s answers from now on.") % {"name": self.provider.name})
        return self.goes_to("models")


class DeleteProvider(OneProvider):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        configuring.delete(self.provider, request=request, actor=self.me)
        messages.success(request, _("%(name)s is deleted.") % {"name": self.provider.name})
        return self.goes_to("models")


class OwnKey(OneProvider):
    """One's own key at a provider, used where oneself asks. Anybody who may ask may have one."""

    http_method_names = ["post", "options"]

    def may_open(self) -> bool:
        return bool(self.provider) and self.membership.may_write

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = OwnKeyForm(request.POST)
        if form.is_valid():
            configuring.set_own_key(
                self.provider, self.me, form.cleaned_data["api_key"], request=request, actor=self.me
            )
            messages.success(request, _("Your own key to %(name)s is kept.") % {"name": self.provider.name})
        else:
            messages.error(request, " ".join(map(str, form.errors.get("api_key", []))))
        return self.goes_to("models")
