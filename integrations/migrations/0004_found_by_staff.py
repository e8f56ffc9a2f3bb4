from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('accounts', '0005_found_by_staff'),
        ('integrations', '0003_requires_identity'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='chatbotkey',
            index=models.Index(fields=['last_four'], name='chatbot_key_ends'),
        ),
    ]
