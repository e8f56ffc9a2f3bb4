"""Take in a collection's golden set: questions, and the entries that they should find."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from knowledge import golden_sets
from knowledge.models import Collection


class Command(DescribedCommand):
    help = (
        "Replaces a collection's golden set by that of a file: CSV with a header, or JSON, one object a line, with "
        "question, entry_id or source_id (and source_type), gain, language. Then `evaluate` tells how search does."
    )
    examples = ("import_golden questions.csv --collection b81d17eb-99c7-408a-8081-09319dff64e0",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="ends in .csv or .jsonl; - for JSON lines from the standard input")
        parser.add_argument("--collection", type=UUID, required=True, metavar="ID")
        parser.add_argument("--keep", action="store_true", help="add to the questions and entries that are there")

    def handle(self, *args: Any, file: str, collection: UUID, keep: bool = False, **options: Any) -> None:
        found = Collection.objects.filter(id=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection}.")
        try:
            questions, entries = golden_sets.replace(found, read(file), keep=keep)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{questions} questions, {entries} expected entries")


def read(file: str) -> list[golden_sets.Judgment]:
    if file == "-":
        return golden_sets.read(sys.stdin, "jsonl")
    kind = Path(file).suffix.lower().removeprefix(".")
    if kind not in ("csv", "jsonl"):
        raise CommandError("The name of the file must end in .csv or .jsonl.")
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as lines:
            return golden_sets.read(lines, kind)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
