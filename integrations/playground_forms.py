"""What is chosen in the playground."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf.locale import LANG_INFO
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.fields import Field

from accounts.models import Account, User
from chat.prompts import Manner
from doculume.dialects.base import flatten
from doculume.dialects.parsers import read_json
from integrations.api.searching import BoostSerializer, FilterField, IndexedList
from integrations.gathering import NOWHERE
from integrations.models import LONGEST_INSTRUCTIONS, Integration
from integrations.personas import PERSONAS, Persona, manner_of
from integrations.trying import Trial
from knowledge.models import Collection
from knowledge.search import Boost
from llm_settings.models import LLMProvider
from llm_settings.providers import chat_config

LONGEST_QUESTION = 8_000
MOST_SOURCES = 20
INTEGRATIONS = 200
LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt", "pl", "sv", "da", "cs", "tr", "ru", "uk", "ar", "he", "ja", "ko")


class QueryField(forms.CharField):
    """JSON as a field of the search API reads it; nothing is what `empty` says."""

    def __init__(self, read_by: Field[Any, Any, Any, Any], empty: str, example: str, **kwargs: Any) -> None:
        attributes = {"rows": 2, "class": "code", "spellcheck": "false", "placeholder": example, "dir": "ltr"}
        super().__init__(required=False, max_length=4_000, widget=forms.Textarea(attrs=attributes), **kwargs)
        self.read_by, self.empty = read_by, empty

    def clean(self, value: Any) -> Any:
        try:
            return self.read_by.run_validation(read_json(super().clean(value) or self.empty))
        except ParseError as error:
            raise forms.ValidationError(_("This is no JSON."), code="json") from error
        except ValidationError as error:
            told = [f"{name}: {text}" for name, texts in flatten(error.detail).items() for text in texts]
            raise forms.ValidationError([text.removeprefix("non_field_errors: ") for text in told]) from error


class TrialForm(forms.Form):
    """The names stand in the address of the page, so that what is tried can be shared."""

    q = forms.CharField(
        label=_("Question"),
        max_length=LONGEST_QUESTION,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto", "autocomplete": "off"}),
    )
    integration = forms.ChoiceField(
        label=_("Answers as"), required=False, help_text=_("An integration brings its collections and its manner.")
    )
    collection = forms.MultipleChoiceField(
        label=_("Collections"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: all.")
    )
    model = forms.ChoiceField(label=_("Model"), required=False)
    threshold = forms.FloatField(
        label=_("Threshold"),
        required=False,
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.05"}),
        help_text=_("Least similarity, 0 to 1. Searches use 0.40, chats 0."),
    )
    sources = forms.IntegerField(
        label=_("Sources"), required=False, min_value=1, max_value=MOST_SOURCES, help_text=_("Passages for the answer.")
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    persona = forms.ChoiceField(label=_("Persona"), required=False)
    instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=LONGEST_INSTRUCTIONS,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("In place of those of the integration."),
    )
    before = forms.CharField(
        label=_("The question before"),
        required=False,
        max_length=LONGEST_QUESTION,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
        help_text=_("To try a follow-up: how it is made to stand alone."),
    )
    meta = QueryField(
        FilterField(),
        "{}",
        '{"year": {"gte": 2024}}',
        label=_("Filters"),
        help_text=_("On the fields of entries, as the search API takes them."),
    )
    boost = QueryField(
        IndexedList(child=BoostSerializer(), max_length=3),
        "[]",
        '[{"field": "date", "type": "recency"}]',
        label=_("Boosts"),
        help_text=_("Of the order of entries, as the search API takes them."),
    )
    only_search = forms.BooleanField(label=_("Search only, without an answer"), required=False)

    FIRST = {"threshold": 0.4, "sources": 5}
    MANNER = ("model", "language", "persona", "instructions")
    MORE = ("before", "meta", "boost")

    def __init__(self, account: Account, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        integrations = Integration.objects.for_account(account).order_by("name", "id")
        self.collections = {str(one): name for one, name in _collections(account)}
        self.models = models_of(account)
        self._offer("collection", list(self.collections.items()))
        names = [(str(id), name) for id, name in integrations.values_list("id", "name")[:INTEGRATIONS]]
        self._offer("integration", [("", _("No integration, as members ask")), *names])
        self._offer("model", [("", _("As usual")), *self.models])
        languages = [(tag, LANG_INFO[tag]["name_local"]) for tag in LANGUAGES]
        self._offer("language", [("", _("That of the question")), *languages])
        personas = [(value, label) for value, label in Persona.choices if value != Persona.CUSTOM]
        self._offer("persona", [("", _("None, or that of the integration")), *personas])

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    @classmethod
    def shared(cls, account: Account, query: QueryDict) -> TrialForm:
        """As an address has it; what it does not name is as at first."""
        names = [name for name in cls.base_fields if name in query]
        said = {name: query.getlist(name) if name == "collection" else query[name] for name in names}
        return cls(account, initial=cls.FIRST | said)

    def trial(self, asker: User) -> Trial:
        """What a valid form says."""
        said = self.cleaned_data
        integration = self._integration(said["integration"])
        chosen = tuple(UUID(id) for id in said["collection"] or self.collections)
        threshold = said["threshold"]
        return Trial(
            self.account,
            asker,
            said["q"],
            (tuple(integration.collection_ids) or (NOWHERE,)) if integration else chosen,
            model=said["model"],
            threshold=self.FIRST["threshold"] if threshold is None else threshold,
            sources=said["sources"] or int(self.FIRST["sources"]),
            manner=self._manner(integration),
            meta=said["meta"],
            boosts=tuple(Boost(**boost) for boost in said["boost"]),
            before=said["before"],
            integration_id=integration.id if integration else None,
            only_search=said["only_search"],
        )

    def _integration(self, id: str) -> Integration | None:
        rows = Integration.objects.for_account(self.account).with_collections(self.account)
        return rows.get(id=id) if id else None

    def _manner(self, integration: Integration | None) -> Manner:
        said = self.cleaned_data
        sums_up = integration is not None and integration.type != Integration.Type.CHATBOT
        kept = manner_of(integration, said["language"], summarize=sums_up) if integration else Manner()
        return Manner(
            persona=PERSONAS[Persona(said["persona"])] if said["persona"] else kept.persona,
            instructions=said["instructions"] or kept.instructions,
            locale=said["language"],
            unknown=kept.unknown,
            summarize=kept.summarize,
        )

    @property
    def chooses(self) -> list[Any]:
        return [self[name] for name in self.MANNER if name != "model" or self.models or self[name].errors]

    @property
    def more(self) -> list[Any]:
        return [self[name] for name in self.MORE]

    @property
    def has_more(self) -> bool:
        """Whether one of the settings that are folded away is in use."""
        names = (*self.MANNER, *self.MORE)
        return any(self[name].value() not in ("", None, [], {}) or self[name].errors for name in names)


def _collections(account: Account) -> list[tuple[UUID, str]]:
    return list(Collection.objects.for_account(account).order_by("name", "id").values_list("id", "name"))


def models_of(account: Account) -> list[tuple[str, str]]:
    """By the name that `chat.choosing` knows: the account's own, then the deployment's."""
    own = LLMProvider.objects.for_account(account).in_order()
    models = [(one.name, f"{one.name} ({one.model})") for one in own]
    config = chat_config()
    if config["provider"] and not account.own_models_only:
        models.append((config["model"], config["model"]))
    return models
