"""What a person says of a provider; what the API would refuse is refused here in its words."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError as Refused

from doculume.sentences import told
from llm_settings.api.serializers import LONGEST_KEY, KeyField, ProviderInput
from llm_settings.configuring import Wanted
from llm_settings.models import LLMProvider

SENT = ("type", "base_url", "model", "context_tokens", "api_key")


class ProviderForm(forms.Form):
    """Of a provider that is `kept`, the name stays, and an empty key leaves the one there is."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("As you call it among yours."))
    type = forms.ChoiceField(label=_("Kind"), choices=LLMProvider.Type.choices, initial="openai_compatible")
    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        required=False,
        help_text=_("With its version, such as https://api.example.com/v1. OpenAI and Ollama have one of their own."),
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false", "autocomplete": "off"}),
    )
    model = forms.CharField(
        label=_("Model"),
        max_length=300,
        required=False,
        help_text=_("Its name at the provider. Empty: the first that it offers."),
        widget=forms.TextInput(attrs={"list": "offered", "spellcheck": "false", "autocomplete": "off"}),
    )
    context_tokens = forms.IntegerField(
        label=_("Tokens it reads at once"),
        min_value=1024,
        max_value=10_000_000,
        required=False,
        help_text=_("Empty: what the provider says of it."),
    )
    api_key = forms.CharField(
        label=_("API key"),
        max_length=LONGEST_KEY,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    forget_key = forms.BooleanField(label=_("Forget the key"), required=False)

    def __init__(self, data: Any = None, *, kept: LLMProvider | None = None) -> None:
        super().__init__(data, initial={name: getattr(kept, name) for name in ("name", *SENT[:-1])} if kept else None)
        self.kept = kept
        self.fields["name"].disabled = kept is not None
        if kept is None or not kept.has_api_key:
            del self.fields["forget_key"]
        else:
            self.fields["api_key"].help_text = _("%(key)s is kept. Empty: it stays.") % {"key": kept.shown_key}
        if kept is not None:
            self.fields["base_url"].help_text = _("Another address drops the keys: they were given for this one.")

    @property
    def wanted(self) -> Wanted:
        return cast("Wanted", self.cleaned_data["wanted"])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        config = {name: said[name] for name in SENT if name in said}
        if self.kept and not config.get("api_key") and not said.get("forget_key"):
            config.pop("api_key", None)
        if not config.get("base_url"):
            config["base_url"] = LLMProvider.DEFAULT_URLS.get(said.get("type", ""), "")
        sent = ProviderInput(data={"provider_name": said.get("name", ""), "config": config})
        if not self.errors and not sent.is_valid():
            complaints: dict[str, Any] = dict(sent.errors)
            complaints |= {"name": complaints.pop("provider_name", [])} | dict(complaints.pop("config", {}))
            for name, texts in complaints.items():
                for text in texts:
                    self.add_error(name, told(text))
        return said | {"wanted": sent.wanted if not self.errors else {}}


class OwnKeyForm(forms.Form):
    """A user's own key at a provider."""

    api_key = forms.CharField(label=_("Your own key"), max_length=LONGEST_KEY, widget=forms.PasswordInput)

    def clean_api_key(self) -> str:
        try:
            return str(KeyField().run_validation(self.cleaned_data["api_key"]))
        except Refused as error:
            raise ValidationError([told(str(text)) for text in error.detail]) from error
