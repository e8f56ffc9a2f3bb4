from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core import mail as outbox
from django.core.mail.backends import locmem
from django.db import connection, transaction
from django.utils import timezone

from accounts import mail
from accounts.mail import MailRefused
from accounts.models import OutgoingMail
from accounts.tasks import deliver_mail, sweep_mail

pytestmark = pytest.mark.django_db

SECRET = "https://example.com/let-me-in"


@pytest.fixture
def hints(monkeypatch):
    sent = []
    monkeypatch.setattr(deliver_mail, "apply_async", lambda args, **_: sent.append(args))
    return sent


@pytest.fixture
def broken_server(monkeypatch):
    """A mail server that refuses everything and quotes what it was sent."""

    def refuse(self, messages):
        raise smtplib.SMTPDataError(554, f"no thanks: {messages[0].body}".encode())

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuse)


def make_due(**changes):
    OutgoingMail.objects.update(**{"next_attempt_at": timezone.now() - timedelta(seconds=1), **changes})


def test_a_mail_is_sent_as_written_and_forgotten(settings):
    settings.DEFAULT_FROM_EMAIL = "DocuLume <docs@example.org>"
    row = mail.queue("a@example.com", "Hello", f"Go to {SECRET}", html="<p>Hi</p>", reply_to="b@example.com")
    deliver_mail(str(row.id))
    [sent] = outbox.outbox
    assert (sent.to, sent.subject, sent.body) == (["a@example.com"], "Hello", f"Go to {SECRET}")
    assert sent.from_email == "DocuLume <docs@example.org>"
    assert sent.reply_to == ["b@example.com"]
    assert sent.alternatives[0].content == "<p>Hi</p>"
    assert sent.message()["Message-ID"] == f"<{row.id}@example.org>"
    assert not OutgoingMail.objects.exists()
    deliver_mail(str(row.id))
    assert len(outbox.outbox) == 1


def test_what_lies_in_the_queue_cannot_be_read(hints):
    mail.queue("a@example.com", "Hello", SECRET, html=SECRET)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(accounts_outgoingmail)::text FROM accounts_outgoingmail")
        assert SECRET not in cursor.fetchone()[0]


@pytest.mark.parametrize("breaking", ["\n", "\r", "\r\nBcc: all@example.com", "\x00", "\x0b", "\u2028", "\x85"])
def test_a_header_cannot_be_broken_out_of(breaking):
    for to, subject, reply_to in [
        (f"a@example.com{breaking}", "Hello", ""),
        ("a@example.com", f"Hello{breaking}", ""),
        ("a@example.com", "Hello", f"b@example.com{breaking}"),
    ]:
        with pytest.raises(MailRefused):
            mail.queue(to, subject, "text", reply_to=reply_to)
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize("address", ["", "nobody", "a@example.com,b@example.com", f"{'x' * 250}@example.com"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(MailRefused):
        mail.queue(address, "Hello", "text")


@pytest.mark.django_db(transaction=True)
def test_it_goes_out_with_the_transaction_and_not_before(hints):
    with transaction.atomic():
        row = mail.queue("a@example.com", "Hello", "text")
        assert hints == []
    assert hints == [(str(row.id),)]
    with transaction.atomic():
        mail.queue("a@example.com", "Never", "text")
        transaction.set_rollback(True)
    assert len(hints) == OutgoingMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_loses_nothing(monkeypatch):
    def refuse(*_, **__):
        raise OSError("away")

    monkeypatch.setattr(deliver_mail, "apply_async", refuse)
    row = mail.queue("a@example.com", "Hello", "text")
    sent = []
    monkeypatch.setattr(deliver_mail, "apply_async", lambda args, **_: sent.append(args))
    sweep_mail()
    assert sent == [(str(row.id),)]
    deliver_mail(*sent[0])
    assert [one.subject for one in outbox.outbox] == ["Hello"]


def test_failures_are_tried_again_with_growing_pauses_and_then_given_up(broken_server, caplog):
    row = mail.queue("a@example.com", "Hello", SECRET)
    pauses = []
    for _ in range(mail.MAX_ATTEMPTS):
        make_due()
        began = timezone.now()
        deliver_mail(str(row.id))
        row.refresh_from_db()
        pauses.append(round((row.next_attempt_at - began).total_seconds()))
        assert row.lease_expires_at is None
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert row.failed_at is not None
    assert row.last_error == "SMTPDataError 554"
    assert SECRET not in caplog.text
    make_due()
    deliver_mail(str(row.id))
    row.refresh_from_db()
    assert row.attempts == mail.MAX_ATTEMPTS


def test_not_before_its_time(hints):
    row = mail.queue("a@example.com", "Hello", "text")
    OutgoingMail.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    deliver_mail(str(row.id))
    assert not outbox.outbox


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends(hints):
    row = mail.queue("a@example.com", "Hello", "text")
    barrier = Barrier(8)

    def work():
        try:
            barrier.wait(10)
            return mail.claim(row.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claims = [each.result() for each in [pool.submit(work) for _ in range(8)]]
    assert len([claim for claim in claims if claim]) == 1


def test_a_worker_that_died_is_followed_by_another(hints):
    row = mail.queue("a@example.com", "Hello", "text")
    dead = mail.claim(row.id)
    assert mail.claim(row.id) is None
    OutgoingMail.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    living = mail.claim(row.id)
    # The one that was taken for dead comes back, and must not touch what is another's now.
    mail._put_off(dead, RuntimeError())
    row.refresh_from_db()
    assert row.lease_expires_at is not None
    mail.deliver(living)
    assert not OutgoingMail.objects.exists()


def test_the_sweep_gives_up_what_kills_workers_and_forgets_what_was_given_up_long_ago(hints):
    row = mail.queue("a@example.com", "Hello", "text")
    make_due(attempts=mail.MAX_ATTEMPTS, lease_expires_at=timezone.now() - timedelta(seconds=1))
    sweep_mail()
    row.refresh_from_db()
    assert row.failed_at is not None
    OutgoingMail.objects.update(failed_at=timezone.now() - mail.KEPT_AFTER_FAILURE - timedelta(hours=1))
    sweep_mail()
    assert not OutgoingMail.objects.exists()


def test_a_mail_to_nobody_is_thrown_away(hints):
    row = mail.queue(mail.NOBODY, "Hello", "text")
    deliver_mail(str(row.id))
    assert not outbox.outbox
    assert not OutgoingMail.objects.exists()


def test_its_task_has_a_queue_of_its_own(settings):
    assert settings.CELERY_TASK_ROUTES["accounts.tasks.deliver_mail"] == {"queue": "mail"}
    assert "accounts.tasks.sweep_mail" in settings.SWEEPS
