"""What people can do about something that could not be read, by the code that is kept with it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from doculume.sentences import told
from knowledge.ingestion.errors import REASONS

UNKNOWN = gettext_noop("It could not be read.")

ADVICE = {
    "empty_file": _("See that the file opens and has something in it, then upload it again."),
    "encrypted": _("Open it, save it without a password, and upload that file instead."),
    "unsupported_type": _("Save it as PDF, Word, plain text or another kind that is read here, and upload that."),
    "corrupt": _("If it opens on your computer, save it anew under another name and upload that file."),
    "too_large": _("Split it into parts, chapter by chapter for example, and upload these."),
    "no_text": _("Run text recognition over the scan, so that it has a layer of text, and upload the new file."),
    "timeout": _("It may work at a quieter time. If not, split it into smaller files."),
    "parser_crashed": _("Save it anew or as PDF and upload that file; or try this one once more."),
    "provider_unavailable": _("Nothing is wrong with the file. Try again when the embedding model answers."),
    "embedding_invalid": _("Whoever looks after the models should look at the embedding model; then try again."),
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """Why it failed and what to do, in the reader's language; `may_retry` where the same content may go through."""

    reason: str
    advice: str
    may_retry: bool


def remedy(code: str, message: str = "") -> Remedy:
    """For a code of `REASONS`, or any other; `message` is what was kept, where it says more than the code does."""
    known, permanent = REASONS.get(code, (UNKNOWN, False))
    return Remedy(told(message or known), str(ADVICE.get(code, "")), not permanent)
