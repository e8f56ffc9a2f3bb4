from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0005_found_by_staff"),
        ("chat", "0010_conversations_of_visitors"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="askedquestion",
            index=models.Index(
                fields=["account", "created_at"],
                include=("outcome", "total_ms", "integration_id"),
                name="asked_question_counted",
            ),
        ),
    ]
