"""Sending mail. What is to be sent is a row first, written in the transaction of what it tells about.

A worker claims the row for a while by the database's clock, sends, and deletes it. A mail may arrive twice if a
worker dies between the two (both have the same Message-ID), but none is lost, not even when the broker is.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from smtplib import SMTPResponseException
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import translation

from accounts.models import OutgoingMail
from accounts.preferences import language_of
from doculume import hints
from doculume.crypto import decrypt, encrypt
from doculume.errors import InvalidRequest

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)  # longer than EMAIL_TIMEOUT lets a conversation with a mail server last
MAX_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 15
LONGEST_WAIT_SECONDS = 3600
KEPT_AFTER_FAILURE = timedelta(days=30)
HINTS_A_SWEEP = 100
LONGEST_ADDRESS = 254
# A mail to nobody is queued, claimed and thrown away like any other, so that nothing shows that there was none to send.
NOBODY = "nobody@nowhere.invalid"
CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")


class MailRefused(InvalidRequest):
    """An address or a subject that would not stay in its header."""

    message = "This cannot be sent by mail."


def queue(to: str, subject: str, text: str, *, html: str = "", reply_to: str = "") -> OutgoingMail:
    """Accept a mail, in the caller's transaction. Raises `MailRefused`; there is no other way to fail."""
    _check_address(to)
    if reply_to:
        _check_address(reply_to)
    if CONTROL.search(subject):
        raise MailRefused("A subject is one line.")
    content = json.dumps({"text": text, "html": html, "reply_to": reply_to})
    mail = OutgoingMail.objects.create(to=to, subject=subject[:300], content=encrypt(content))
    hint(mail.id)
    return mail


def write(to: str, template: str, context: dict[str, Any], *, reply_to: str = "") -> OutgoingMail:
    """Queue what the templates `<template>_subject.txt` and `<template>_message.txt` say, in the recipient's language.

    Who is not known here, or never chose one, is written to in that of the request.
    """
    with translation.override(language_of(to) or translation.get_language()):
        subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
        text = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    return queue(to, CONTROL.sub(" ", subject), text, reply_to=reply_to)


def hint(mail_id: UUID) -> None:
    """Tell a worker that the mail is there, once the row is. A hint that gets lost is made up for by the sweep."""
    from accounts.tasks import deliver_mail

    hints.hint(deliver_mail, str(mail_id))


def claim(mail_id: UUID) -> OutgoingMail | None:
    """The mail, leased to the caller and its attempt counted; None when it is not due, being sent, or gone."""
    claimed = due().filter(id=mail_id, attempts__lt=MAX_ATTEMPTS)
    if not claimed.update(attempts=F("attempts") + 1, lease_expires_at=Now() + LEASE):
        return None
    return OutgoingMail.objects.filter(id=mail_id).first()


def due() -> QuerySet[OutgoingMail]:
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    return OutgoingMail.objects.filter(free, failed_at=None, next_attempt_at__lte=Now())


def deliver(mail: OutgoingMail) -> None:
    """Send what was claimed and forget it, or put it off."""
    try:
        if mail.to != NOBODY:
            _message(mail).send()
    except Exception as error:  # mail servers fail in all ways there are
        _put_off(mail, error)
    else:
        _own(mail).delete()


def sweep() -> None:
    """Hint again at what is due, give up what ran out of attempts, forget what was given up long ago."""
    due().filter(attempts__gte=MAX_ATTEMPTS).update(failed_at=Now(), last_error="no worker survived it")
    OutgoingMail.objects.filter(failed_at__lt=Now() - KEPT_AFTER_FAILURE).delete()
    for mail_id in due().order_by("next_attempt_at").values_list("id", flat=True)[:HINTS_A_SWEEP]:
        hint(mail_id)


def _message(mail: OutgoingMail) -> EmailMultiAlternatives:
    content = json.loads(decrypt(mail.content))
    message = EmailMultiAlternatives(
        mail.subject,
        content["text"],
        settings.DEFAULT_FROM_EMAIL,
        [mail.to],
        reply_to=[content["reply_to"]] if content["reply_to"] else None,
        headers={"Message-ID": f"<{mail.id}@{_domain()}>", "Auto-Submitted": "auto-generated"},
    )
    if content["html"]:
        message.attach_alternative(content["html"], "text/html")
    return message


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"


def _put_off(mail: OutgoingMail, error: Exception) -> None:
    """Neither the log nor the row gets more than the kind of error: servers quote addresses and content in theirs."""
    code = f" {error.smtp_code}" if isinstance(error, SMTPResponseException) else ""
    reason = f"{type(error).__name__}{code}"
    log.warning("mail %s was not sent at attempt %d: %s", mail.id, mail.attempts, reason)
    wait = min(2**mail.attempts * FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
    given_up = {"failed_at": Now()} if mail.attempts >= MAX_ATTEMPTS else {}
    _own(mail).update(
        lease_expires_at=None, next_attempt_at=Now() + timedelta(seconds=wait), last_error=reason, **given_up
    )


def _own(mail: OutgoingMail) -> QuerySet[OutgoingMail]:
    """The row while this claim is the latest: whoever stalled for longer than a lease must not touch the next one's."""
    return OutgoingMail.objects.filter(id=mail.id, attempts=mail.attempts)


def _check_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise MailRefused("That is no e-mail address.") from error
    if CONTROL.search(address) or len(address) > LONGEST_ADDRESS:
        raise MailRefused("That is no e-mail address.")
