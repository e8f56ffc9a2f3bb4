"""The plain inputs of forms, written without templates.

Django draws each box of a list to choose from by five templates within each other, a tenth of a millisecond and more
for each: forms offer every collection of an account. What is written here is, but for the space between tags, what
Django's own templates say (`django/forms/templates`); every other widget is drawn by those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeData, mark_safe

Widget = Mapping[str, Any]
FOLDER = "django/forms/widgets/"
INPUTS = ("input", "text", "email", "password", "number", "hidden", "url", "search", "checkbox")
OPTION = f"{FOLDER}select_option.html"


class WrittenWidgets(DjangoTemplates):
    """Django's renderer, quicker at what forms are mostly made of."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        write = WRITTEN.get(template_name)
        if write is None or not (text := write(context["widget"])):
            return super().render(template_name, context, request)
        return mark_safe(text)  # noqa: S308 -- each piece was escaped


def _input(widget: Widget) -> str:
    value = widget["value"]
    told = "" if value is None else f' value="{_value(value)}"'
    return f'<input type="{escape(widget["type"])}" name="{_text(widget["name"])}"{told}{_attributes(widget)}>'


def _labeled(widget: Widget) -> str:
    """A box or a dot of several, in its label unless the form draws that."""
    if not widget.get("wrap_label"):
        return _input(widget)
    ident = widget["attrs"].get("id")
    points = f' for="{_text(ident)}"' if ident else ""
    return f"<label{points}>{_input(widget)} {_text(widget['label'])}</label>"


def _select(widget: Widget) -> str:
    """Empty where an option or a group of them is drawn in a way of its own."""
    options = [option for name, group, _ in widget["optgroups"] for option in group if not name]
    are_plain = all(not name for name, _, _ in widget["optgroups"])
    if not are_plain or any(option["template_name"] != OPTION for option in options):
        return ""
    lines = "".join(f"\n  {_option(option)}" for option in options)
    return f'<select name="{_text(widget["name"])}"{_attributes(widget)}>{lines}\n</select>'


def _option(option: Widget) -> str:
    return f'<option value="{_value(option["value"])}"{_attributes(option)}>{_text(option["label"])}</option>'


def _attributes(widget: Widget) -> str:
    return "".join(_attribute(name, value) for name, value in widget["attrs"].items() if value is not False)


def _attribute(name: str, value: Any) -> str:
    return f" {_text(name)}" if value is True else f' {_text(name)}="{_value(value)}"'


def _value(value: Any) -> str:
    """As programs read it: numbers and days are not written as the language has them."""
    return str(value) if isinstance(value, SafeData) else escape(str(value))


def _text(value: Any) -> str:
    return conditional_escape(localize(value))


WRITTEN: dict[str, Callable[[Widget], str]] = {
    **{f"{FOLDER}{name}.html": _input for name in INPUTS},
    f"{FOLDER}checkbox_option.html": _labeled,
    f"{FOLDER}radio_option.html": _labeled,
    f"{FOLDER}select.html": _select,
}
