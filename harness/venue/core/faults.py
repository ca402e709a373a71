"""Fault knobs: what to do wrong, for whom, how often and how long; every firing is logged with its time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.venue.core.fault_kinds import EVENT_KINDS, HOWS, FaultKind

__all__ = ["EVENT_KINDS", "HOWS", "Fault", "FaultKind", "Faults", "Firing", "Knob", "Scope"]

FIRINGS_KEPT = 20_000
MAX_BURST = 10_000


@dataclass(frozen=True, slots=True)
class Scope:
    """What a fault applies to; an empty field means any. `path` matches as a prefix of the native path."""

    path: str = ""
    method: str = ""
    channel: str = ""
    key: str = ""
    symbol: str = ""
    sockets: str = ""
    """For sockets: public or private."""

    def covers(self, where: Scope) -> bool:
        """Whether an occurrence at `where` is inside this scope."""
        return (
            where.path.startswith(self.path)
            and self.method in ("", where.method)
            and self.channel in ("", where.channel)
            and self.key in ("", where.key)
            and self.symbol in ("", where.symbol)
            and self.sockets in ("", where.sockets)
        )


@dataclass(frozen=True, slots=True)
class Knob:
    """One fault to cause. Times in seconds from when it is set; `count` None: no limit."""

    kind: FaultKind
    scope: Scope = Scope()
    how: str = ""
    count: int | None = None
    probability: float = 1.0
    after_s: float = 0.0
    for_s: float | None = None
    every_s: float = 0.0
    """Faults that are an act (drop, expire): again after so many seconds; 0: once."""
    delay_s: float = 0.0
    code: int = 0
    message: str = ""
    status: int = 0
    retry_after_s: int | None = None
    events: int = 0
    """Burst: how many events go out at once."""

    def check(self) -> None:
        """ValueError with one sentence when the knob makes no sense."""
        hows = HOWS.get(self.kind, ())
        if self.how and self.how not in hows:
            raise ValueError(
                f"fault {self.kind}: how={self.how!r} is none of {', '.join(hows) or '(it has no variants)'}"
            )
        if not 0 < self.probability <= 1:
            raise ValueError(f"fault {self.kind}: probability must be above 0 and at most 1, not {self.probability:g}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"fault {self.kind}: count must be at least 1, not {self.count}")
        if min(self.after_s, self.every_s, self.for_s or 0.0) < 0 or (
            self.delay_s < 0 and self.kind is not FaultKind.SKEW
        ):
            raise ValueError(f"fault {self.kind}: times must not be negative")
        if self.kind is FaultKind.NATIVE_ERROR and not (self.code or self.how):
            raise ValueError("fault native_error: say which code, or which reason as how, for example how='rate limit'")
        if self.kind is FaultKind.FIELD_FORM and not self.message and self.how != "other_id":
            raise ValueError("fault field_form: say which field as message, for example message='orderId'")
        if self.kind is FaultKind.BURST and not 2 <= self.events <= MAX_BURST:
            raise ValueError(f"fault burst: events must be between 2 and {MAX_BURST}, not {self.events}")
        if self.kind is FaultKind.LENIENT_ROW and not self.message:
            raise ValueError("fault lenient_row: say which row as message, for example message='client order id key'")


@dataclass(slots=True)
class Fault:
    """A knob that was set. Times in Unix ns; `healed_ns` 0 while it stands."""

    handle: int
    knob: Knob
    set_ns: int
    begin_ns: int
    end_ns: int | None
    healed_ns: int = 0
    fired: int = 0

    def stands(self, now_ns: int) -> bool:
        """Whether it may fire now."""
        if self.healed_ns or now_ns < self.begin_ns or (self.end_ns is not None and now_ns >= self.end_ns):
            return False
        return self.knob.count is None or self.fired < self.knob.count


@dataclass(frozen=True, slots=True)
class Firing:
    """A fault bit: when, and what it hit."""

    t_ns: int
    handle: int
    kind: FaultKind
    subject: str


class Faults:
    """All knobs of one venue. `fires` is asked wherever something could go wrong."""

    def __init__(
        self, seed: int, now_ns: Callable[[], int], log: Callable[[str, str, str], None] = lambda *row: None
    ) -> None:
        self._now_ns = now_ns
        self._log = log
        self._rng = random.Random(f"{seed}:faults")
        self._standing: dict[FaultKind, list[Fault]] = {}
        self.all: list[Fault] = []
        self.firings: deque[Firing] = deque(maxlen=FIRINGS_KEPT)
        self.request = Scope()
        """Where the request that is being carried out came in."""
        self.on_events = False
        """Cheap question before an expensive one: whether any knob on single events is set."""

    def set(self, knob: Knob) -> Fault:
        """From now (or `after_s` later) on it may fire."""
        now_ns = self._now_ns()
        begin_ns = now_ns + int(knob.after_s * 1e9)
        end_ns = None if knob.for_s is None else begin_ns + int(knob.for_s * 1e9)
        fault = Fault(len(self.all) + 1, knob, now_ns, begin_ns, end_ns)
        self.all.append(fault)
        self._standing.setdefault(knob.kind, []).append(fault)
        self._changed(fault, "fault.set")
        return fault

    def heal(self, handle: int) -> Fault:
        """KeyError when there never was such a fault; healing twice changes nothing."""
        if not 1 <= handle <= len(self.all):
            raise KeyError(f"no fault {handle}: {len(self.all)} were set so far")
        fault = self.all[handle - 1]
        standing = self._standing.get(fault.knob.kind, [])
        if fault in standing:
            standing.remove(fault)
            self._changed(fault, "fault.healed")
        if not fault.healed_ns:
            now_ns = self._now_ns()
            # One that ran out healed when its time was over, not when somebody said so.
            fault.healed_ns = now_ns if fault.end_ns is None else min(now_ns, fault.end_ns)
        return fault

    def heal_all(self) -> list[Fault]:
        """Every fault that still stands."""
        return [self.heal(fault.handle) for fault in self.all if not fault.healed_ns]

    def _changed(self, fault: Fault, what: str) -> None:
        self.on_events = any(self._standing.get(kind) for kind in EVENT_KINDS)
        self._log(what, f"{fault.handle} {fault.knob.kind}", fault.knob.how)

    def spares_events(self) -> bool:
        """Whether no knob on single events may fire now or later without being set again."""
        now_ns = self._now_ns()
        return not any(
            fault.stands(now_ns) or fault.begin_ns > now_ns
            for kind in EVENT_KINDS
            for fault in self._standing.get(kind, ())
        )

    @property
    def standing(self) -> bool:
        """Whether any knob at all is set."""
        return any(self._standing.values())

    def fires(self, kind: FaultKind, where: Scope, subject: str = "", hows: tuple[str, ...] = ()) -> Fault | None:
        """The first standing fault of this kind whose scope covers `where`, counted and logged; else None.

        `hows`: only faults of these variants, any when empty.
        """
        if not self._standing.get(kind):
            return None
        return next(self.every(kind, (where,), subject, hows), None)

    def every(
        self,
        kind: FaultKind,
        wheres: Sequence[Scope],
        subject: str = "",
        hows: tuple[str, ...] = (),
        touches: Callable[[Knob], bool] = lambda knob: True,
    ) -> Iterator[Fault]:
        """All of them, each counted and logged when it is taken. `wheres`: other names of the one place.

        `touches`: whether a knob finds anything to spoil here; one that does not is no firing.
        """
        now_ns = self._now_ns()
        for fault in list(self._standing.get(kind, ())):
            if hows and fault.knob.how not in hows:
                continue
            if not fault.stands(now_ns) or not any(fault.knob.scope.covers(where) for where in wheres):
                continue
            if not touches(fault.knob):
                continue
            if fault.knob.probability < 1.0 and self._rng.random() >= fault.knob.probability:
                continue
            self.fired(fault, subject or wheres[0].path or wheres[0].channel)
            yield fault

    def row(self, name: str) -> bool | None:
        """Whether a lenient row was switched on or off; None when nobody touched it."""
        now_ns = self._now_ns()
        for fault in reversed(self._standing.get(FaultKind.LENIENT_ROW, ())):
            if fault.knob.message == name and fault.stands(now_ns):
                return fault.knob.how != "off"
        return None

    def fires_here(self, kind: FaultKind, hows: tuple[str, ...] = ()) -> Fault | None:
        """The same for the request that is being carried out."""
        return self.fires(kind, self.request, f"{self.request.method} {self.request.path}", hows)

    def fired(self, fault: Fault, subject: str) -> None:
        """Log one firing."""
        fault.fired += 1
        self.firings.append(Firing(self._now_ns(), fault.handle, fault.knob.kind, subject))
        self._log("fault.bit", f"{fault.handle} {fault.knob.kind}", subject)
