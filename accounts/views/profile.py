"""Pages about oneself: name, address, how pages look, and leaving for good."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, RedirectView, View

from accounts import confirmation
from accounts.cookies import clear_token_cookies
from accounts.deletion import delete_user
from accounts.models import Account, Membership, User, UserSettings, normalize_email
from accounts.registration import EmailTaken
from accounts.throttling import LimitsUnavailable, TooManyAttempts
from accounts.views.refusals import refused, with_status
from accounts.views.settings_pages import SensitivePage, SettingsPage
from accounts.views.signing_in import PasswordForm


class ProfileForm(forms.Form):
    full_name = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    theme = forms.ChoiceField(
        label=gettext_lazy("Appearance"),
        choices=[
            (UserSettings.Theme.SYSTEM, gettext_lazy("As my device has it")),
            (UserSettings.Theme.LIGHT, gettext_lazy("Light")),
            (UserSettings.Theme.DARK, gettext_lazy("Dark")),
        ],
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"))
    notifications_enabled = forms.BooleanField(
        required=False,
        label=gettext_lazy("Mail me news about my documents"),
        help_text=gettext_lazy("What concerns the safety of your account is mailed in any case."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = dict(settings.LANGUAGES)
        # A program may have set another one by the API: saving this page must not change it.
        kept = self.initial.get("language", settings.LANGUAGE_CODE)
        languages: Any = self.fields["language"]
        languages.choices = [*known.items(), *([(kept, kept)] if kept not in known else [])]


class ProfileView(SettingsPage, FormView):
    template_name = "accounts/profile.html"
    form_class = ProfileForm
    success_url = reverse_lazy("account-profile")
    section = "profile"

    def get_initial(self) -> dict[str, Any]:
        user = self.me
        # Who never chose a language keeps the one that the browser asks for: saving something else must not change it.
        unchosen = UserSettings(user=user, language=get_language() or settings.LANGUAGE_CODE)
        wishes = UserSettings.objects.filter(user_id=user.pk).first() or unchosen
        return {
            "full_name": user.full_name,
            "theme": wishes.theme,
            "language": wishes.language,
            "notifications_enabled": wishes.notifications_enabled,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.me
        return super().get_context_data(
            confirmed=confirmation.is_confirmed(user), wanted_email=confirmation.wanted_email(user), **kwargs
        )

    def form_valid(self, form: ProfileForm) -> HttpResponse:
        user, fields = self.me, dict(form.cleaned_data)
        user.full_name = fields.pop("full_name")
        user.save(update_fields=["full_name"])
        UserSettings.objects.update_or_create(user=user, defaults=fields)
        messages.success(self.request, _("Saved."))
        return super().form_valid(form)


class ProfileIndex(SettingsPage, RedirectView):
    http_method_names = ["get"]
    pattern_name = "account-profile"


class EmailForm(forms.Form):
    email = forms.EmailField(
        max_length=254, label=gettext_lazy("New email"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


class EmailView(SensitivePage, FormView):
    """Changes the address, at once or when the new one is confirmed; or sends the link for the present one again."""

    template_name = "accounts/email.html"
    form_class = EmailForm
    success_url = reverse_lazy("account-profile")
    section = "profile"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(needs_confirmation=confirmation.is_required(), **kwargs)

    def form_valid(self, form: EmailForm) -> HttpResponse:
        user, email = self.me, form.cleaned_data["email"]
        try:
            done = confirmation.change_email(self.request, user, email)
        except EmailTaken as error:
            form.add_error("email", error.told_at_length)
            return self.form_invalid(form)
        except (TooManyAttempts, LimitsUnavailable) as error:
            form.add_error(None, error.told)
            return refused(self.form_invalid(form), error)
        if done:
            messages.success(self.request, _("Your address is %(email)s.") % {"email": user.email})
        else:
            text = _("We have sent a link to %(email)s. Your address changes when you follow it.")
            messages.info(self.request, text % {"email": email})
        return super().form_valid(form)


class ResendView(SettingsPage, View):
    """Sends the link for the present address, or the wanted one, once more."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        user = self.me
        email = confirmation.wanted_email(user) or ("" if confirmation.is_confirmed(user) else user.email)
        if email:
            confirmation.send_confirmation(request, user, email)
            messages.info(request, _("A link is on its way to %(email)s.") % {"email": email})
        return redirect("account-profile")


class DeleteForm(forms.Form):
    """For who has no password."""

    sure = forms.BooleanField(label=gettext_lazy("Yes, delete everything"))


class DeleteWithPasswordForm(PasswordForm, DeleteForm):
    field_order = ("password", "sure")


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class DeleteMeView(SensitivePage, FormView):
    """The end of the user and of the accounts that they alone own."""

    template_name = "accounts/delete_me.html"
    section = "profile"

    def get_form_class(self) -> type[DeleteForm]:
        return DeleteWithPasswordForm if self.me.has_usable_password() else DeleteForm

    def get_form_kwargs(self) -> dict[str, Any]:
        own = {"request": self.request, "user": self.me}
        return super().get_form_kwargs() | (own if self.me.has_usable_password() else {})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(goes=self._alone_owned(), **kwargs)

    def form_valid(self, form: DeleteForm) -> HttpResponse:
        user = self.me
        delete_user(User.objects.get(pk=user.pk), request=self.request)
        logout(self.request)
        messages.success(self.request, _("Your account is deleted."))
        response = redirect("sign-in")
        clear_token_cookies(response)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)

    def _alone_owned(self) -> list[Account]:
        """The shared accounts that go too: nobody else owns them."""
        owners = Membership.objects.filter(role=Membership.Role.OWNER)
        others = owners.filter(account_id=OuterRef("account_id")).exclude(user_id=self.me.pk)
        mine = owners.filter(user_id=self.me.pk, account__personal_of=None, account__deleted_at=None)
        return [one.account for one in mine.filter(~Exists(others)).select_related("account")]
