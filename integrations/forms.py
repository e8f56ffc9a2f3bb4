"""What people type about integrations, their keys and how they look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from doculume.dialects.base import flatten
from integrations import appearance
from integrations.api.serializers import IntegrationInput
from integrations.models import LONGEST_INSTRUCTIONS, LONGEST_MESSAGE, LONGEST_NAME, Integration
from integrations.origins import NotAnOrigin, normalize_origin
from knowledge.models import Collection

MOST_LINES = 50
LONGEST_LINES = 15_000


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class IntegrationForm(forms.Form):
    """The fields of one type. What the API would refuse is refused here in its words."""

    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME)
    collection_ids = forms.MultipleChoiceField(
        label=_("Collections"), widget=forms.CheckboxSelectMultiple, help_text=_("What it answers from, and all of it.")
    )
    allowed_domains = forms.CharField(
        label=_("Domains"),
        required=False,
        max_length=LONGEST_LINES,
        widget=_area(3),
        help_text=_(
            "Where it may be embedded, one a line, such as example.com (its www. too) or *.example.com. "
            "None: in no browser."
        ),
    )
    project = forms.CharField(
        label=_("Project"), required=False, max_length=LONGEST_NAME, help_text=_("To tell yours apart.")
    )
    is_active = forms.BooleanField(label=_("Active"), required=False, help_text=_("Else nobody finds it."))

    welcome_message = forms.CharField(
        label=_("Welcome message"), required=False, max_length=LONGEST_MESSAGE, widget=_area(2)
    )
    persona = forms.ChoiceField(label=_("Persona"), choices=Integration.Persona.choices)
    instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=LONGEST_INSTRUCTIONS,
        widget=_area(6),
        help_text=_("How to answer, in your own words. Where there is no language model they change nothing."),
    )
    unknown_answer_message = forms.CharField(
        label=_("When nothing is found"),
        required=False,
        max_length=LONGEST_MESSAGE,
        widget=_area(2),
        help_text=_("What visitors are told where your collections do not answer."),
    )
    placeholder = forms.CharField(label=_("Placeholder"), required=False, max_length=LONGEST_NAME, initial="Search...")
    results_display = forms.ChoiceField(label=_("Shows"), choices=Integration.ResultsDisplay.choices)
    label = forms.CharField(label=_("Label"), required=False, max_length=LONGEST_NAME)

    def __init__(self, account: Account, kind: str, *args: Any, instance: Integration | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.initial = _values_of(instance) if instance else {}
        self.account, self.kind, self.instance = account, kind, instance
        foreign = {name for names in Integration.SETTINGS.values() for name in names} - {*Integration.SETTINGS[kind]}
        for name in foreign | ({"is_active"} if instance is None else set()):
            del self.fields[name]
        choices: Any = self.fields["collection_ids"]
        choices.choices = list(Collection.objects.for_account(account).values_list("id", "name"))

    def save(self) -> Integration | None:
        """The integration as it is written; None, with errors in the form, where it cannot be."""
        sent = {name: self.cleaned_data[name] for name in self.fields}
        # What is left empty is none.
        sent |= {name: None for name, value in sent.items() if value == "" and name != "placeholder"}
        sent["allowed_domains"] = _lines(self.cleaned_data["allowed_domains"])
        context = {"account": self.account}
        known = self.instance is not None
        written = IntegrationInput(self.instance, data=sent | {"type": self.kind}, partial=known, context=context)
        if written.is_valid():
            saved: Integration = written.save()
            return saved
        for name, texts in flatten(written.errors).items():
            field = name.partition(".")[0]
            self.add_error(field if field in self.fields else None, [str(text) for text in texts])
        return None


def _values_of(integration: Integration) -> dict[str, Any]:
    common = {name: getattr(integration, name) for name in ("name", "project", "is_active")}
    return {
        **common,
        **integration.settings,
        "collection_ids": [str(id) for id in integration.collection_ids],
        "allowed_domains": "\n".join(integration.allowed_domains or []),
    }


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Where it will stand, so that you know later."))
    integrations = forms.MultipleChoiceField(
        label=_("Opens"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Only these integrations and their collections. None: questions to all that the account knows."),
    )
    origins = forms.CharField(
        label=_("Origins"),
        required=False,
        max_length=LONGEST_LINES,
        widget=_area(2),
        help_text=_("Where questions may come from, one a line, such as https://example.com. None: from anywhere."),
    )

    def __init__(self, integrations: Iterable[Integration], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = {str(integration.id): integration for integration in integrations}
        choices: Any = self.fields["integrations"]
        choices.choices = [(id, integration.name) for id, integration in self.known.items()]

    def clean_origins(self) -> list[str]:
        lines = _lines(self.cleaned_data["origins"])
        if len(lines) > MOST_LINES:
            raise forms.ValidationError(_("At most 50."))
        try:
            return list(dict.fromkeys(normalize_origin(line) for line in lines))
        except NotAnOrigin as error:
            text = _("%(text)s is no origin such as https://example.com.")
            raise forms.ValidationError(text, params={"text": str(error)[:100]}) from error

    @property
    def bound(self) -> list[Integration]:
        return [self.known[id] for id in self.cleaned_data["integrations"]]


class SupportForm(forms.Form):
    support_email = forms.EmailField(
        label=_("Support inbox"),
        required=False,
        max_length=254,
        help_text=_("Requests of visitors go there, and answers name it. Empty: there are none."),
    )


class AppearanceForm(forms.Form):
    """How the widgets look. The names are those of `integrations.appearance`."""

    theme = forms.ChoiceField(
        label=_("Theme"), choices=[("auto", _("as the visitor's")), ("light", _("light")), ("dark", _("dark"))]
    )
    color = forms.RegexField(
        r"^#[0-9a-fA-F]{6}$", label=_("Brand color"), strip=True, widget=forms.TextInput(attrs={"type": "color"})
    )
    position = forms.ChoiceField(
        label=_("Position"),
        choices=[("bottom-right", _("bottom right")), ("bottom-left", _("bottom left"))],
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[
            ("auto", _("as the page's, else the visitor's")),
            *(("en", "English"), ("de", "Deutsch"), ("nl", "Nederlands"), ("fr", "Français")),
            *(("es", "Español"), ("ja", "日本語"), ("ar", "العربية")),
        ],
    )

    TEXTS = {
        "title": _("Title of the chat"),
        "ask": _("In the field for questions"),
        "note": _("Below answers"),
        "support": _("Button to contact you"),
        "supportHint": _("Above the form to contact you"),
        "sent": _("After a message to you"),
        "noneHint": _("Where a search finds nothing"),
    }

    def __init__(self, *args: Any, chosen: dict[str, Any] | None = None, **kwargs: Any) -> None:
        shown = appearance.appearance_of(chosen or {})
        texts = {f"text_{name}": text for name, text in shown["texts"].items()}
        super().__init__(*args, **kwargs)
        self.initial = shown | texts
        for name, label in self.TEXTS.items():
            self.fields[f"text_{name}"] = forms.CharField(
                label=label, required=False, max_length=appearance.LONGEST_TEXT
            )

    def clean_color(self) -> str:
        return str(self.cleaned_data["color"]).lower()

    @property
    def looks(self) -> list[Any]:
        return [self[name] for name in ("theme", "color", "position", "language")]

    @property
    def texts(self) -> list[Any]:
        return [self[f"text_{name}"] for name in self.TEXTS]

    @property
    def chosen(self) -> dict[str, Any]:
        """What is to be kept."""
        said = self.cleaned_data
        texts = {name: said[f"text_{name}"] for name in self.TEXTS if said[f"text_{name}"]}
        return appearance.appearance_of({**said, "texts": texts})
