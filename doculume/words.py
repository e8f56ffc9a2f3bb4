"""The words that scripts say, for browsers that read another language than the scripts are written in."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.views.i18n import JavaScriptCatalog

LOCALES = Path(__file__).resolve().parent / "locale"


class WordsOfScripts(JavaScriptCatalog):
    """The catalog of one language as a script of this site. Its address changes with it, so it is kept for good."""

    packages = ["doculume"]

    def get(self, request: HttpRequest, version: str, language: str) -> HttpResponseBase:  # type: ignore[override]
        if language not in dict(settings.LANGUAGES):
            raise Http404
        with translation.override(language):
            response: HttpResponseBase = super().get(request)
        # While one release takes over from another, either may be asked for the other's.
        kept = {"max_age": 31_536_000, "immutable": True} if version == version_of(language) else {"max_age": 0}
        patch_cache_control(response, public=True, **kept)
        return response


def address_of(language: str) -> str:
    """Where the scripts' words in `language` are; empty for the language that they are written in."""
    if language == settings.LANGUAGE_CODE:
        return ""
    return reverse("words", args=[version_of(language), language])


@cache
def version_of(language: str) -> str:
    file = LOCALES / language / "LC_MESSAGES" / "djangojs.mo"
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.exists() else "none"
