"""Hand-made runs, cases and verdicts, and Hypothesis strategies for any of them."""

from __future__ import annotations

from dataclasses import replace as replace

from hypothesis import strategies as st

from harness.record.run import GitState, HostInfo, RunInfo
from harness.spec.case import Case, Criterion, Group, Level, Op, Priority
from harness.verdict.interval import Interval
from harness.verdict.verdict import CaseVerdict, Doubt, Finding, Status

START_NS = 1_795_363_503_000_000_000
"""2026-11-22 16:05:03 UTC"""

INFO = RunInfo(
    id="",
    started_ns=START_NS,
    ended_ns=None,
    harness=GitState("1f0c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c", "main", dirty=True),
    target="reference",
    target_version="0.1.0",
    launcher="process",
    seed=1,
    host=HostInfo("bench", "Debian GNU/Linux 12", "Linux 6.1 x86_64", "CPython 3.11.7", 2, 4 << 30, "Some CPU"),
    command=("pytest", "-m", "integration"),
    selected=("3.1.1", "3.2.5"),
)


def info(**changes: object) -> RunInfo:
    return replace(INFO, **changes)  # type: ignore[arg-type]


def case(case_id: str = "3.1.1", limit: float = 10.0) -> Case:
    return Case(
        id=case_id,
        title="Account stream subscription",
        group=Group.INTEGRATION,
        priority=Priority.HIGH,
        given="a connector",
        when="a client subscribes",
        then="updates arrive",
        criteria=(
            Criterion(
                id="first-update",
                says="the first update arrives in time",
                metric="messages.first_s",
                of={"client": "control", "polled": True, "after": 3, "resolution_ms": 0.5, "streams": ("a", "b")},
                op=Op.LE,
                limit=limit,
                unit="s",
                level=Level.REQUIRED,
            ),
        ),
        estimate_s=3,
    )


def verdict(case_id: str = "3.1.1", status: Status = Status.PASS, high: float = 0.5) -> CaseVerdict:
    return CaseVerdict(
        case=case_id,
        title="Account stream subscription",
        group="integration",
        priority="high",
        status=status,
        findings=(
            Finding(
                criterion="first-update",
                says="the first update arrives in time",
                level="required",
                metric="messages.first_s",
                op="<=",
                limit=10.0,
                unit="s",
                interval=Interval(0.25, high),
                status=status,
                reason="" if status is Status.PASS else "because",
                proxies=("threads stayed at 9 (a proxy)",),
            ),
        ),
        doubts=(Doubt("late", "the sender was late", "use a quieter host", widens=True),),
        duration_s=2.5,
    )


_texts = st.text(max_size=30)
_names = st.text("abcdefghij-", min_size=1, max_size=10)
_ends = st.floats(allow_nan=False)
_finite = st.floats(allow_nan=False, allow_infinity=False)
_prose = st.text(min_size=3, max_size=30)
_case_ids = st.builds("{}.{}.{}".format, st.integers(3, 6), st.integers(0, 30), st.integers(0, 30))
intervals = st.tuples(_ends, _ends).map(lambda ends: Interval(min(ends), max(ends)))
findings = st.builds(
    Finding,
    criterion=_names,
    says=_texts,
    level=st.sampled_from([str(level) for level in Level]),
    metric=_texts,
    op=st.sampled_from([str(op) for op in Op]),
    limit=_finite,
    unit=_texts,
    interval=st.none() | intervals,
    status=st.sampled_from(Status),
    reason=_texts,
    proxies=st.lists(_texts, max_size=2).map(tuple),
)
verdicts = st.builds(
    CaseVerdict,
    case=_case_ids,
    title=_texts,
    group=_texts,
    priority=_texts,
    status=st.sampled_from(Status),
    findings=st.lists(findings, max_size=3).map(tuple),
    doubts=st.lists(st.builds(Doubt, _texts, _texts, _texts, st.booleans()), max_size=2).map(tuple),
    reason=_texts,
    trials=st.integers(1, 9),
    duration_s=st.floats(0, 1e6),
)
_arguments = st.one_of(
    _texts, st.integers(), st.floats(-1e9, 1e9), st.booleans(), st.lists(_texts, max_size=3).map(tuple)
)
criteria = st.builds(
    Criterion,
    id=st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True),
    says=_prose,
    metric=st.from_regex(r"[a-z_]{1,5}\.[a-z0-9_]{1,5}", fullmatch=True),
    of=st.dictionaries(_names, _arguments, max_size=3),
    op=st.sampled_from(Op),
    limit=_finite,
    unit=_texts,
    level=st.sampled_from(Level),
)
cases = st.builds(
    Case,
    id=_case_ids | st.from_regex(r"x\.[a-z0-9-]{1,10}", fullmatch=True),
    title=_prose,
    group=st.sampled_from(Group),
    priority=st.sampled_from(Priority),
    given=_prose,
    when=_prose,
    then=_prose,
    criteria=st.lists(criteria, min_size=1, max_size=3).map(tuple),
    trials=st.integers(1, 5),
    estimate_s=st.floats(0.1, 1e5),
    load=st.dictionaries(_names, st.integers(0, 10**9), max_size=2),
    awaiting=_texts,
)
runs = st.builds(
    RunInfo,
    id=st.just(""),
    started_ns=st.integers(0, 4_000_000_000_000_000_000),
    ended_ns=st.none() | st.integers(0, 4_000_000_000_000_000_000),
    harness=st.builds(GitState, _texts, _texts, st.booleans()),
    target=_texts,
    target_version=_texts,
    launcher=_texts,
    seed=st.integers(),
    host=st.builds(HostInfo, _texts, _texts, _texts, _texts, st.integers(1, 512), st.integers(0, 1 << 50), _texts),
    command=st.lists(_texts, max_size=4).map(tuple),
    selected=st.lists(_case_ids, max_size=4).map(tuple),
    state=st.sampled_from(["running", "finished", "interrupted", "crashed"]),
    note=_texts,
)
