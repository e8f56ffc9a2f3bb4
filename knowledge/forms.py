"""What people type about collections and entries."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError

from doculume.dialects.parsers import read_json
from knowledge.api.entry_serializers import LONGEST_TEXT


class CollectionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=255)


class ObjectField(forms.CharField):
    """A JSON object; nothing is an empty one."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"rows": 4, "class": "code", "spellcheck": "false", "placeholder": '{"price": 10}'}
        super().__init__(required=False, widget=forms.Textarea(attrs=attributes), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False, indent=2) if value else ""
        return value

    def to_python(self, value: Any) -> Any:
        try:
            found = read_json(super().to_python(value) or "{}")
        except ParseError:
            found = None
        if not isinstance(found, dict):
            raise forms.ValidationError(_('Write a JSON object, such as {"price": 10}.'), code="object")
        return found


class EntryForm(forms.Form):
    """Of an entry that is an uploaded document, what was read in the file is not to be changed."""

    title = forms.CharField(label=_("Title"), max_length=500, required=False)
    raw_text = forms.CharField(
        label=_("Text"),
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("Plain text, Markdown or HTML. This is what is searched and cited."),
    )
    source_url = forms.URLField(
        label=_("Address"),
        max_length=2000,
        required=False,
        assume_scheme="https",
        help_text=_("Where readers of an answer are led to."),
    )
    searchable_meta = ObjectField(label=_("Searchable fields"), help_text=_("Searched like the text, and filtered by."))
    meta = ObjectField(label=_("Other fields"), help_text=_("Filtered, boosted and sorted by, but not searched."))

    def __init__(self, *args: Any, of_a_file: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if of_a_file:
            del self.fields["raw_text"]
