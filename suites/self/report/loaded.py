"""A made-up performance run, judged by the real specs: a latency, a stream, a rate beyond the ceiling, a ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Message, Record
from harness.record.folder import RunFolder
from harness.record.store import RunStore
from harness.report.report import write_report
from harness.spec.case import Case
from harness.spec.loader import load_acceptance, load_cases
from harness.verdict.acceptance import assess
from harness.verdict.judge import judge
from harness.verdict.verdict import CaseVerdict
from suites.self.report import made
from suites.self.verdict import loads
from suites.self.verdict.histories import MS, S, window
from suites.self.verdict.loads import FLOOR, STEADY_NS, Load, around, floor, swaying, trial

SPECS = Path(__file__).resolve().parents[3] / "specs"
CASES: dict[str, Case] = {case.id: case for case in load_cases(SPECS)}
FLOOR_BEGIN_NS = 1


def records(case_id: str, number: int) -> list[Record]:
    """One trial of a case."""
    make = {"5.1.1": _calls, "5.1.3": _stream, "5.2.1": _rate, "5.2.3": _ladder}[case_id]
    begun = [Mark(FLOOR_BEGIN_NS, "trial.began"), *make(number)]
    last_ns = max(one.t_ns for one in begun if isinstance(one, Mark))
    return [*begun, Mark(last_ns + S, "trial.settled"), Mark(last_ns + 2 * S, "trial.ended")]


def _calls(number: int) -> list[Record]:
    load = Load(swaying(0.9, 2.6), calls=1050, per_s=100, users=10, stall_ms=3, stall_every=350)
    return trial(load, seed=number, floor_records=FLOOR)


def _stream(number: int) -> list[Record]:
    rng = np.random.default_rng(number)
    took_ms = 0.4 * np.exp(0.5 * rng.standard_normal(2000))
    null: list[Record] = [
        Message("null", "null", "", str(at), 0, t_ns, t_ns + int(0.08 * MS), 1, at + 1)
        for at, t_ns in enumerate(range(loads.FLOOR_NS, loads.FLOOR_NS + 10 * S, 10 * MS))
    ]
    alone = [*null, *window("floor", loads.FLOOR_NS, loads.FLOOR_NS + 10 * S)]
    return around(alone, *loads.stamped(took_ms, per_s=200))


def _rate(number: int) -> list[Record]:
    """A thousand orders a second, with one slow second in the middle of the first trial."""
    load = Load(swaying(3.0, 7.0), calls=36_000, per_s=1100, users=20, method="PlaceOrder")
    made_records = load.records(np.random.default_rng(number))
    if number == 1:
        slow = range(STEADY_NS + 12 * S, STEADY_NS + 13 * S)
        made_records = [_slower(one, 40 * MS) if isinstance(one, Call) and one.due_ns in slow else one
                        for one in made_records]  # fmt: skip
    return [*around(FLOOR, Fact("instrument.offered_per_s", 1100, "", "steady")), *made_records]


def _slower(call: Call, by_ns: int) -> Call:
    return replace(call, done_ns=call.done_ns + by_ns)


def _ladder(number: int) -> list[Record]:
    """Latency that stays until twenty clients, and grows from there on."""
    made_records: list[Record] = list(around(floor(calls=1000)))
    rng, begin_ns = np.random.default_rng(number), STEADY_NS
    for clients in (1, 2, 5, 10, 20, 50):
        slower = 1.0 if clients <= 10 else 1.4 if clients == 20 else 4.0
        load = Load(
            swaying(0.8 * slower, 1.9 * slower), calls=max(600, 60 * clients), per_s=20 * clients, users=clients,
            name=f"clients-{clients}", begin_ns=begin_ns,
        )  # fmt: skip
        made_records += load.records(rng)
        begin_ns = load.end_ns + 2 * S
    return made_records


@lru_cache(maxsize=1)
def _everything() -> tuple[dict[str, list[Evidence]], dict[str, CaseVerdict]]:
    evidences = {
        case_id: [Evidence.of(*records(case_id, number)) for number in range(1, trials + 1)]
        for case_id, trials in (("5.1.1", 5), ("5.1.3", 3), ("5.2.1", 3), ("5.2.3", 3))
    }
    verdicts = {case_id: judge(CASES[case_id], of, today=date(2026, 11, 22)) for case_id, of in evidences.items()}
    return evidences, {case_id: replace(one, duration_s=42.0) for case_id, one in verdicts.items()}


def trials(case_id: str) -> Sequence[Evidence]:
    """The evidence of a case."""
    return _everything()[0].get(case_id, [])


def verdicts() -> dict[str, CaseVerdict]:
    """What the real specs make of it."""
    return _everything()[1]


def run(root: Path) -> RunFolder:
    """The run on disk with its report."""
    folder = RunStore(root).create(replace(made.INFO, selected=tuple(verdicts())))
    for one in verdicts().values():
        folder.save_verdict(one, CASES[one.case])
    standing = assess(tuple(CASES.values()), verdicts(), load_acceptance(SPECS / "acceptance.yaml"))
    write_report(folder, tuple(CASES.values()), verdicts(), standing, trials)
    return folder
