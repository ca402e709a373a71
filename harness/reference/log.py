"""Log lines on stdout: time, level, message and JSON fields, with every known secret blanked out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_MIN_SECRET_CHARACTERS = 4
"""A shorter secret would blank out ordinary words and digits all over the log."""

Field = str | int | float | bool | list[str]


class Log:
    """One line per event; lines below `level` are dropped. Unknown level names mean INFO."""

    def __init__(self, level: str = "INFO", stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lowest = 1
        self._secrets: list[str] = []
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """Accepts the level names in any letter case."""
        name = {"WARNING": "WARN"}.get(level.upper(), level.upper())
        self._lowest = LEVELS.index(name) if name in LEVELS else 1

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these texts are never written."""
        self._secrets += [secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARACTERS]
        self._secrets.sort(key=len, reverse=True)

    def redact(self, text: str) -> str:
        """`text` without any known secret; also for error messages that go to clients."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def debug(self, message: str, **fields: Field) -> None:
        """Detail for a developer."""
        self._write(0, message, fields)

    def info(self, message: str, **fields: Field) -> None:
        """An event of normal life."""
        self._write(1, message, fields)

    def warn(self, message: str, **fields: Field) -> None:
        """Something was put right, or will matter later."""
        self._write(2, message, fields)

    def error(self, message: str, **fields: Field) -> None:
        """A call or a part failed."""
        self._write(3, message, fields)

    def fatal(self, message: str, **fields: Field) -> None:
        """The process cannot go on; the caller ends it."""
        self._write(4, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, Field]) -> None:
        if level < self._lowest:
            return
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        parts = [time, LEVELS[level], message]
        if fields:
            parts.append(json.dumps(fields, ensure_ascii=False))
        line = self.redact("\t".join(parts)).replace("\n", "\\n")
        self._stream.write(line + "\n")
        self._stream.flush()


class LibraryLines(logging.Handler):
    """Warnings and errors of libraries, in the same form: `logging.getLogger().addHandler(LibraryLines(log))`."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """As WARN: what it means for a call or a stream is logged by whoever made it."""
        error = record.exc_info[1] if record.exc_info else None
        self._log.warn(record.getMessage(), library=record.name, error=repr(error) if error else "")
