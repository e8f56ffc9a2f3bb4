"""Files on this machine, written so that a power cut after the answer loses none."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class DurableFileSystemStorage(FileSystemStorage):
    """`FileSystemStorage` that has the file and its folder on disk before it returns."""

    def _save(self, name: str, content: File) -> str:
        name = super()._save(name, content)  # type: ignore[misc]
        path = Path(self.path(name))
        for target in (path, path.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return name
