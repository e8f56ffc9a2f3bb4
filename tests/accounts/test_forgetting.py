from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from accounts.models import TokenFamily
from accounts.tasks import forget_expired_sign_ins
from accounts.tokens import start_family


@pytest.mark.django_db
def test_sign_ins_that_ran_out_are_forgotten_and_others_stay(alice, charlie):
    start_family(alice)
    TokenFamily.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    start_family(charlie)
    forget_expired_sign_ins()
    assert [family.user for family in TokenFamily.objects.all()] == [charlie]


def test_every_sweep_that_workers_ask_for_is_a_task():
    current_app.loader.import_default_modules()
    assert set(settings.SWEEPS) <= set(current_app.tasks)
