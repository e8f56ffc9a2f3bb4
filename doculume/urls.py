"""All routes. The API lives under /api/v1, and under /v1 as OpenAI's clients know it; everything else is pages."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from doculume import views
from doculume.routing import both
from doculume.words import WordsOfScripts

handler400 = "doculume.views.bad_request"
handler403 = "doculume.views.forbidden"
handler404 = "doculume.views.not_found"
handler500 = "doculume.views.server_error"

# Swagger UI and ReDoc style themselves from within, and ReDoc searches in a worker of its own making.
reference_page = csp_update({"style-src": [UNSAFE_INLINE], "worker-src": [SELF, "blob:"]})

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
    path("words/<slug:version>/<slug:language>.js", WordsOfScripts.as_view(), name="words"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("llm_settings.api.urls")),
    path("api/v1/", include("knowledge.api.urls")),
    path("api/v1/", include("chat.api.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("v1/", include("integrations.openai_door.urls")),
    both("api/schema", SpectacularAPIView.as_view(api_version="v1"), name="schema"),
    both("api/docs", reference_page(SpectacularSwaggerSplitView.as_view()), name="docs"),
    both("api/redoc", reference_page(SpectacularRedocView.as_view(template_name="api/redoc.html")), name="redoc"),
    re_path(r"^api/.*$", views.unknown_path),
    re_path(r"^v1(?:/.*)?$", views.unknown_path),
    path("", include("accounts.urls")),
    path("", include("knowledge.urls")),
    path("", include("chat.urls")),
    path("", include("integrations.urls")),
]
