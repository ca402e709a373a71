"""A service's log: every line of its output with the time it came, secrets masked and counted."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness.evidence.clock import NS_PER_S, now_ns

MASK = "***"
SHORTEST_SECRET = 4
"""Shorter texts are no secrets: masking them would shred the log."""
TAIL_LINES = 40
LONGEST_LINE_BYTES = 1 << 20
SAID_LINES = 3
SAID_CHARS = 300


class Log:
    """Append lines from any thread; `path` holds all lines of all starts of the service.

    `masked` texts are replaced by `***`, and so are their JSON- and URL-quoted spellings. `secrets_masked` counts
    the lines that held one of `secrets`: the file cannot show it any more, a criterion may need it.
    """

    def __init__(self, path: Path, *, secrets: Iterable[str] = (), masked: Iterable[str] = ()) -> None:
        self.path = path
        self.secrets_masked = 0
        self._unwritten = 0
        self._secrets = _spellings(secrets)
        self._masked = tuple(sorted({*self._secrets, *_spellings(masked)}, key=len, reverse=True))
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        # An empty log is an answer too: the service said nothing.
        path.touch(mode=0o644)

    def begin(self) -> None:
        """A new start of the service: `tail` forgets the lines before."""
        with self._lock:
            self._tail.clear()

    def append(self, line: bytes, t_ns: int = 0) -> str:
        """Write one line down; returns it as written, without the time."""
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        leaked = any(secret in text for secret in self._secrets)
        for secret in self._masked:
            text = text.replace(secret, MASK)
        with self._lock:
            self.secrets_masked += leaked
            self._tail.append(text)
            self._write(f"{_stamp(t_ns or now_ns())} {text}\n")
        return text

    def _write(self, line: str) -> None:
        """A full disk must not end the thread that drains a service's output: it is the recording that ends then."""
        lost = self._unwritten
        note = f"{_stamp(now_ns())} (harness: {lost} lines could not be written)\n" if lost else ""
        try:
            with self.path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(note + line)
            self._unwritten = 0
        except OSError:
            self._unwritten += 1

    def text(self) -> str:
        """Everything so far, each line beginning with its UTC time."""
        return self.path.read_text(encoding="utf-8", errors="replace")

    def last_ns(self) -> int:
        """When its last line came, as late as that may have been; 0 without one."""
        stamps = (line.partition(" ")[0] for line in reversed(self.text().splitlines()))
        return next((ns for ns in map(_latest_ns, stamps) if ns), 0)

    def tail(self) -> tuple[str, ...]:
        """The last lines of the current start, without times."""
        with self._lock:
            return tuple(self._tail)

    def said(self) -> str:
        """The last lines in a form that fits into an error's sentence."""
        lines = [line.strip()[:SAID_CHARS] for line in self.tail() if line.strip()][-SAID_LINES:]
        if not lines:
            return f"it said nothing (log: {self.path})"
        return "it said last: " + " | ".join(lines) + f" (log: {self.path})"


def _spellings(texts: Iterable[str]) -> tuple[str, ...]:
    spelled: set[str] = set()
    for text in texts:
        if len(text) >= SHORTEST_SECRET:
            spelled |= {text, json.dumps(text)[1:-1], urllib.parse.quote(text, safe="")}
    return tuple(spelled)


def _stamp(t_ns: int) -> str:
    whole_s, rest_ns = divmod(t_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(whole_s, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}Z"


def _latest_ns(stamp: str) -> int:
    """The last nanosecond that is written so; 0 for anything else."""
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.replace(microsecond=0).timestamp()) * NS_PER_S + moment.microsecond * 1000 + 999
