"""What visitors of other people's pages open here: the files that answers cite."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import View

from doculume.errors import NotFound
from integrations.sources import LinkExpired, opened
from knowledge.views import as_file


@method_decorator(never_cache, name="dispatch")
class SourceFile(View):
    """The file that a signed link was made for. Nobody needs to sign in, and nobody learns who may."""

    def get(self, request: HttpRequest, signed: str, filename: str) -> HttpResponseBase:
        try:
            return as_file(opened(signed))
        except LinkExpired as error:
            return render(request, "integrations/link_expired.html", {"error": error}, status=error.status_code)
        except NotFound as error:
            raise Http404 from error
