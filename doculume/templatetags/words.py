"""`{% words_of_scripts as address %}`: where the words of the page's scripts are, if they need any."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.utils.translation import get_language

from doculume import sentences
from doculume.words import address_of

register = template.Library()


@register.simple_tag
def words_of_scripts() -> str:
    return address_of(get_language() or settings.LANGUAGE_CODE)


@register.filter
def told(text: str) -> str:
    """A sentence that is kept or raised in English, in the language of the page."""
    return sentences.told(text or "")
