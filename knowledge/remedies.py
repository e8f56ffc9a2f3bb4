"""What people can do about something that could not be read, by the code that is kept with it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from doculume.sentences import told
from knowledge.ingestion.errors import REASONS

UNKNOWN = gettext_noop("It could not be read.")

# What the sentence of the code does not say already.
ADVICE = {
    "empty_file": _("See that it opens and has something in it, then upload it again."),
    "unsupported_type": _("Save it as PDF, Word, plain text or another kind that is read here, and upload that."),
    "no_text": _("Scanners and PDF programs call it “searchable PDF”. Upload the new file and delete this one."),
    "provider_unavailable": _("Nothing is wrong with the file."),
    "embedding_invalid": _("Whoever looks after the models can set that right; then try again."),
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
