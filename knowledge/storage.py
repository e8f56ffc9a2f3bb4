"""Files on this machine, written so that a power cut after the answer loses none."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage

log = logging.getLogger(__name__)


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


def delete_folder(folder: str) -> None:
    """Of an account that goes, with what an upload that died left in it without a row."""
    try:
        for name in default_storage.listdir(folder)[1]:
            default_storage.delete(f"{folder}/{name}")
        default_storage.delete(folder)
    except FileNotFoundError:
        pass
    except Exception:  # not every storage has folders, or can list them
        log.warning("the folder %s could not be looked through", folder, exc_info=True)
