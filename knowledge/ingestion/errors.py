"""Why a document could not be taken in. The codes are stable: clients and support read them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from doculume.errors import DoculumeError

# code: (what people read, whether trying again is pointless as long as the file stays the same)
REASONS: dict[str, tuple[str, bool]] = {
    "empty_file": (_("The file is empty."), True),
    "encrypted": (_("The file is protected by a password. Remove the protection and upload it again."), True),
    "unsupported_type": (_("This kind of file is not supported."), True),
    "corrupt": (_("The file is damaged or not what its name says. Open and save it again, then upload it."), True),
    "too_large": (_("The file's content is too large to be read. Split it into smaller files."), True),
    "no_text": (_("No text was found in the file. If it is a scan, run text recognition (OCR) on it first."), True),
    "timeout": (_("Reading the file took too long. Try again, or split it into smaller files."), False),
    "parser_crashed": (_("The file could not be read. Save it again or in another format, then upload it."), False),
    "provider_unavailable": (_("The embedding provider did not answer. The document can be tried again."), False),
    "embedding_invalid": (_("The embedding provider sent unusable vectors. Check its settings."), False),
}


class IngestionError(DoculumeError):
    """A document cannot be taken in; `error_code` (a key of REASONS) is what is stored with it.

    `permanent`: the same file will fail again.
    """

    code: ClassVar[str] = "invalid_request"
    status_code: ClassVar[int] = 400

    def __init__(self, error_code: str, message: str | None = None, *, details: Any = None) -> None:
        default, self.permanent = REASONS[error_code]
        self.error_code = error_code
        super().__init__(message or default, details=details)

    @classmethod
    def of(cls, error_code: str, message: str | None = None) -> IngestionError:
        """The error of that code, of the class that renders it rightly."""
        return (UnsupportedType if error_code == "unsupported_type" else cls)(error_code, message)


class UnsupportedType(IngestionError):
    """The file is of no kind that can be read."""

    code: ClassVar[str] = "unsupported_media_type"
