import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently, TrigramExtension
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("knowledge", "0008_lengths_of_chunks"),
    ]

    operations = [
        TrigramExtension(),
        AddIndexConcurrently(
            "document",
            models.Index(fields=["account", "status", "-created_at", "-id"], name="document_by_status"),
        ),
        AddIndexConcurrently(
            "document",
            models.Index(fields=["account", "collection", "-created_at", "-id"], name="document_by_collection"),
        ),
        AddIndexConcurrently(
            "document",
            django.contrib.postgres.indexes.GinIndex(
                models.F("account"),
                django.contrib.postgres.indexes.OpClass(Upper("filename"), name="gin_trgm_ops"),
                fastupdate=False,
                name="document_name_gin",
            ),
        ),
        AddIndexConcurrently(
            "ingestionjob",
            models.Index(
                condition=models.Q(("status__in", ["waiting", "running", "failed"])),
                fields=["account", "status"],
                name="ingestion_job_open",
            ),
        ),
    ]
