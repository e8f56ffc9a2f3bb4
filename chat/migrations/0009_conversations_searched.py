"""What was said, and titles, as they are searched: without case, accents and marks between words.

The column is the database's own: it is filled by a trigger, whoever writes, and never read into a message. What is
still being written is not indexed, so that saving it each second costs nothing more.
"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# `chat.finding.fold` does the same to what is looked for.
FOLDED = r"""
CREATE OR REPLACE FUNCTION chat_folded(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT regexp_replace(
    ' ' || regexp_replace(
        normalize(
            replace(translate(lower(regexp_replace(normalize(said, NFKD), '[\u0300-\u036f]+', '', 'g')), 'ςı', 'σi'),
                'ß', 'ss'),
            NFKC),
        '([\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g') || ' ',
    '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff!"''()*,;<=>?\[\]^`{|}~«»„“”‘’…]+',
    ' ', 'g')
$$
"""
FILLED = """
CREATE OR REPLACE FUNCTION chat_message_folds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.folded := chat_folded(NEW.content);
    RETURN NEW;
END
$$
"""
TRIGGER = """
CREATE TRIGGER chat_message_folded BEFORE INSERT OR UPDATE OF content, status ON chat_message
FOR EACH ROW WHEN (NEW.status <> 'writing') EXECUTE FUNCTION chat_message_folds()
"""
# Little of what is new waits to be sorted in, so that neither who searches nor who sorts it in waits long.
GIN = "WITH (fastupdate = on, gin_pending_list_limit = 256)"
INDEXES = {
    "chat_message_said": f"chat_message USING gin (account_id, folded gin_trgm_ops) {GIN}",
    "conversation_title_said": f"chat_conversation USING gin (account_id, chat_folded(title) gin_trgm_ops) {GIN}",
}
SOME = """
UPDATE chat_message SET folded = chat_folded(content)
WHERE id IN (
    SELECT id FROM chat_message WHERE id > %s AND folded IS NULL AND status <> 'writing' ORDER BY id LIMIT 2000
)
RETURNING id
"""


def fold_what_was_said(apps: Any, schema_editor: Any) -> None:
    """A few thousand at a time, so that nobody who writes waits."""
    last = "00000000-0000-0000-0000-000000000000"
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(SOME, [last])
            if not (rows := cursor.fetchall()):
                return
            last = max(row[0] for row in rows)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0008_asked_questions"),
        # Makes the extensions.
        ("knowledge", "0009_documents_by_state"),
    ]

    operations = [
        migrations.RunSQL(FOLDED, "DROP FUNCTION IF EXISTS chat_folded(text)"),
        migrations.RunSQL(
            "ALTER TABLE chat_message ADD COLUMN IF NOT EXISTS folded text",
            "ALTER TABLE chat_message DROP COLUMN IF EXISTS folded",
        ),
        migrations.RunSQL(FILLED, "DROP FUNCTION IF EXISTS chat_message_folds()"),
        migrations.RunSQL(
            ["DROP TRIGGER IF EXISTS chat_message_folded ON chat_message", TRIGGER],
            "DROP TRIGGER IF EXISTS chat_message_folded ON chat_message",
        ),
        migrations.RunPython(fold_what_was_said, migrations.RunPython.noop),
        *(
            migrations.RunSQL(
                [f"DROP INDEX CONCURRENTLY IF EXISTS {name}", f"CREATE INDEX CONCURRENTLY {name} ON {what}"],
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            )
            for name, what in INDEXES.items()
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(("reason", "no_relevant_results"), ("status", "interrupted"), _connector="OR"),
                fields=["account", "conversation"],
                name="message_without_answer",
            ),
        ),
    ]
