"""Hand-written histories: the shortest way to say what happened in a trial, and to judge one criterion by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Call, Fact, Mark, Message, Outcome, Reading, Record
from harness.spec.case import Argument, Case, Criterion, Group, Level, Op, Priority
from harness.verdict.judge import judge
from harness.verdict.metric import Measurement
from harness.verdict.registry import metric
from harness.verdict.verdict import CaseVerdict, Finding, Status

S = 1_000_000_000
MS = 1_000_000
TODAY = date(2030, 1, 15)


def criterion(
    name: str,
    op: str,
    limit: float,
    of: Mapping[str, Argument] | None = None,
    *,
    level: str = "required",
    unit: str = "",
    id: str = "it",
) -> Criterion:
    return Criterion(
        id=id, says="what it says", metric=name, of=dict(of or {}), op=Op(op), limit=limit, unit=unit,
        level=Level(level),
    )  # fmt: skip


def case(*criteria: Criterion, id: str = "3.1.1", group: str = "integration", trials: int = 1) -> Case:
    return Case(
        id=id, title="A made-up case", group=Group(group), priority=Priority.HIGH, given="given", when="when",
        then="then", criteria=criteria, trials=trials, estimate_s=1,
    )  # fmt: skip


def judged(criteria: Sequence[Criterion], *trials: Iterable[Record]) -> CaseVerdict:
    return judge(case(*criteria, trials=len(trials)), [Evidence.of(*trial) for trial in trials], today=TODAY)


def finding(one: Criterion, *trials: Iterable[Record]) -> Finding:
    return judged([one], *trials).findings[0]


def status(name: str, op: str, limit: float, of: Mapping[str, Argument], *trials: Iterable[Record]) -> Status:
    return finding(criterion(name, op, limit, of), *trials).status


def measured(name: str, of: Mapping[str, Argument], records: Iterable[Record]) -> Measurement:
    """What a metric makes of a history. An unknown one has the reason as its text."""
    known = metric(name)
    assert known is not None, name
    return known.measured(Evidence.of(*records), of)


def ends(name: str, of: Mapping[str, Argument], records: Iterable[Record]) -> tuple[float, float]:
    """The measured interval's ends."""
    interval = measured(name, of, records).interval
    assert interval is not None
    return interval.low, interval.high


def stream_mark(t_ns: int, name: str, client: str = "c1", stream: str = "prices", epoch: int = 1, **more: str) -> Mark:
    return Mark(t_ns, f"stream.{name}", {"client": client, "stream": stream, "subscription": str(epoch), **more})


def live(*clients: str, at_ns: int = 0, stream: str = "prices", epoch: int = 1) -> list[Record]:
    """These clients opened a stream, and are live on it from now on."""
    return [
        stream_mark(at_ns, name, client, stream, epoch) for client in clients or ("c1",) for name in ("opened", "live")
    ]


def updates(
    serials: Iterable[int], *, stream: str = "prices", key: str = "BTCUSDT", every_ns: int = MS
) -> list[Record]:
    """The venue sent these: update n at n * every_ns, with the value n."""
    return [Message(VENUE, stream, key, str(n), n, n * every_ns, n * every_ns) for n in serials]


def deliveries(
    serials: Iterable[int],
    client: str = "c1",
    *,
    late_ns: int = 1000,
    stream: str = "prices",
    key: str = "BTCUSDT",
    epoch: int = 1,
    every_ns: int = MS,
    digest: int = 1,
) -> list[Record]:
    """The client received these in the order given: each when it was sent, but never before the one before."""
    made: list[Record] = []
    now_ns = 0
    for n in serials:
        now_ns = max(now_ns + 1, n * every_ns + late_ns)
        made.append(Message(client, stream, key, str(n), 0, 0, now_ns, epoch, digest * 1000 + n))
    return made


def window(name: str, begin_ns: int, end_ns: int) -> list[Record]:
    return [Mark(begin_ns, "window.begin", {"window": name}), Mark(end_ns, "window.end", {"window": name})]


def calls(
    latencies_ms: Iterable[float],
    client: str = "load",
    *,
    method: str = "GetAccount",
    late_ms: float = 0.0,
    every_ms: float = 1.0,
    from_ms: float = 1000.0,
    outcome: Outcome = Outcome.OK,
    code: str = "OK",
) -> list[Record]:
    """One call every `every_ms`, each sent `late_ms` after it was due, and answered after its latency."""
    made: list[Record] = []
    for at, latency_ms in enumerate(latencies_ms):
        due_ns = int((from_ms + at * every_ms) * MS)
        sent_ns = due_ns + int(late_ms * MS)
        done_ns = sent_ns + int(latency_ms * MS)
        made.append(Call(at, client, method, due_ns, sent_ns, done_ns, outcome, code))
    return made


def readings(
    values: Iterable[float], probe: str = "connector.rss", *, every_ns: int = S, from_ns: int = 0
) -> list[Record]:
    return [Reading(from_ns + at * every_ns, probe, value, "") for at, value in enumerate(values)]


def facts(name: str, *values: float, subject: str = "") -> list[Record]:
    return [Fact(name, value, "", subject) for value in values]
