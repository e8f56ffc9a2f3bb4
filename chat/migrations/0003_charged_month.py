from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0002_conversation_age'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='charged_month',
            field=models.DateField(blank=True, editable=False, help_text='The month whose answers it counts among; empty: in none.', null=True),
        ),
    ]
