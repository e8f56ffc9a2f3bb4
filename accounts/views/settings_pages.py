"""What the pages about oneself have in common."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin, View

from accounts import sessions
from accounts.models import User
from accounts.preferences import speak_to


@method_decorator(never_cache, name="dispatch")
class SettingsPage(LoginRequiredMixin, ContextMixin, View):
    """Mixin for a page of who is signed in. `section` is the line of the navigation that it belongs to."""

    section: ClassVar[str] = ""
    me: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, User):
            self.me = request.user
            speak_to(request)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(section=self.section, **kwargs)


class SensitivePage(SettingsPage):
    """Wants to know again who it is, where that was shown too long ago.

    What was typed is not kept meanwhile: there may be a password among it.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and sessions.must_show_again(request):
            back = request.path if request.method == "GET" else self.page_before()
            return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")
        return super().dispatch(request, *args, **kwargs)

    def page_before(self) -> str:
        """Where to start anew after a POST that came too late."""
        return self.request.path
