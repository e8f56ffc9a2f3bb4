"""What must be true of any commit: migrations match the models, and the schema describes the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


def test_the_openapi_schema_is_valid_and_complete(tmp_path: Path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
    assert "/api/v1/documents/upload" in (tmp_path / "schema.yaml").read_text()
