"""Mail about what somebody handed in, for those who want such news (`UserSettings.notifications_enabled`).

Queued in the transaction in which it happens, so that it is told if it happened and not otherwise.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.urls import reverse
from redis.exceptions import RedisError

from accounts import mail
from accounts.links import AddressUnknown, absolute
from accounts.models import Membership, User, UserSettings
from knowledge.models import Document, EntryImport

log = logging.getLogger(__name__)

# Who drops two hundred scans gets one mail, which leads to the list of all that failed.
PAUSE = timedelta(hours=1)


def could_not_read(document: Document) -> None:
    """To who uploaded it; at most one such mail each hour for a person and an account."""
    user = _reader(document.uploaded_by, document.account_id)
    if user is None or not _is_first(f"news:failed:{document.account_id}:{user.pk}"):
        return
    link = _link(f"{reverse('documents')}?account={document.account_id}&state=failed")
    mail.write(user.email, "knowledge/mail/not_read", {"document": document, "link": link} | _about(user))


def import_ended(job: EntryImport) -> None:
    """To who started it: what came of it."""
    if user := _reader(job.made_by, job.account_id):
        path = reverse("entry-import", kwargs={"collection": job.collection_id, "pk": job.pk})
        link = _link(f"{path}?account={job.account_id}")
        mail.write(user.email, "knowledge/mail/import_ended", {"job": job, "link": link} | _about(user))


def _reader(user: User | None, account_id: int) -> User | None:
    """`user`, if they still belong to the account and want to be told."""
    if user is None or not Membership.objects.filter(account_id=account_id, user=user, user__deleted_at=None).exists():
        return None
    unwanted = UserSettings.objects.filter(user=user, notifications_enabled=False)
    return None if unwanted.exists() else user


def _is_first(key: str) -> bool:
    try:
        return bool(cache.add(key, 1, PAUSE.total_seconds()))
    except RedisError:
        log.warning("nobody is told that a document could not be read: the cache is away")
        return False


def _about(user: User) -> dict[str, Any]:
    return {"user": user, "settings_link": _link(reverse("account-profile"))}


def _link(path: str) -> str:
    """Empty where nobody said what this site is called: a worker has no request to learn it from."""
    try:
        return absolute(path)
    except AddressUnknown:
        return ""
