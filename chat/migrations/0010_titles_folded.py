"""Titles folded beside them, as what was said is: folding each that may fit takes longer than looking for it."""

from typing import Any

from django.db import migrations

FILLED = """
CREATE OR REPLACE FUNCTION chat_title_folds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.folded := chat_folded(NEW.title);
    RETURN NEW;
END
$$
"""
TRIGGER = """
CREATE TRIGGER chat_title_folded BEFORE INSERT OR UPDATE OF title ON chat_conversation
FOR EACH ROW EXECUTE FUNCTION chat_title_folds()
"""
NO_TRIGGER = "DROP TRIGGER IF EXISTS chat_title_folded ON chat_conversation"
SOME = """
UPDATE chat_conversation SET folded = chat_folded(title)
WHERE id IN (SELECT id FROM chat_conversation WHERE id > %s AND folded IS NULL ORDER BY id LIMIT 2000)
RETURNING id
"""
INDEX = """
CREATE INDEX CONCURRENTLY conversation_title_folded ON chat_conversation USING gin (account_id, folded gin_trgm_ops)
WITH (fastupdate = on, gin_pending_list_limit = 256)
"""


def fold_titles(apps: Any, schema_editor: Any) -> None:
    last = "00000000-0000-0000-0000-000000000000"
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(SOME, [last])
            if not (rows := cursor.fetchall()):
                return
            last = max(row[0] for row in rows)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0009_conversations_searched")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE chat_conversation ADD COLUMN IF NOT EXISTS folded text",
            "ALTER TABLE chat_conversation DROP COLUMN IF EXISTS folded",
        ),
        migrations.RunSQL(FILLED, "DROP FUNCTION IF EXISTS chat_title_folds()"),
        migrations.RunSQL([NO_TRIGGER, TRIGGER], NO_TRIGGER),
        migrations.RunPython(fold_titles, migrations.RunPython.noop),
        migrations.RunSQL(
            ["DROP INDEX CONCURRENTLY IF EXISTS conversation_title_folded", INDEX],
            "DROP INDEX CONCURRENTLY IF EXISTS conversation_title_folded",
        ),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS conversation_title_said", migrations.RunSQL.noop),
    ]
