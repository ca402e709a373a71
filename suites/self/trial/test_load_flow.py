"""`flow_load`: no gap, evidence while it goes on, outages survived, nothing left when the harness dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.clock import NS_PER_MS, monotonic_s
from harness.evidence.records import Call, Fact, Mark, Record
from harness.target.leftovers import tagged_processes
from harness.trial.load.flow import flow_load
from harness.trial.load.line import Item, next_item, packed
from harness.trial.load.notebook import Notebook, Row, records
from harness.trial.load.plan import LoadPlan
from harness.trial.load.pursuit import pursue
from harness.trial.load.run import LoadError
from harness.trial.load.status import Status
from harness.trial.trial import CutShort, Trial

from .loads import ROOT, Carried, free_port, null_server

pytestmark = pytest.mark.self

TAG = "NFR_RUN"
LIMIT_S = 60.0


def tagged(name: str) -> list[int]:
    return tagged_processes(lambda tags: tags.get(TAG) == name)


def plan_of(address: str, rate_per_s: float = 50) -> LoadPlan:
    return LoadPlan(address, "GetAccount", rate_per_s, 1, users=2, timeout_s=1.0)


class Heard:
    """Overhears a trial's calls and waits for what it wants to see among them."""

    def __init__(self, trial: Trial) -> None:
        self.calls: list[Call] = []
        self.marks: list[str] = []
        trial.overhear(self._hear)

    def _hear(self, record: Record) -> None:
        if isinstance(record, Call):
            self.calls.append(record)
        elif isinstance(record, Mark):
            self.marks.append(record.name)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.05)


