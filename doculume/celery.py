"""The Celery application. Messages are hints: what must be done stands in `knowledge.IngestionJob` rows."""

from __future__ import annotations

import os

from celery import Celery

from doculume import rhythm  # noqa: F401 (connects Celery's signals)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

app = Celery("doculume")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
