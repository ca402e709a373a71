"""Made-up performance trials: a load by users on a timetable who wait for their answers, and the instrument alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Message, Outcome, Record

from .histories import MS, S, window

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
"""Service times in ms."""

FLOOR_NS, STEADY_NS = 1 * S, 20 * S


def steady(p50_ms: float, p99_ms: float) -> Draw:
    """Independent log-normal service times with this median and this 99th percentile."""
    sigma = np.log(p99_ms / p50_ms) / 2.3263478740408408
    return lambda rng, n: p50_ms * np.exp(sigma * rng.standard_normal(n))


def swaying(p50_ms: float, p99_ms: float, phi: float = 0.7, drift: float = 0.03) -> Draw:
    """The same, but neighbours resemble each other (phi), and each trial has a level of its own (drift)."""
    sigma = np.log(p99_ms / p50_ms) / 2.3263478740408408

    def draw(rng: np.random.Generator, n: int) -> Floats:
        level, shocks = drift * rng.standard_normal(), rng.standard_normal(n)
        shocks[1:] *= np.sqrt(1 - phi * phi)
        course = lfilter([1.0], [1.0, -phi], shocks)
        made: Floats = p50_ms * np.exp(sigma * course + level)
        return made

    return draw


@dataclass(frozen=True)
class Load:
    """One window of load. `stall_ms`: the generator stood still for so long before each `stall_every`-th call."""

    draw: Draw = field(default_factory=lambda: steady(0.8, 1.5))
    calls: int = 1000
    per_s: float = 100.0
    users: int = 10
    name: str = "steady"
    begin_ns: int = STEADY_NS
    method: str = "GetAccount"
    client: str = "load-"
    stall_ms: float = 0.0
    stall_every: int = 0

    def records(self, rng: np.random.Generator) -> list[Record]:
        """The calls of users in turn, each of whom sends when due, or when the call before is done."""
        spacing_ns = S / self.per_s
        service_ns = (self.draw(rng, self.calls) * MS).astype(np.int64)
        free_ns = [0] * self.users
        made: list[Record] = []
        for at in range(self.calls):
            user = at % self.users
            due_ns = self.begin_ns + int(at * spacing_ns)
            stalled = self.stall_every and at % self.stall_every == 0
            sent_ns = max(due_ns, free_ns[user]) + (int(self.stall_ms * MS) if stalled else 0) + 20_000
            free_ns[user] = sent_ns + int(service_ns[at])
            client = f"{self.client}{user + 1}" if self.client.endswith("-") else self.client
            made.append(Call(at, client, self.method, due_ns, sent_ns, free_ns[user], Outcome.OK, "OK"))
        end_ns = self.begin_ns + int(self.calls * spacing_ns)
        return [*made, *window(self.name, self.begin_ns, end_ns)]

    @property
    def end_ns(self) -> int:
        return self.begin_ns + int(self.calls * S / self.per_s)


def floor(p50_ms: float = 0.2, p99_ms: float = 0.5, calls: int = 1000, per_s: float = 100.0) -> list[Record]:
    """The instrument against its null server."""
    load = Load(steady(p50_ms, p99_ms), calls, per_s, 1, "floor", FLOOR_NS, "Null", "null")
    return load.records(np.random.default_rng(9))


def facts_of(*named: tuple[str, float, str]) -> list[Record]:
    return [Fact(name, value, "", subject) for name, value, subject in named]


CEILING = facts_of(("instrument.ceiling", 3000, "calls"), ("instrument.ceiling", 50_000, "messages"))
HEALTHY = facts_of(
    ("instrument.generator_cpu", 0.2, "steady"), ("instrument.stamps", 1, ""), ("host.steal_percent", 0.1, "steady"),
    ("host.throttled", 0, "steady"), ("host.cpu_mhz_min", 2900, "steady"), ("host.cpu_mhz_max", 3000, "steady"),
)  # fmt: skip
WARM = [Mark(STEADY_NS - S, "load.warm", {"how": "the median of five blocks agrees", "took_s": "3.1"})]


def around(floor_records: Sequence[Record] | None = None, *more: Record) -> list[Record]:
    """Everything of a healthy trial but its load. `more` facts replace those of the same name and subject."""
    given = [one for one in more if isinstance(one, Fact)]
    replaced = {(one.name, one.subject) for one in given}
    kept = [one for one in (*CEILING, *HEALTHY) if isinstance(one, Fact) and (one.name, one.subject) not in replaced]
    return [*(floor() if floor_records is None else floor_records), *kept, *WARM, *more]


def trial(load: Load, *more: Record, seed: int = 1, floor_records: Sequence[Record] | None = None) -> list[Record]:
    """A whole trial as the conventions of harness.verdict.performance have it."""
    return [*around(floor_records, *more), *load.records(np.random.default_rng(seed))]


FLOOR = floor()


def trials(load: Load, *more: Record, count: int = 5, seed: int = 1) -> list[Evidence]:
    """Several trials with noise of their own."""
    return [Evidence.of(*trial(load, *more, seed=seed * 1000 + at, floor_records=FLOOR)) for at in range(count)]


def stamped(
    latencies_ms: Floats, *, client: str = "load", stream: str = "prices", name: str = "steady",
    begin_ns: int = STEADY_NS, per_s: float = 100.0, unit_ns: int = 1,
) -> list[Record]:  # fmt: skip
    """Messages that carry their sender's stamp, in whole `unit_ns`."""
    made: list[Record] = []
    for at, took_ms in enumerate(latencies_ms):
        sent_ns = begin_ns + int(at * S / per_s)
        stamp_ns = sent_ns // unit_ns * unit_ns
        made.append(Message(client, stream, "BTCUSDT", str(at), 0, stamp_ns, sent_ns + int(took_ms * MS), 1, at + 1))
    return [*made, *window(name, begin_ns, begin_ns + int(len(latencies_ms) * S / per_s))]
