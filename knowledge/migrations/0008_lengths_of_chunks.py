from django.db import migrations, models

# The number of different terms stands in for the number of all, until a chunk is written again.
LENGTHS = """
    SET LOCAL statement_timeout = 0;
    UPDATE knowledge_chunkterms SET length = cardinality(terms);
    UPDATE knowledge_languagestatistic AS known SET term_count = counted.terms
    FROM (
        SELECT account_id, collection_id, language, sum(length) AS terms FROM knowledge_chunkterms GROUP BY 1, 2, 3
    ) AS counted
    WHERE known.account_id = counted.account_id AND known.collection_id = counted.collection_id
      AND known.language = counted.language;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("knowledge", "0007_words_of_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="chunkterms",
            name="length",
            field=models.PositiveIntegerField(
                default=0, help_text="In terms, repetitions included; 0 where not known."
            ),
        ),
        migrations.AddField(
            model_name="languagestatistic",
            name="term_count",
            field=models.BigIntegerField(default=0),
        ),
        migrations.RunSQL(LENGTHS, migrations.RunSQL.noop, elidable=True),
    ]