def test_it_goes_on_without_a_gap_and_ends_with_its_last_answers(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    heard = Heard(carried.trial)

    async def go(address: str) -> int:
        end = asyncio.Event()
        flowing = asyncio.create_task(flow_load(carried.trial, plan_of(address), end, env={TAG: tmp_path.name}))
        await heard.until(lambda: len(heard.calls) > 300)  # more than one parcel, and nobody has ended it
        before = len(heard.calls)
        end.set()
        async with asyncio.timeout(LIMIT_S):
            await flowing
        return before

    with null_server() as address:
        before = asyncio.run(go(address))
    evidence = carried.evidence()
    calls = evidence.calls
    assert len(calls) == len(heard.calls) > before, "what was under way when it ended is there too"
    assert sorted(calls.seq.tolist()) == list(range(1, len(calls) + 1))
    assert np.diff(np.sort(calls.due_ns)) / NS_PER_MS == pytest.approx(20, abs=0.001), "one timetable all the time"
    assert float(np.diff(np.sort(calls.sent_ns)).max()) / NS_PER_MS < 1_000
    names = [mark.name for mark in evidence.marks]
    assert names == ["load.began", "load.ended"]
    told = {(one.name, one.subject): one.value for one in evidence.facts}
    assert told["instrument.held", "load"] == 0
    assert told["instrument.unsent", "load"] < 25, "what was due in the half second in which a busy machine ends it"
    assert 0 < told["instrument.generator_cpu", "load"] < 1
    assert tagged(tmp_path.name) == []
    assert list((tmp_path / "load").iterdir()) == []


def test_an_outage_of_the_target_is_evidence_and_it_goes_on_afterwards(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    heard = Heard(carried.trial)
    port = free_port()

    def server() -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-m", "harness.reference.null_server", "--port", str(port)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert started.stdout is not None
        started.stdout.readline()
        return started

    def killed(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()

    async def go() -> None:
        end = asyncio.Event()
        first = await asyncio.to_thread(server)
        flowing = asyncio.create_task(
            flow_load(carried.trial, plan_of(f"127.0.0.1:{port}"), end, env={TAG: tmp_path.name})
        )
        try:
            await heard.until(lambda: any(call.code == "OK" for call in heard.calls))
        finally:
            killed(first)
        await heard.until(lambda: sum(call.code == "UNAVAILABLE" for call in heard.calls) > 20)
        second = await asyncio.to_thread(server)
        try:
            await heard.until(lambda: [call.code for call in heard.calls[-20:]] == 20 * ["OK"])
            end.set()
            async with asyncio.timeout(LIMIT_S):
                await flowing
        finally:
            killed(second)

    asyncio.run(go())
    evidence = carried.evidence()
    assert [mark.name for mark in evidence.marks] == ["load.began", "load.ended"], "one and the same load"
    assert tagged(tmp_path.name) == []


def test_a_target_that_comes_back_elsewhere_is_followed(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    heard = Heard(carried.trial)

    async def go(first: str, second: str) -> None:
        where, end = [first], asyncio.Event()
        flowing = asyncio.create_task(
            pursue(carried.trial, plan_of(first), lambda: where[0], end, env={TAG: tmp_path.name})
        )
        await heard.until(lambda: len(heard.calls) > 20)
        where[0] = ""  # it is being started: nobody knows where yet
        before = len(heard.calls)
        await heard.until(lambda: len(heard.calls) > before + 100)
        where[0] = second
        await heard.until(lambda: heard.marks.count("load.began") == 2)
        after = len(heard.calls)
        await heard.until(lambda: len(heard.calls) > after + 50)
        end.set()
        async with asyncio.timeout(LIMIT_S):
            await flowing

    with null_server() as first, null_server() as second:
        asyncio.run(go(first, second))
    evidence = carried.evidence()
    names = [mark.name for mark in evidence.marks]
    assert names == ["load.began", "load.ended", "load.moved", "load.began", "load.ended"]
    moved = next(mark for mark in evidence.marks if mark.name == "load.moved")
    assert (moved.detail["away_from"], moved.detail["to"]) == (first, second)
    assert set(evidence.calls.code) == {"OK"}, "none was lost on the way"
    assert len(evidence.calls) == len(heard.calls)
    assert tagged(tmp_path.name) == []


KILLED = """
import asyncio, sys
from pathlib import Path
from suites.self.trial.loads import Carried
from harness.trial.load.flow import flow_load
from harness.trial.load.plan import LoadPlan

folder, address, name = sys.argv[1:]
trial = Carried(Path(folder)).trial
trial.overhear(lambda record: print("came", flush=True))
plan = LoadPlan(address, "GetAccount", 50, 1, users=2)
asyncio.run(flow_load(trial, plan, asyncio.Event(), env={"NFR_RUN": name}))
"""


def test_a_harness_that_is_killed_takes_its_load_with_it(tmp_path: Path) -> None:
    with null_server() as address:
        harness = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), address, tmp_path.name],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert harness.stdout is not None
        try:
            assert harness.stdout.readline() == "came\n"
            assert tagged(tmp_path.name) != []
        finally:
            os.kill(harness.pid, signal.SIGKILL)
            harness.wait(10)
            harness.stdout.close()
        end_s = monotonic_s() + 5
        while tagged(tmp_path.name) and monotonic_s() < end_s:
            time.sleep(0.05)
        assert tagged(tmp_path.name) == []


def test_a_generator_that_dies_is_the_harnesss_failure_and_says_so(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    heard = Heard(carried.trial)

    async def go(address: str) -> None:
        flowing = asyncio.create_task(
            flow_load(carried.trial, plan_of(address), asyncio.Event(), env={TAG: tmp_path.name})
        )
        await heard.until(lambda: len(heard.calls) > 0)
        for pid in tagged(tmp_path.name):
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(LIMIT_S):
            await flowing

    with null_server() as address, pytest.raises(LoadError, match="the load generator is gone"):
        asyncio.run(go(address))
    assert len(carried.evidence().calls) == len(heard.calls) > 0


def test_a_target_that_is_not_there_cuts_the_trial_short(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    plan = plan_of(f"127.0.0.1:{free_port()}")
    with pytest.raises(CutShort, match="none of 2 users reached"):
        asyncio.run(flow_load(carried.trial, plan, asyncio.Event(), env={TAG: tmp_path.name}))
    assert tagged(tmp_path.name) == []


def test_one_that_is_told_to_end_before_it_began_just_ends(tmp_path: Path) -> None:
    carried = Carried(tmp_path)

    async def go(address: str) -> None:
        end = asyncio.Event()
        end.set()
        async with asyncio.timeout(LIMIT_S):
            await flow_load(carried.trial, plan_of(address), end, env={TAG: tmp_path.name})

    with null_server() as address:
        asyncio.run(go(address))
    assert tagged(tmp_path.name) == []


def test_what_cannot_flow_is_refused(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    plan = LoadPlan("127.0.0.1:1", "SubscribePrice", 1, 1)
    with pytest.raises(ValueError, match="makes calls, from one process"):
        asyncio.run(flow_load(carried.trial, plan, asyncio.Event()))


# -- the line ----------------------------------------------------------------------------------------


async def said(sent: bytes) -> list[Item]:
    reader = asyncio.StreamReader()
    reader.feed_data(sent)
    reader.feed_eof()
    items = []
    while not reader.at_eof():
        items.append(await next_item(reader))
    return items


TIMES = st.integers(0, 2**62)


@given(st.lists(st.builds(Row, st.integers(0, 9), TIMES, TIMES, TIMES, TIMES, st.just("ok"), st.just("OK"))))
def test_calls_arrive_as_they_were_written_down(rows: list[Row]) -> None:
    notebook = Notebook()
    for row in rows:
        notebook.called(row)
    items = asyncio.run(said(b"".join(packed(parcel) for parcel in notebook.parcels())))
    plan = LoadPlan("x:1", "GetAccount", 1, 1, users=10)
    came = [one for item in items if isinstance(item, dict) for one in records(item, plan, 0)]
    assert [(one.seq, one.due_ns, one.sent_ns, one.done_ns) for one in came if isinstance(one, Call)] == [
        (row.seq, row.due_ns, row.sent_ns, row.done_ns) for row in rows
    ]


@given(st.builds(Mark, TIMES, st.text(), st.dictionaries(st.text(), st.text())), st.floats(allow_nan=False), st.text())
def test_marks_facts_and_how_it_stands_arrive(mark: Mark, value: float, text: str) -> None:
    items: list[Item] = [mark, Fact("a", value, "calls", text, text), Status("failed", 1, 2, 3, why=text)]
    assert asyncio.run(said(b"".join(packed(item) for item in items))) == items


@pytest.mark.parametrize("junk", [b"\xff" * 20, packed(Status("x")).replace(b"state", b"tates")])
def test_what_is_no_item_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match=r"no item|more than anybody"):
        asyncio.run(said(junk))
