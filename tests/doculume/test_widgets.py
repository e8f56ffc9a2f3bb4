"""Inputs that are written without templates say what the templates of Django say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override
from pytest_django.asserts import assertHTMLEqual

from doculume.widgets import WRITTEN, WrittenWidgets

NASTY = "<b>\"A\" & 'B'</b>"
CHOICES: list[Any] = [("", "---"), ("a", NASTY), (NASTY, "产品"), (1234567, gettext_lazy("Documents")), (True, 1234.5)]
GROUPS = [("Fruit", [("a", "Apple"), ("p", NASTY)]), ("n", "Nut")]
SAFE = mark_safe("<i>safe</i>")


class OwnOptions(forms.Select):
    option_template_name = "django/forms/widgets/radio_option.html"


WIDGETS: list[forms.Widget] = [
    forms.TextInput({"placeholder": NASTY, "required": True, "hidden": False, "maxlength": 1234, "data-x": None}),
    forms.TextInput({"placeholder": SAFE, "title": gettext_lazy("Documents"), "size": ("a", NASTY)}),
    forms.NumberInput({"min": 0.5, "step": 1000}),
    forms.EmailInput(),
    forms.URLInput(),
    forms.PasswordInput(render_value=True),
    forms.HiddenInput(),
    forms.DateInput(),
    forms.CheckboxInput({"id": "id_one"}),
    forms.Select(choices=CHOICES),
    forms.Select(choices=GROUPS),
    OwnOptions(choices=CHOICES),
    forms.SelectMultiple({"size": 4}, choices=CHOICES),
    forms.RadioSelect({"id": "id_several"}, choices=CHOICES),
    forms.CheckboxSelectMultiple(choices=CHOICES),
    forms.Textarea({"rows": 3}),
]
VALUES: list[Any] = [None, "", "a", NASTY, SAFE, 1234567, 1234.5, True, False, ["a", NASTY], date(2026, 3, 4)]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda one: type(one).__name__)
def test_an_input_is_what_django_makes_of_it(widget: forms.Widget, language: str) -> None:
    with override(language):
        for value in VALUES:
            for attrs in ({"id": "id_x"}, None):
                expected = widget.render("na<me", value, attrs, DjangoTemplates())
                assertHTMLEqual(widget.render("na<me", value, attrs, WrittenWidgets()), expected)


def test_the_boxes_of_a_list_are_what_django_makes_of_them() -> None:
    class Chosen(forms.Form):
        several = forms.MultipleChoiceField(choices=CHOICES, widget=forms.CheckboxSelectMultiple)

    def boxes(renderer: DjangoTemplates) -> list[str]:
        return [box.tag() for box in Chosen({"several": ["a"]}, renderer=renderer)["several"].subwidgets]

    assert boxes(WrittenWidgets()) == boxes(DjangoTemplates())


def test_whatever_is_written_has_a_template() -> None:
    for name in WRITTEN:
        DjangoTemplates().get_template(name)
