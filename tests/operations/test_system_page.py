"""The page about the system, also while something is down."""

from __future__ import annotations

import threading
import time

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from accounts.models import OutgoingMail, UserSettings
from doculume import heartbeats
from doculume.operations import system
from doculume.tasks import canary
from knowledge import looking_over, tasks
from knowledge.models import Chunk, Document
from tests.operations.conftest import browser_of, staff_member

pytestmark = pytest.mark.django_db

PAGE, WORKERS, INVARIANTS = "admin:system", "admin:system-workers", "admin:system-invariants"


@pytest.fixture
def no_redis(settings):
    """Nothing listens there."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_it_tells_what_the_deployment_runs_on(root, settings):
    shown = root.get(reverse(PAGE)).content.decode()
    for word in ("PostgreSQL", "pgvector", "0.8", "Django", "5.2", "Python", "Valkey", system.product_version()):
        assert word in shown, word
    assert settings.SECRET_KEY not in shown
    assert ">trouble<" not in shown


def test_an_address_is_shown_without_its_password(settings):
    place = system._place({"HOST": "db", "PORT": 5432, "NAME": "doculume", "USER": "u", "PASSWORD": "open-sesame"})
    assert place == "db:5432/doculume"


def test_it_stands_while_redis_is_down(root, no_redis):
    started = time.monotonic()
    page = root.get(reverse(PAGE))
    assert time.monotonic() - started < 5
    assert page.status_code == 200
    parts = {part.name: part for part in page.context["parts"]}
    assert "Not to be reached" in parts["Redis"].trouble
    assert "127.0.0.1:1" not in parts["Redis"].trouble
    assert parts["Database"].is_well
    workers = root.get(reverse(WORKERS))
    assert workers.status_code == 200
    assert "Redis is not to be reached" in workers.content.decode()


def test_it_says_that_no_worker_took_the_canaries(root):
    started = time.monotonic()
    answer = root.get(reverse(WORKERS))
    assert 1.5 < time.monotonic() - started < 6
    assert answer.content.decode().count("nothing came back within 2 s") == len(system.QUEUES)


def test_a_canary_that_a_worker_took_is_back_with_its_time(monkeypatch):
    """The broker is left out; what the worker does is done, in a thread of its own."""

    def take(arguments, queue, **options):
        threading.Thread(target=canary.run, args=arguments).start()

    monkeypatch.setattr(canary, "apply_async", take)
    found = heartbeats.send_canaries(["ingestion", "mail"])
    assert [one.queue for one in found] == ["ingestion", "mail"]
    assert all(0 < one.milliseconds < 2000 for one in found)


def test_a_worker_that_lives_is_heard_of():
    before = timezone.now()
    heartbeats.beat("doculume-1@here")
    assert heartbeats.last_heard_of()["doculume-1@here"] >= before.replace(microsecond=0)


def test_what_waits_too_long_and_what_was_given_up_is_trouble(root, filled):
    parts = {part.name: part for part in root.get(reverse(PAGE)).context["parts"]}
    assert parts["Mail"].facts["Given up"] == "1"
    assert "given up" in parts["Mail"].trouble
    OutgoingMail.objects.all().delete()
    parts = {part.name: part for part in root.get(reverse(PAGE)).context["parts"]}
    assert parts["Mail"].is_well
    assert parts["Work that waits"].facts["Jobs waiting"] == "1"


def test_a_look_finds_what_does_not_hold_and_what_it_found_is_shown(root, filled, monkeypatch):
    Document.objects.filter(status="ready").update(chunk_count=99)
    monkeypatch.setattr(tasks.look_over, "apply_async", lambda **options: None)
    page = root.post(reverse(INVARIANTS), follow=True).content.decode()
    assert "No worker has begun yet" in page
    tasks.look_over()
    page = root.get(reverse(PAGE)).content.decode()
    assert "ready documents that miscount their chunks" in page
    assert "something does not hold" in page
    Document.objects.filter(status="ready").update(chunk_count=Chunk.objects.count())
    tasks.look_over()
    found = looking_over.last()
    assert found["state"] == "done"
    assert "miscount" not in str(found["found"])


def test_looking_over_is_asked_for_by_who_may_change_settings_alone(root, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.look_over, "apply_async", lambda **options: asked.append(options))
    onlooker = staff_member("onlooker")
    onlooker.user_permissions.set(Permission.objects.filter(codename="view_sitesettings"))
    browser = browser_of(onlooker)
    assert b"Look everything over" not in browser.get(reverse(PAGE)).content
    assert browser.post(reverse(INVARIANTS)).status_code == 403
    assert asked == []
    assert cache.get(looking_over.KEY) is None
    assert b"Look everything over" in root.get(reverse(PAGE)).content
    root.post(reverse(INVARIANTS))
    assert len(asked) == 1


def test_the_admin_is_in_english_as_a_whole_and_other_pages_stay_as_they_were(db):
    who = staff_member("german", is_superuser=True)
    UserSettings.objects.update_or_create(user=who, defaults={"language": "de"})
    browser = browser_of(who)
    for _ in range(2):
        inside = browser.get(reverse("admin:accounts_user_changelist"))
        assert '<html lang="en"' in inside.content.decode()
        assert "Abmelden" not in inside.content.decode()
        assert '<html lang="de"' in browser.get("/account/security").content.decode()


def test_only_below_the_admin_are_scripts_made_of_texts(root):
    inside = root.get(reverse("admin:index")).headers["Content-Security-Policy"]
    assert "'unsafe-eval'" in inside
    assert "script-src 'self' 'unsafe-eval'" in inside
    outside = root.get("/account/security").headers["Content-Security-Policy"]
    assert "unsafe" not in outside
