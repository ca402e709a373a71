"""What interrupted a long run: times in which nobody watched, and faults that were injected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Mark

HARNESS = "harness"
"""Subject of the faults that stand for the runner being away: they are told as gaps."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From begin to end, seconds of the run. `what`: of a fault its kind and subject."""

    begin_s: float
    end_s: float
    what: str = ""

    @property
    def length_s(self) -> float:
        """How long."""
        return self.end_s - self.begin_s


@dataclass(frozen=True, slots=True)
class Events:
    """In the order of time. `ended`: the mark that says how it ended, with its reason; empty: none does."""

    gaps: tuple[Stretch, ...]
    faults: tuple[Stretch, ...]
    lives: int
    ended: str


def events(marks: Sequence[Mark], begin_ns: int, end_ns: int) -> Events:
    """Of a run between these times; a fault that was not healed lasts to its end."""
    marks = sorted(marks, key=lambda mark: mark.t_ns)
    ends = [mark for mark in marks if mark.name in ("soak.ended", "soak.stopped", "soak.stopped_early")]
    return Events(
        gaps=tuple(_gap(mark, begin_ns, end_ns) for mark in marks if mark.name == "soak.gap"),
        faults=tuple(_fault(at, marks, begin_ns, end_ns) for at, mark in enumerate(marks) if _is_fault(mark)),
        lives=1 + sum(mark.name == "soak.resumed" for mark in marks),
        ended=_told(ends[-1]) if ends else "",
    )


def _is_fault(mark: Mark) -> bool:
    return mark.name == "fault.begin" and mark.detail.get("subject") != HARNESS


def _gap(mark: Mark, begin_ns: int, end_ns: int) -> Stretch:
    lasted_ns = int(float(mark.detail.get("seconds", "0")) * NS_PER_S)
    return _stretch(mark.t_ns, min(mark.t_ns + lasted_ns, end_ns), begin_ns, "")


def _fault(at: int, marks: Sequence[Mark], begin_ns: int, end_ns: int) -> Stretch:
    begun = marks[at]
    heals = (
        mark.t_ns
        for mark in marks[at:]
        if mark.name == "fault.heal" and all(mark.detail.get(key) == begun.detail.get(key) for key in _SAME)
    )
    what = " on ".join(filter(None, (begun.detail.get("kind", "fault"), begun.detail.get("subject", ""))))
    return _stretch(begun.t_ns, next(heals, end_ns), begin_ns, what)


_SAME = ("kind", "subject")


def _stretch(low_ns: int, high_ns: int, begin_ns: int, what: str) -> Stretch:
    return Stretch((low_ns - begin_ns) / NS_PER_S, (high_ns - begin_ns) / NS_PER_S, what)


def _told(mark: Mark) -> str:
    return mark.detail.get("reason", "") or ("it ended as planned" if mark.name == "soak.ended" else "it was stopped")
