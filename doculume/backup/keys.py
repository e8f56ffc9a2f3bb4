"""Whether the keys of this installation are those that a backup was made under, without having them in it."""

from __future__ import annotations

from django.conf import settings

from doculume.backup.archive import DamagedArchive, End, Header
from doculume.crypto import UnreadableSecret, decrypt, digest, encrypt, encrypted_under
from doculume.errors import DoculumeError

PROOF = "what is backed up here"


class OtherKeys(DoculumeError):
    """What the backup holds could not be read here."""

    code = "other_keys"
    status_code = 409
    message = "The backup was made under other keys."


def proofs() -> list[str]:
    """One for each key that secrets may be encrypted under, the current one first."""
    return [encrypted_under(key, PROOF) for key in settings.ENCRYPTION_KEYS]


def proof_of_secret() -> str:
    return digest(PROOF, purpose="backup")


def sealed(checksum: str) -> str:
    return encrypt(checksum)


def require_same(header: Header) -> None:
    """Raises OtherKeys."""
    if not header.encryption or not _reads(header.encryption[0]):
        raise OtherKeys(
            "The backup was made under another ENCRYPTION_KEY, without which the secrets in it cannot be read: keys of "
            "models, second factors. Set that key (as ENCRYPTION_KEY, or in ENCRYPTION_KEYS_OLD)."
        )
    if header.secret != proof_of_secret():
        raise OtherKeys(
            "The backup was made under another SECRET_KEY, without which API tokens and chatbot keys are not known "
            "again. Set that key."
        )


def unreadable(header: Header) -> int:
    """How many of the old keys that were configured then are not here now."""
    return sum(not _reads(proof) for proof in header.encryption[1:])


def require_seal(end: End) -> None:
    """Raises DamagedArchive if the archive was changed by somebody who has not the key, checksum and all."""
    try:
        if decrypt(end.seal) == end.checksum:
            return
    except UnreadableSecret:
        pass
    raise DamagedArchive("The backup is not as it was written: its seal was not made with your key.")


def _reads(proof: str) -> bool:
    try:
        return decrypt(proof) == PROOF
    except UnreadableSecret:
        return False
