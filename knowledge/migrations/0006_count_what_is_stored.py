"""Counts what accounts hold from before it was counted; see `accounts.usage`. Later on `recount_usage` does this."""

from django.db import migrations

COUNT = """
    INSERT INTO accounts_storedusage (account_id, entries, stored_bytes)
    SELECT account.id, coalesce(entry.entries, 0), coalesce(entry.bytes, 0) + coalesce(document.bytes, 0)
    FROM accounts_account AS account
    LEFT JOIN (
        SELECT account_id, count(*) AS entries, sum(octet_length(raw_text))::bigint AS bytes
        FROM knowledge_entry GROUP BY account_id
    ) AS entry ON entry.account_id = account.id
    LEFT JOIN (
        SELECT account_id, sum(file_size)::bigint AS bytes FROM knowledge_document GROUP BY account_id
    ) AS document ON document.account_id = account.id
    WHERE entry.entries > 0 OR document.bytes > 0
    ON CONFLICT (account_id) DO UPDATE SET entries = excluded.entries, stored_bytes = excluded.stored_bytes
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_deletion"),
        ("knowledge", "0005_golden_sets"),
    ]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
