"""RecordError: why a run cannot be written, found or read, as one sentence with what to do."""

from __future__ import annotations

import errno
from pathlib import Path


class RecordError(Exception):
    """One sentence: what, where, and what to do about it."""


_WHY = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder with --reports",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder with --reports",
    errno.EFBIG: "the file would be larger than this system allows; raise the limit (ulimit -f)",
    errno.EACCES: "permission denied; choose a folder you may write to with --reports",
    errno.EPERM: "permission denied; choose a folder you may write to with --reports",
    errno.EROFS: "the file system is read-only; choose another folder with --reports",
    errno.ENOTDIR: "a part of that path is a file, not a folder; choose another folder with --reports",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter folder with --reports",
}


def cannot_write(path: Path, error: OSError) -> RecordError:
    """The sentence for a failed write; what was written before it is untouched."""
    why = _WHY.get(error.errno or 0, f"{error.strerror or error}; choose another folder with --reports")
    return RecordError(f"cannot write {path}: {why} (everything recorded before it is intact)")


def cannot_read(path: Path, error: OSError) -> RecordError:
    """The sentence for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return RecordError(f"cannot read {path}: there is no such file; the run was cut short or moved")
    return RecordError(f"cannot read {path}: {error.strerror or error}; check its permissions")
