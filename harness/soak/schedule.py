"""Schedule: the faults that a soak is to survive, read from a YAML file, and when each of them happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from harness.soak.plan import seconds_of
from harness.trial.faults import isolate, pause
from harness.trial.ordeal import connector_killed, rate_limited, slow_way, venue_down, venue_restarted
from harness.trial.stack import Stack
from harness.trial.trial import Trial

Inflict = Callable[[Trial, Stack], AbstractAsyncContextManager[object]]

KINDS: Mapping[str, Inflict] = {
    "connector-killed": connector_killed,
    "connector-paused": lambda trial, stack: pause(trial, stack.connector.service),
    "connector-isolated": lambda trial, stack: isolate(
        trial, stack.connector.service, paths=[client.path for client in stack.clients.values()]
    ),
    "slow-way": lambda trial, stack: slow_way(trial, stack, each_way_s=0.1),
    "venue-down": venue_down,
    "venue-restarted": lambda trial, stack: venue_restarted(trial, stack.venue),
    "rate-limited": lambda trial, stack: rate_limited(trial, stack.venue),
}
_KEYS = {"kind", "at", "for", "every"}


class ScheduleError(Exception):
    """The file cannot be used; one sentence."""


@dataclass(frozen=True, slots=True)
class Happening:
    """A fault: seconds of steady time at which it begins, how long it lasts, and how often it comes again (0: not)."""

    kind: str
    at_s: float
    for_s: float
    every_s: float = 0.0

    def inflicted(self, trial: Trial, stack: Stack) -> AbstractAsyncContextManager[object]:
        """The fault, for as long as this is entered."""
        return KINDS[self.kind](trial, stack)


def read_schedule(path: Path) -> tuple[Happening, ...]:
    """A list of `{kind: connector-killed, at: 10m, for: 5s, every: 1h}`. Raises ScheduleError."""
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScheduleError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(rows, list):
        raise ScheduleError(f"{path} is no list: write - {{kind: connector-killed, at: 10m, for: 5s, every: 1h}}")
    return tuple(_happening(path, number, row) for number, row in enumerate(rows, 1))


def _happening(path: Path, number: int, row: object) -> Happening:
    where = f"{path}, fault {number}"
    if not isinstance(row, dict) or not {"kind", "at", "for"} <= set(row) <= _KEYS:
        raise ScheduleError(f"{where}: give kind, at, for, and every when it comes again; nothing else")
    if row["kind"] not in KINDS:
        raise ScheduleError(f"{where}: there is no kind {row['kind']!r}: use one of {', '.join(KINDS)}")
    try:
        times = {key: seconds_of(str(row[key])) for key in ("at", "for", "every") if key in row}
    except ValueError as wrong:
        raise ScheduleError(f"{where}: {wrong}") from None
    return Happening(row["kind"], times["at"], times["for"], times.get("every", 0.0))


def happenings(faults: tuple[Happening, ...], from_s: float, until_s: float) -> Iterator[Happening]:
    """Every single one between these moments of steady time, in their order."""
    single = []
    for fault in faults:
        at_s = fault.at_s
        while at_s + fault.for_s < until_s:
            if at_s >= from_s:
                single.append(replace(fault, at_s=at_s))
            if fault.every_s <= 0:
                break
            at_s += fault.every_s
    yield from sorted(single, key=lambda one: one.at_s)
