import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('accounts', '0004_own_models_only'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='account',
            index=models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), 'text_pattern_ops'), name='account_by_name'),
        ),
        AddIndexConcurrently(
            model_name='apitoken',
            index=models.Index(fields=['last_four'], name='api_token_ends'),
        ),
        AddIndexConcurrently(
            model_name='auditevent',
            index=models.Index(fields=['action', '-created_at'], name='audit_by_action'),
        ),
        AddIndexConcurrently(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('address', ''), _negated=True), fields=['address'], name='audit_by_address'),
        ),
        AddIndexConcurrently(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='audit_by_request'),
        ),
        AddIndexConcurrently(
            model_name='user',
            index=models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('full_name'), 'text_pattern_ops'), name='user_by_name'),
        ),
    ]
