"""Bring the catalogs of translations up to date; see `doculume.catalogs`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Gathers what is to be translated into doculume/locale, and compiles what has been. For developers."
    examples = ("messages",)
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from doculume.catalogs import DOMAINS, LOCALES, refreshed, written
        except ImportError as error:
            raise CommandError("Babel is not installed. Say `make messages`, which installs what it needs.") from error
        for language, _name in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            folder = LOCALES / language / "LC_MESSAGES"
            folder.mkdir(parents=True, exist_ok=True)
            for domain in DOMAINS:
                catalog = refreshed(language, domain)
                text, compiled = written(catalog)
                (folder / f"{domain}.po").write_bytes(text)
                (folder / f"{domain}.mo").write_bytes(compiled)
                missing = sum(1 for message in catalog if message.id and not _is_translated(message.string))
                self.stdout.write(f"{language} {domain}: {len(catalog)} messages, {missing} without a translation.")


def _is_translated(text: str | list[str] | tuple[str, ...] | None) -> bool:
    return all(text) if isinstance(text, (list, tuple)) else bool(text)
