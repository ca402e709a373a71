"""What a service's log tells: errors, panics, attempts, decisions; read by the patterns of its profile."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.evidence.clock import NS_PER_S
from harness.target.profile_shape import LogPatterns
from harness.target.service import Service
from harness.trial.trial import Trial

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""A word right behind one begins at no word boundary: no pattern would find a coloured level."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line and when it came, in Unix ns."""

    t_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The service decided on an order at `t_ns`; `key`: its client order id."""

    key: str
    t_ns: int


class ServiceLog:
    """The log of one service, over all its starts."""

    def __init__(self, service: Service, patterns: LogPatterns) -> None:
        self._service = service
        self.patterns = patterns

    def lines(self, since_ns: int = 0) -> list[Line]:
        """Its lines from `since_ns` on, without colours. One without a time of its own came with the one before."""
        found: list[Line] = []
        t_ns = 0
        for raw in self._service.log_text().split("\n"):
            line = _line(raw)
            t_ns, text = (line.t_ns, line.text) if line else (t_ns, raw)
            if text and t_ns >= since_ns:
                found.append(Line(t_ns, _COLOUR.sub("", text)))
        return found

    def matching(self, pattern: str, since_ns: int = 0) -> list[Line]:
        """The lines in which `pattern` is found."""
        wanted = re.compile(pattern)
        return [line for line in self.lines(since_ns) if wanted.search(line.text)]

    def says_graceful(self, since_ns: int = 0) -> bool:
        """Whether it says that it shuts down gracefully."""
        return bool(self.matching(self.patterns.graceful, since_ns))

    def last_word(self, *words: str, since_ns: int = 0) -> str:
        """The last line with all these words, in any letter case; without one the last error, else the last line.

        A line with some of the words is none: an attempt's own line may well say that it failed to connect.
        """
        lines = self.lines(since_ns)
        whole = [line for line in lines if all(one.lower() in line.text.lower() for one in words)]
        said = whole or self.matching(self.patterns.error, since_ns) or lines
        return said[-1].text if said else ""

    def attempts(self, since_ns: int = 0) -> list[Line]:
        """The lines that announce a connection attempt."""
        return self.matching(self.patterns.attempt, since_ns)

    def decisions(self) -> list[Decision]:
        """Every decision that it logged; none when the profile has no pattern for them."""
        if not self.patterns.decision:
            return []
        found = (re.search(self.patterns.decision, line.text) for line in self.lines())
        return [Decision(one["key"], int(one["t_ns"])) for one in found if one is not None]

    def record_errors(self, trial: Trial, name: str) -> None:
        """Fact log.error_lines, with the first one as detail; each line a mark log.error on the timeline.

        Of a log without a single line there is no such fact: nobody knows what the service would have said.
        """
        if self._is_empty(trial, name):
            return
        lines = self.matching(self.patterns.error)
        for line in lines:
            trial.mark("log.error", t_ns=line.t_ns, service=name, line=line.text[:300])
        trial.fact("log.error_lines", len(lines), "lines", subject=name, detail=_first(lines))

    def record_panics(self, trial: Trial, name: str) -> None:
        """Fact log.panics, with the first one as detail; none of an empty log."""
        if self._is_empty(trial, name):
            return
        lines = self.matching(self.patterns.panic)
        trial.fact("log.panics", len(lines), "lines", subject=name, detail=_first(lines))

    def _is_empty(self, trial: Trial, name: str) -> bool:
        if self.lines():
            return False
        trial.fact("unmeasurable", 1, subject=f"log of {name}", detail="it has no line: nothing can be said about it")
        return True


def pauses_s(attempts: Iterable[Line]) -> list[float]:
    """Seconds between one attempt and the next."""
    times = [line.t_ns for line in attempts]
    return [(later - earlier) / NS_PER_S for earlier, later in itertools.pairwise(times)]


def _first(lines: list[Line]) -> str:
    return lines[0].text[:300] if lines else ""


def _line(raw: str) -> Line | None:
    """`2026-11-22T10:00:00.123456Z text`."""
    stamp, _, text = raw.partition(" ")
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    whole_s = int(moment.replace(microsecond=0).timestamp())
    return Line(whole_s * NS_PER_S + moment.microsecond * 1000, text)
