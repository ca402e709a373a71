"""Whole files or none: every write goes to a temporary file that is synced and renamed into place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.record.errors import cannot_read, cannot_write

_MODE = 0o644
"""mkstemp makes private files; a report is for the team."""


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by `content` so that a reader, or a crash, sees the old file or the new one, never a part.

    Makes the parent folders. Raises RecordError when the file system refuses; the old file is then still there.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        # also after Ctrl-C in the middle of a write
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_whole(path: Path) -> bytes:
    """The content of `path`; RecordError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
