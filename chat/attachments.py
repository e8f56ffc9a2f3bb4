"""Files that belong to messages: taking them in, and letting them go."""

from __future__ import annotations

import logging
from uuid import UUID

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.template.defaultfilters import filesizeformat

from accounts.erasure import raw_delete
from accounts.models import Account, SiteSettings, User
from accounts.usage import charge, give_back, refuse_if_full
from chat.models import Attachment, Conversation, Message
from doculume.errors import NotFound, PayloadTooLarge
from doculume.sentences import Sentence
from knowledge.filenames import safe_filename

log = logging.getLogger(__name__)


def upload(
    account: Account, user: User, message_id: UUID, file: UploadedFile, *, name: str, file_type: str
) -> Attachment:
    """Keep a file with a message; when this returns, no single crash can lose it.

    Raises NotFound for a message that is not in one of the user's own conversations, PayloadTooLarge and
    QuotaExceeded; then nothing is kept.
    """
    message = message_of(account, user, message_id)
    limit, size = SiteSettings.objects.current().upload_limit, file.size or 0
    if size > limit:
        raise PayloadTooLarge(Sentence("The file is larger than %(most)s.", most=filesizeformat(limit)))
    refuse_if_full(account, stored_bytes=size)
    attachment = Attachment(
        account=account, message=message, file_type=file_type, file_name=safe_filename(name), file_size=size
    )
    attachment.file_path = str(attachment.id)
    attachment.file.save(attachment.file_name, file, save=False)
    try:
        with transaction.atomic():
            _hold(account, user, message)
            attachment.save(force_insert=True)
            charge(account, stored_bytes=size)
    except BaseException:
        attachment.file.delete(save=False)
        raise
    return attachment


@transaction.atomic
def name(account: Account, user: User, message_id: UUID, *, file_path: str, file_type: str) -> Attachment:
    """Note that a file of the account's own storage belongs to a message, whether it is there yet or not.

    Raises NotFound as `upload` does.
    """
    message = message_of(account, user, message_id)
    _hold(account, user, message)
    shown = safe_filename(file_path)
    return Attachment.objects.create(
        account=account, message=message, file_type=file_type, file_path=file_path, file_name=shown
    )


def message_of(account: Account, user: User, message_id: UUID) -> Message:
    """Raises NotFound for a message that is not in one of the user's own conversations."""
    own = Message.objects.filter(account=account, conversation__account=account, conversation__user=user)
    message = own.filter(id=message_id).first()
    if message is None:
        raise NotFound
    return message


def _hold(account: Account, user: User, message: Message) -> None:
    """The conversation, as whoever deletes it does: nothing is attached to what goes in this moment."""
    own = Conversation.objects.for_account(account).of(user).select_for_update()
    if own.filter(id=message.conversation_id).values_list("id").first() is None:
        raise NotFound


def delete(account_id: int, attachments: QuerySet[Attachment]) -> None:
    """Rows now, in the caller's transaction, and files when it ends; what they took of the plan is free again."""
    files = [file for file in attachments.values_list("file", flat=True) if file]
    _forget(account_id, attachments)
    transaction.on_commit(lambda: [_delete_file(file) for file in files] and None)


def delete_files_first(account_id: int, attachments: QuerySet[Attachment]) -> None:
    """So that no crash leaves a file that nobody knows of. Where the storage does not let a file go, its row stays."""
    gone = [ident for ident, file in attachments.values_list("id", "file") if not file or _delete_file(file)]
    _forget(account_id, Attachment.objects.filter(account_id=account_id, id__in=gone))


def _forget(account_id: int, attachments: QuerySet[Attachment]) -> None:
    size = attachments.order_by().aggregate(size=Sum("file_size"))["size"] or 0
    raw_delete(attachments.order_by())
    if size:
        give_back(account_id, stored_bytes=size)


def _delete_file(key: str) -> bool:
    try:
        default_storage.delete(key)
    except Exception:  # whatever a storage raises
        log.exception("the attached file %s could not be removed", key)
        return False
    return True


def bytes_held(account_id: int) -> int:
    """What is attached in the account."""
    return Attachment.objects.filter(account_id=account_id).aggregate(size=Sum("file_size"))["size"] or 0
