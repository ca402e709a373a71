"""A hand-made run with every status in it, every kind of interval, doubts, proxies, marks and hostile text."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.record.folder import RunFolder
from harness.record.run import GitState, HostInfo, RunInfo
from harness.record.store import RunStore
from harness.spec.acceptance import Acceptance, Counts, GroupGate
from harness.spec.case import Case, Criterion, Group, Level, Op, Priority
from harness.verdict.acceptance import Standing, assess
from harness.verdict.interval import Interval
from harness.verdict.verdict import CaseVerdict, Doubt, Finding, Status

START_NS = 1_795_363_503_000_000_000
"""2026-11-22 16:05:03 UTC"""

HOSTILE = (
    '<script>alert("1")</script> \' | `x` [a](javascript:b) \x1b[31mred\x1b[0m \x00 \ud800 & ]]> @someone {{ 7*7 }}'
)

INFO = RunInfo(
    id="2026-11-22T16-05-03Z-9c1e",
    started_ns=START_NS,
    ended_ns=START_NS + 192_400_000_000,
    harness=GitState("1f0c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c", "main", dirty=True),
    target="reference",
    target_version="0.1.0",
    launcher="process",
    seed=1,
    host=HostInfo("bench-1", "Debian GNU/Linux 12", "Linux 6.1.0 x86_64", "CPython 3.11.7", 2, 4 << 30, "Some CPU"),
    command=("pytest", "-m", "integration", "--launcher", "process"),
    selected=("3.1.1", "3.1.2", "3.1.3", "3.1.4", "3.1.5", "3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.2.5"),
    state="finished",
)

ACCEPTANCE = Acceptance(
    groups={
        Group.INTEGRATION: GroupGate(rate=1.0, all_required=True),
        Group.E2E: GroupGate(rate=1.0, all_required=True),
        Group.PERFORMANCE: GroupGate(rate=0.8, counts=Counts.CRITERIA, all_required=True),
        Group.STABILITY: GroupGate(rate=1.0, all_required=True),
    },
    overall=0.95,
)

_TITLES = {
    "3.1.1": "Account stream subscription",
    "3.1.2": "Position stream with a symbol filter",
    "3.1.3": "Reconnect after a connector restart",
    "3.1.4": "Concurrent subscriptions",
    "3.1.5": "Stream error handling",
    "3.2.1": "Multi-client broadcast",
    "3.2.2": "Client disconnect clean-up",
    "3.2.3": "Health check",
    "3.2.4": "Credential validation",
    "3.2.5": "All exchange backends",
    "4.1.1": "Full stack start",
    "4.1.2": "Single exchange connection",
    "4.1.3": "Trade through the stack",
    "5.1.1": "GetAccount latency",
    "5.2.1": "Order throughput",
    "6.1.1": "Soak, 24 h of continuous trading",
}
_GROUPS = {"3": Group.INTEGRATION, "4": Group.E2E, "5": Group.PERFORMANCE, "6": Group.STABILITY}


def criterion(name: str, says: str, op: Op, limit: float, unit: str, level: Level = Level.REQUIRED) -> Criterion:
    return Criterion(id=name, says=says, metric="messages.count", op=op, limit=limit, unit=unit, level=level)


CRITERIA = (
    criterion("first-update", "the first update arrives in time", Op.LE, 10, "s"),
    criterion("missing", "no update is missing", Op.EQ, 0, "updates"),
    criterion("neighbour", "a paused client adds little to the others' p99 delivery", Op.LE, 100, "ms"),
    criterion("memory", "the connector's memory grows little while one reader stalls", Op.LE, 64 << 20, "bytes"),
    criterion("units", "runtime units are back at their baseline", Op.EQ, 0, "units"),
    criterion("median", "the median delivery is quick", Op.LT, 1, "ms", Level.ADVISORY),
    criterion("moved", "other symbols did move meanwhile", Op.GE, 5, "updates", Level.PROOF),
)


def case(case_id: str, criteria: tuple[Criterion, ...] = CRITERIA) -> Case:
    return Case(
        id=case_id,
        title=_TITLES.get(case_id, "A case of its own"),
        group=_GROUPS.get(case_id[0], Group.EXTENSIONS),
        priority=Priority.CRITICAL if case_id == "4.1.2" else Priority.HIGH,
        given="a connector over a simulated venue, and two clients subscribed to the position stream",
        when="the venue moves positions of several symbols, twenty times each",
        then="each client receives exactly the updates it asked for, once, in the order of the venue",
        criteria=criteria,
        estimate_s=20,
        awaiting="" if case_id[0] == "3" else "the end-to-end stack",
    )


CASES = tuple(case(case_id) for case_id in _TITLES)

_INTERVALS = {
    "first-update": Interval(0.182, 0.431),
    "missing": Interval(0, 0),
    "neighbour": Interval(1.4, 7.9),
    "memory": Interval(2.5 * (1 << 20), 2.5 * (1 << 20)),
    "units": Interval(0, 0),
    "median": Interval(0.31, 0.42),
    "moved": Interval(20, 20),
}


def findings(**changed: tuple[Status, Interval | None, str]) -> tuple[Finding, ...]:
    """Passing findings for CRITERIA, but for those named (with _ for -)."""
    result = []
    for one in CRITERIA:
        status, interval, reason = changed.get(one.id.replace("-", "_"), (Status.PASS, _INTERVALS[one.id], ""))
        finding = Finding(
            one.id, one.says, str(one.level), one.metric, str(one.op), one.limit, one.unit, interval, status, reason
        )
        result.append(finding)
    return tuple(result)


def verdict(case_id: str, status: Status = Status.PASS, of: tuple[Finding, ...] | None = None) -> CaseVerdict:
    known = case(case_id)
    return CaseVerdict(
        case=case_id,
        title=known.title,
        group=str(known.group),
        priority=str(known.priority),
        status=status,
        findings=findings() if of is None else of,
        trials=1,
        duration_s=18.4,
    )


def _every_verdict() -> dict[str, CaseVerdict]:
    late = Doubt(
        "late-sender",
        "the instrument sent 2 % of its calls more than 5 ms late",
        "run on a host with a free core, or lower the rate",
        widens=True,
    )
    proxy = "connector.threads went from 9 to 11 (operating-system threads, which need not follow tasks)"
    unseen = findings(units=(Status.NOT_MEASURABLE, None, "the target offers no source for connector.runtime_units"))
    unseen = tuple(replace(one, proxies=(proxy,)) if one.criterion == "units" else one for one in unseen)
    all_verdicts = [
        verdict("3.1.1"),
        verdict("3.1.2", of=findings(median=(Status.FAIL, Interval(1.31, 1.52), "1.31 to 1.52 ms is not below 1 ms"))),
        verdict(
            "3.1.3",
            Status.FAIL,
            findings(first_update=(Status.FAIL, Interval(12.5, math.inf), "no update had come 12.5 s after serving")),
        ),
        verdict(
            "3.1.4",
            Status.INCONCLUSIVE,
            findings(neighbour=(Status.INCONCLUSIVE, Interval(61.0, 183.0), "the range lies across the limit")),
        ),
        verdict("3.1.5", Status.NOT_MEASURABLE, unseen),
        replace(
            verdict("3.2.1", Status.DEFERRED),
            reason="the bounded buffer lands in the next release (owner: connector team, until 2026-12-31)",
        ),
        replace(verdict("3.2.2", Status.ERROR, ()), reason="the recording broke off: the disk is full"),
        verdict("3.2.3"),
        verdict("3.2.4", of=findings(memory=(Status.PASS, Interval(-math.inf, 1 << 20), ""))),
        verdict(
            "3.2.5",
            Status.FAIL,
            findings(
                missing=(Status.FAIL, Interval(3, 4), HOSTILE),
                memory=(Status.FAIL, Interval(64.2 * (1 << 20), 9e9), "grew without bound"),
            ),
        ),
        verdict("5.1.1", of=findings(first_update=(Status.PASS, Interval(0.0004, 0.0006), ""))),
    ]
    all_verdicts[3] = replace(all_verdicts[3], doubts=(late, Doubt("noisy-host", HOSTILE, "use another host")))
    return {one.case: one for one in all_verdicts}


VERDICTS = _every_verdict()


def standing(verdicts: dict[str, CaseVerdict], cases: tuple[Case, ...] = CASES) -> Standing:
    return assess(cases, verdicts, ACCEPTANCE)


def mark(at_s: float, name: str, **detail: str) -> Mark:
    return Mark(START_NS + round(at_s * 1e9), name, detail)


def marks() -> tuple[Mark, ...]:
    """A trial with a restart of the connector in it."""
    result = [
        mark(0, "trial.began"),
        mark(0.2, "process.started", service="venue-binance"),
        mark(0.5, "process.serving", service="venue-binance"),
        mark(0.6, "process.started", service="connector"),
        mark(1.4, "process.serving", service="connector"),
        mark(6.0, "fault.begin", kind="kill", subject="connector"),
        mark(6.1, "process.died", service="connector", code="-9"),
        mark(6.12, "fault.bit", kind="kill", subject="connector"),
        mark(9.0, "fault.heal", kind="kill", subject="connector"),
        mark(9.0, "process.started", service="connector"),
        mark(10.2, "process.serving", service="connector"),
        mark(3.0, "window.begin", window="clean"),
        mark(5.5, "window.end", window="clean"),
        mark(17.0, "trial.settled"),
        mark(18.4, "trial.ended"),
    ]
    for number, client in enumerate(("control", "filtered")):
        step = 0.1 * number
        result += [
            mark(1.6 + step, "client.connected", client=client, attempt="1"),
            mark(2.0 + step, "stream.live", client=client, stream="positions", subscription="1"),
            mark(6.15 + step, "stream.error", client=client, stream="positions", subscription="1", code="UNAVAILABLE"),
            mark(6.16 + step, "client.disconnected", client=client, attempt="1"),
            mark(10.9 + step, "client.connected", client=client, attempt="4"),
            mark(11.2 + step, "stream.live", client=client, stream="positions", subscription="2"),
            mark(16.5 + step, "stream.cancelled", client=client, stream="positions", subscription="2"),
        ]
    return tuple(result)


_EVIDENCE = {
    "3.1.3": [Evidence.of(*marks())],
    "3.2.5": [Evidence.of(mark(0, "trial.began"), mark(3, "trial.error", reason=HOSTILE))],
}


def trials(case_id: str) -> list[Evidence]:
    """The evidence of a case of this run."""
    return _EVIDENCE.get(case_id, [])


def run(root: Path, info: RunInfo = INFO) -> RunFolder:
    """The run on disk, with evidence folders and logs."""
    folder = RunStore(root).create(info)
    for one in VERDICTS.values():
        folder.save_verdict(one, case(one.case))
        folder.evidence_path(one.case, 1).mkdir()
    for service in ("connector", "venue-binance", "odd #?name"):
        folder.log_path(service).write_text("up\n", encoding="utf-8")
    return folder
