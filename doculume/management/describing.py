"""What commands of ours say of themselves."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand, DjangoHelpFormatter

WIDTH = 100


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of examples as they are."""


class DescribedCommand(BaseCommand):
    """A command whose help has examples, and says what its exit codes mean. 2 is always: called in a wrong way."""

    examples: tuple[str, ...]
    exit_codes: dict[int, str] = {0: "done", 1: "not done; the last line says why"}

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        options |= {"formatter_class": _Formatter, "epilog": self.epilog()}
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.description = fill(parser.description or "", WIDTH)
        return parser

    @classmethod
    def epilog(cls) -> str:
        lines = [f"  manage.py {example}" for example in cls.examples]
        codes = [f"  {code}  {meaning}" for code, meaning in ({2: "called in a wrong way"} | cls.exit_codes).items()]
        return "\n".join(["examples:", *lines, "", "exit codes:", *sorted(codes)])
