"""The last lines of each service's log in the time of a case; which log is the case's is told by its lines' stamps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Mark
from harness.report.wording import one_line, printable

_TAIL_LINES = 40
_MOST_ERRORS = 10
"""Lines that tell of an error and come before the tail."""
_LONGEST_LINE = 320
_MOST_LOGS = 12
_LARGEST_BYTES = 32 << 20
_SLACK_NS = NS_PER_S
"""What a service says when it is taken down belongs to the trial that it served."""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z ")
_OWN_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z\s+")
_ERROR = re.compile(r"\b(ERROR|FATAL|CRITICAL|PANIC)\b|\bpanic: |\bTraceback \(|\b(un)?caught exception\b|fatal error:")
_HARNESS = "harness"
"""The log of the harness itself."""
_CASE = re.compile(r"case (\S+)")
_WARN = re.compile(r"\bWARN(ING)?\b")

Window = tuple[int, int]
"""Begin and end of a trial, Unix ns."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `kind`: error, warn, gap (a number of lines left out) or nothing."""

    at: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class LogView:
    """One service's log in the time of one case."""

    service: str
    path: str
    """Relative to the run's folder."""
    summary: str
    errors: int
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class _Stamped:
    t_ns: int
    text: str


def case_logs(case_id: str, root: Path, logs: Sequence[Path], trials: Sequence[Sequence[Mark]]) -> tuple[LogView, ...]:
    """The logs of a case, `trials` being the marks of its trials. Of too many those with errors, then the latest.

    A log that cannot be read, or is too large to be read again for this, is left out.
    """
    spans = [span for span in map(window, trials) if span is not None]
    if not spans:
        return ()
    stems = {path.stem for path in logs}
    told = {(mark.detail.get("line") or "")[:80] for marks in trials for mark in marks if mark.name == "log.error"}
    found = []
    for path in logs:
        mine = [line for line in _lines(path, case_id, spans) if any(low <= line.t_ns <= high for low, high in spans)]
        if mine:
            found.append((mine[0].t_ns, _view(path, root, mine, spans, told - {""}, stems)))
    if len(found) > _MOST_LOGS:
        found = sorted(found, key=lambda one: (one[1].errors == 0, -one[0]))[:_MOST_LOGS]
    return tuple(view for _, view in sorted(found, key=lambda one: one[0]))


def window(marks: Sequence[Mark]) -> Window | None:
    """From a trial's first mark to the end of what it left in the logs; None without marks."""
    times = [mark.t_ns for mark in marks]
    return (min(times), max(times) + _SLACK_NS) if times else None


def service_of(stem: str, stems: set[str]) -> str:
    """`connector` of connector-2, when there is a connector too: the second one of the run."""
    head, _, tail = stem.rpartition("-")
    return head if tail.isdecimal() and head in stems else stem


def is_error(text: str, told: set[str]) -> bool:
    """Whether a line tells of an error: by the level it carries, or because the trial recorded it as one."""
    return bool(_ERROR.search(text)) or any(text.startswith(one) for one in told)


def _view(
    path: Path, root: Path, lines: Sequence[_Stamped], spans: Sequence[Window], told: set[str], stems: set[str]
) -> LogView:
    errors = [at for at, line in enumerate(lines) if is_error(line.text, told)]
    tail = range(max(len(lines) - _TAIL_LINES, 0), len(lines))
    shown = [*[at for at in errors if at < tail.start][:_MOST_ERRORS], *tail]
    made: list[LogLine] = []
    before = -1
    for at in shown:
        if at > before + 1:
            made.append(LogLine("", f"{at - before - 1} lines left out", "gap"))
        text = lines[at].text
        kind = "error" if at in set(errors) else "warn" if _WARN.search(text) else ""
        made.append(LogLine(_after(lines[at].t_ns, spans), _shown(text), kind))
        before = at
    count = f"{len(lines)} line" + ("s" if len(lines) != 1 else "")
    if len(spans) > 1:
        first = next(number for number, (low, high) in enumerate(spans, start=1) if low <= lines[0].t_ns <= high)
        count = f"from trial {first} on, {count}" if lines[-1].t_ns > spans[first - 1][1] else f"trial {first}, {count}"
    wrong = f", {len(errors)} of them errors" if errors else ""
    return LogView(
        service=printable(service_of(path.stem, stems)),
        path=path.relative_to(root).as_posix(),
        summary=f"{count}{wrong}",
        errors=len(errors),
        lines=tuple(made),
    )


def _shown(text: str) -> str:
    """The line without the service's own stamp: ours is beside it, from the same clock as the strip."""
    return one_line(_OWN_STAMP.sub("", text, count=1), _LONGEST_LINE)


def _after(t_ns: int, spans: Sequence[Window]) -> str:
    begin = max(low for low, high in spans if low <= t_ns <= high)
    return f"{(t_ns - begin) / NS_PER_S:,.3f} s"


def _lines(path: Path, case_id: str, spans: Sequence[Window]) -> list[_Stamped]:
    """Every line with its time; one without a stamp has that of the line before."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return []
        raw = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    if path.stem == _HARNESS:
        return _of_case(raw, case_id, max(high for _, high in spans))
    made: list[_Stamped] = []
    for line in raw:
        match = _STAMP.match(line)
        stamp = _unix_ns(match) if match else None
        if match is not None and stamp is not None:
            made.append(_Stamped(stamp, line[match.end() :]))
        elif made:
            made.append(_Stamped(made[-1].t_ns, line))
    return made


def _of_case(raw: Sequence[str], case_id: str, t_ns: int) -> list[_Stamped]:
    """What the harness itself wrote about a case: tracebacks under its name, without times."""
    made, is_mine = [], False
    for line in raw:
        head = _CASE.fullmatch(line)
        is_mine = head[1] == case_id if head else is_mine
        if is_mine and not head and line.strip():
            made.append(_Stamped(t_ns, line))
    return made


def _unix_ns(match: re.Match[str]) -> int | None:
    try:
        whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(whole.timestamp()) * NS_PER_S + int(match[2]) * 1000
