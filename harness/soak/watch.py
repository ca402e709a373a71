"""Watch: hears every record of a soak as it is made and keeps, in bounded memory, what tells how it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.records import VENUE, Call, Mark, Message, Outcome, Reading, Record
from harness.soak.checkpoint import Progress
from harness.trial.trial import Trial

RECENT_CALLS = 2_000
MOST_HELD = 400_000
"""Records of one slice: beyond it the oldest are forgotten, and no look is taken at an incomplete slice."""
ENDS = ("stream.down", "stream.cancelled", "stream.quiet")
STEADY = "steady"
RSS, UNITS = "connector.rss", "connector.runtime_units"


@dataclass(frozen=True, slots=True)
class Slice:
    """Everything that was recorded about a stretch of the steady time that is over, as a small evidence of its own."""

    records: tuple[Record, ...]
    begin_ns: int
    end_ns: int


def every_call(call: Call) -> bool:
    """Where no criterion says which of them count."""
    return True


class Watch:
    """`hear` each record. Thread-unsafe but for `hear`, which only appends and adds.

    `counts`: which calls the criterion on their errors is about.
    """

    def __init__(self, counts: Callable[[Call], bool] = every_call) -> None:
        self._counts = counts
        self._listens = False
        self.live: dict[tuple[str, str], str] = {}
        """Client and stream of each stream that is owed updates -> the symbols that it asked for."""
        self.live_since_ns: dict[tuple[str, str], int] = {}
        self.steady_from_ns = 0
        self.calls = self.failed = self.updates = 0
        self.stepped_s = 0.0
        """By how much the clock has jumped, in either direction, since somebody listens."""
        self._latest: dict[str, float] = {}
        self._baseline: dict[str, float] = {}
        self._took_ms: deque[float] = deque(maxlen=RECENT_CALLS)
        self._held: deque[Record] = deque(maxlen=MOST_HELD)
        self._sliced_ns = 0
        self._last_serial = 0

    def listen(self, trial: Trial) -> None:
        """To everything that is recorded from now on; once is enough."""
        if not self._listens:
            self._listens = True
            trial.overhear(self.hear)

    def hear(self, record: Record) -> None:
        """One record, whoever made it."""
        if isinstance(record, Reading):
            self._latest[record.probe] = record.value
            return
        if isinstance(record, Call):
            self._count(record)
        elif isinstance(record, Mark):
            self._follow(record)
        elif isinstance(record, Message) and record.client == VENUE:
            self.updates += record.serial != self._last_serial and record.stream == "prices"
            self._last_serial = record.serial
        if self.steady_from_ns and isinstance(record, Message | Mark):
            self._held.append(record)

    def begin_steady(self, t_ns: int) -> None:
        """The warm-up is over: this is the baseline, and from now on it counts."""
        self._baseline = dict(self._latest)
        self.steady_from_ns = self._sliced_ns = t_ns
        self.calls = self.failed = self.updates = 0

    def next_slice(self, end_ns: int, ledger_ns: int) -> Slice | None:
        """What is known about the time from the last slice to `end_ns`, which has to be so long ago that nothing more
        comes of it; None when nothing can be said.

        `ledger_ns`: what the venue sent until then is known. What was delivered later is left out: it could only be
        taken for an earlier update that looked the same.
        """
        end_ns = min(end_ns, ledger_ns)
        if end_ns <= self._sliced_ns:
            return None
        begin_ns, self._sliced_ns = self._sliced_ns, end_ns
        complete = len(self._held) < MOST_HELD
        records = tuple(self._held)
        self._held = deque((one for one in records if _time_of(one) > end_ns), maxlen=MOST_HELD)
        if not complete:
            return None
        window = {"window": STEADY}
        frame: list[Record] = [Mark(begin_ns, "window.begin", window), Mark(end_ns, "window.end", window)]
        for (client, stream), keys in self.live.items():
            frame.append(Mark(begin_ns, "stream.live", {"client": client, "stream": stream, "keys": keys}))
        frame.append(Mark(end_ns, "trial.settled"))
        kept = [one for one in records if not _is_frame(one) and _time_of(one) <= ledger_ns]
        return Slice((*frame, *kept), begin_ns, end_ns)

    def progress(self, lost_for_good: tuple[str, ...]) -> Progress:
        """How it stands now."""
        took = sorted(self._took_ms)
        rss, units = self._latest.get(RSS, -1.0), self._latest.get(UNITS, -1.0)
        return Progress(
            rss_bytes=rss,
            rss_grown_bytes=rss - self._baseline.get(RSS, rss),
            runtime_units=units,
            runtime_units_off=units - self._baseline.get(UNITS, units),
            calls=self.calls,
            failed=self.failed,
            p50_ms=took[len(took) // 2] if took else -1.0,
            p99_ms=took[min(len(took) - 1, len(took) * 99 // 100)] if took else -1.0,
            updates=self.updates,
            harness_rss_bytes=self._latest.get("harness.rss", -1.0),
            harness_cpu_percent=self._latest.get("harness.cpu", -1.0),
            lost_for_good=lost_for_good,
        )

    def _count(self, call: Call) -> None:
        if call.sent_ns < self.steady_from_ns or not self.steady_from_ns:
            return
        if self._counts(call):
            self.calls += 1
            self.failed += call.outcome is not Outcome.OK
        self._took_ms.append((call.done_ns - min(call.due_ns or call.sent_ns, call.sent_ns)) / NS_PER_MS)

    def _follow(self, mark: Mark) -> None:
        if mark.name == "clock.step":
            self.stepped_s += abs(float(mark.detail.get("by_s", "0")))
        client, stream = mark.detail.get("client", ""), mark.detail.get("stream", "")
        if mark.name == "stream.live":
            self.live[client, stream] = mark.detail.get("keys", "")
            self.live_since_ns[client, stream] = mark.t_ns
            self._sliced_ns = max(self._sliced_ns, mark.t_ns)  # nobody was owed anything on it before
        elif mark.name in ENDS and self.live.pop((client, stream), None) is not None:
            self._sliced_ns = max(self._sliced_ns, mark.t_ns)


def _is_frame(record: Record) -> bool:
    return isinstance(record, Mark) and record.name.startswith(("window.", "trial."))


def _time_of(record: Record) -> int:
    if isinstance(record, Message):
        return record.sent_ns if record.client == VENUE else record.received_ns
    return record.t_ns if isinstance(record, Mark) else 0


def seconds_between(begin_ns: int, end_ns: int) -> float:
    """From one Unix time in ns to another."""
    return (end_ns - begin_ns) / NS_PER_S
