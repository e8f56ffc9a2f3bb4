import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0005_found_by_staff"),
        ("integrations", "0004_found_by_staff"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="integrationevent",
            index=models.Index(fields=["account", "event_type", "-created_at"], name="integration_event_of_account"),
        ),
        AddIndexConcurrently(
            model_name="integrationevent",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("message_id", "meta"),
                condition=models.Q(("event_type__in", ["thumbs_up", "thumbs_down"])),
                name="integration_event_thumb",
            ),
        ),
    ]
