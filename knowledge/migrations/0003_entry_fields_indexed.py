import django.contrib.postgres.indexes
from django.contrib.postgres.operations import BtreeGinExtension
from django.db import migrations, models

COUNT_CHUNKS = """
    SET LOCAL statement_timeout = 0;
    UPDATE knowledge_entry AS entry SET chunk_count = counted.chunks
    FROM (SELECT account_id, entry_id, count(*) AS chunks FROM knowledge_chunkterms GROUP BY 1, 2) AS counted
    WHERE entry.account_id = counted.account_id AND entry.id = counted.entry_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("knowledge", "0002_entries_without_source"),
    ]

    operations = [
        BtreeGinExtension(),
        migrations.AddField(
            model_name="entry",
            name="chunk_count",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunSQL(COUNT_CHUNKS, migrations.RunSQL.noop, elidable=True),
        migrations.AddIndex(
            model_name="entry",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("account"),
                django.contrib.postgres.indexes.OpClass("meta", name="jsonb_path_ops"),
                django.contrib.postgres.indexes.OpClass("searchable_meta", name="jsonb_path_ops"),
                fastupdate=False,
                name="entry_meta_gin",
            ),
        ),
    ]
