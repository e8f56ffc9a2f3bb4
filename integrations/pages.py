"""Integrations for the people of an account: what there is, making one, and changing it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from accounts.pages import AreaPage
from integrations.forms import IntegrationForm
from integrations.models import Integration, IntegrationCollection, IntegrationEvent
from knowledge.models import Collection

ON_A_PAGE = 50


class IntegrationsArea(AreaPage):
    """Keys are for those who manage the account."""

    area = "integrations"


class IntegrationsPage(IntegrationsArea):
    """All of the account's, newest first."""

    template_name = "integrations/integrations.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = Paginator(Integration.objects.for_account(self.account), ON_A_PAGE).get_page(
            self.request.GET.get("page")
        )
        ids = [integration.id for integration in page]
        links = IntegrationCollection.objects.for_account(self.account).filter(integration_id__in=ids)
        events = IntegrationEvent.objects.for_account(self.account).filter(integration_id__in=ids)
        opened = dict(links.order_by().values_list("integration_id").annotate(Count("id")))
        kinds = {name: Count("id", filter=Q(event_type=name)) for name in IntegrationEvent.Type.values}
        happened = {row["integration_id"]: row for row in events.order_by().values("integration_id").annotate(**kinds)}
        rows = [(each, opened.get(each.id, 0), happened.get(each.id)) for each in page]
        return super().get_context_data(page=page, rows=rows, **kwargs)


class NewIntegrationPage(IntegrationsArea):
    """Making one of the type that `?type=` names."""

    template_name = "integrations/integration.html"

    @cached_property
    def kind(self) -> str:
        kind = self.request.GET.get("type", Integration.Type.CHATBOT.value)
        if kind not in Integration.Type.values:
            raise Http404
        return kind

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        has_collections = Collection.objects.for_account(self.account).exists()
        shown = {"form": IntegrationForm(self.account, self.kind), "kind": Integration.Type(self.kind)}
        return super().get_context_data(has_collections=has_collections, **shown | kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.must_write()
        form = IntegrationForm(self.account, self.kind, request.POST)
        made = form.save() if form.is_valid() else None
        if made is None:
            return self.render_to_response(self.get_context_data(form=form))
        messages.success(request, _("%(name)s is there. Embed it, or go on changing it.") % {"name": made.name})
        return self.goes_to("integration", made.id)


class OneIntegration(IntegrationsArea):
    """Mixin for what is about one integration; another account's is a 404."""

    @cached_property
    def integration(self) -> Integration:
        rows = Integration.objects.for_account(self.account).with_collections(self.account)
        found: Integration = get_object_or_404(rows, id=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs | {"integration": self.integration})


class IntegrationPage(OneIntegration):
    template_name = "integrations/integration.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kind = Integration.Type(self.integration.type)
        form = IntegrationForm(self.account, kind, instance=self.integration)
        return super().get_context_data(kind=kind, has_collections=True, **{"form": form} | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        form = IntegrationForm(self.account, self.integration.type, request.POST, instance=self.integration)
        if not form.is_valid() or form.save() is None:
            return self.render_to_response(self.get_context_data(form=form))
        messages.success(request, _("Saved."))
        return self.goes_to("integration", self.integration.id)


class DeleteIntegration(OneIntegration):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        Integration.objects.for_account(self.account).filter(id=self.integration.id).delete()
        messages.success(request, _("%(name)s is deleted.") % {"name": self.integration.name})
        return self.goes_to("integrations")
