"""The instrument measured alone: the null server comes and goes, the floor is evidence, the ceiling lasts one run."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Message, Reading, Record
from harness.spec.case import Case, Criterion, Group, Level, Op, Priority
from harness.target.errors import TargetError
from harness.trial.calibration import CALLS, Ceilings, calibrate_for, calibrate_turns, ceiling, null_server, spread
from harness.trial.interleaved import Party, Turns
from harness.trial.load.plan import NULL, LoadPlan, Shape
from harness.trial.load.run import run_load
from harness.trial.neighbours import Neighbours
from harness.trial.stage import Stage
from harness.trial.warm_up import BLOCK, Block, steady, warm_up
from harness.verdict.judge import judge
from harness.verdict.verdict import Status

from .loads import on_stage

pytestmark = pytest.mark.self

RATE_PER_S = 400.0


def of_kind(records: list[Record], name: str) -> list[Mark | Fact]:
    return [one for one in records if isinstance(one, Mark | Fact) and one.name == name]


def null_servers() -> list[int]:
    ours = psutil.Process().children(recursive=True)
    return [one.pid for one in ours if "harness.reference.null_server" in " ".join(one.cmdline())]


def test_the_null_server_serves_where_the_connector_would_be_and_is_gone_afterwards(tmp_path: Path) -> None:
    seen: list[int] = []

    async def body(stage: Stage) -> None:
        async with null_server(stage) as address:
            seen.extend(null_servers())
            host, port = address.rsplit(":", 1)
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
        assert not null_servers()

    records = on_stage(tmp_path, body)
    assert len(seen) == 1
    assert [mark.detail["service"] for mark in of_kind(records, "process.died") if isinstance(mark, Mark)] == [
        "null-server"
    ]


@pytest.mark.docker
def test_as_a_container_it_is_reached_without_a_proxy_in_between(tmp_path: Path) -> None:
    addresses: list[str] = []

    async def body(stage: Stage) -> None:
        async with null_server(stage) as address:
            addresses.append(address)
            result = await run_load(
                stage.trial, LoadPlan(address, "GetAccount", 100.0, 1.0, client=NULL, window="floor"), env=stage.labels
            )
            assert (result.calls, result.failed) == (100, 0)

    on_stage(tmp_path, body, launcher="container")
    assert not addresses[0].startswith("127."), "that would be a port that the engine forwards"


def test_floor_and_ceiling_are_in_the_evidence_of_every_trial_and_the_ceiling_is_measured_once_a_run(
    tmp_path: Path,
) -> None:
    run = f"self-{uuid.uuid4().hex[:8]}"
    plan = LoadPlan("unused:1", "GetAccount", RATE_PER_S, 1.0)

    async def body(stage: Stage) -> None:
        await calibrate_for(stage, plan)

    first, second = (on_stage(tmp_path / number, body, run=run) for number in "12")
    for records in (first, second):
        calls = [one for one in records if isinstance(one, Call)]
        begin, end = (of_kind(records, f"window.{edge}")[0] for edge in ("begin", "end"))
        assert isinstance(begin, Mark)
        assert isinstance(end, Mark)
        inside = [one for one in calls if begin.t_ns <= one.due_ns < end.t_ns]
        assert {one.client for one in calls} == {NULL}
        assert begin.detail == {"window": "floor"}
        assert len(inside) >= 368, "fewer cannot bound a p99"
        assert len(inside) >= 0.9 * RATE_PER_S * (end.t_ns - begin.t_ns) / 1e9
        assert not of_kind(records, "load.warm"), "a warm null server says nothing of the target"
    (told,), (repeated,) = (of_kind(records, "instrument.ceiling") for records in (first, second))
    assert isinstance(told, Fact)
    assert isinstance(repeated, Fact)
    assert told.value == repeated.value > RATE_PER_S
    assert "against the null server as process" in told.detail
    starts = [len(of_kind(records, "process.started")) for records in (first, second)]
    assert starts == [2, 1], "the second trial needs a null server for its floor only"


def test_another_run_measures_its_ceiling_anew() -> None:
    known = Ceilings()
    known.of_run("one")[CALLS, 1, "process"] = None  # type: ignore[assignment]
    assert known.of_run("one")
    assert not known.of_run("two")
    assert not known.of_run("one"), "nothing outlives its run"


def test_a_null_server_that_cannot_be_had_is_said_and_nothing_passes(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        async def refuse(rate_per_s: float = 0.0) -> None:
            raise TargetError("no room for it")

        stage.launcher.start_null_server = refuse  # type: ignore[method-assign,assignment]
        await calibrate_for(stage, LoadPlan("unused:1", "GetAccount", RATE_PER_S, 1.0))

    told = [one for one in on_stage(tmp_path, body) if isinstance(one, Fact) and one.name == "unmeasurable"]
    assert {one.subject: one.detail for one in told} == {
        "instrument.floor": "no room for it", "instrument.ceiling": "no room for it",
    }  # fmt: skip


def saturating_case(per_s: float) -> Case:
    rate = Criterion(
        id="rate", says="answered calls per second", metric="calls.rate_per_s",
        of={"client": "load*", "window": "steady"},
        op=Op.GT, limit=per_s, unit="/s", level=Level.REQUIRED,
    )  # fmt: skip
    return Case(
        id="5.2.1", title="Saturated", group=Group.PERFORMANCE, priority=Priority.HIGH, given="a null server",
        when="more is asked of the instrument than it can do", then="it says so", criteria=(rate,), estimate_s=10,
        load={"calls": 1},
    )  # fmt: skip


@pytest.mark.parametrize("limit_per_s", [10.0, 1e6], ids=["within-reach", "out-of-reach"])
def test_beyond_its_ceiling_the_instrument_neither_passes_nor_fails_anybody(tmp_path: Path, limit_per_s: float) -> None:
    """The quickest target there is, a null server, is judged by a generator at its own end."""

    async def body(stage: Stage) -> None:
        found = await ceiling(stage, CALLS, 1)
        async with null_server(stage) as address:
            stage.trial.fact("instrument.ceiling", found.per_s, "calls/s", subject=CALLS)
            stage.trial.mark("load.warm", how="the null server has nothing to warm", took_s="0")
            load = LoadPlan(address, "GetAccount", 2 * found.per_s, 2.0, users=4, client="load")
            await run_load(stage.trial, load, env=stage.labels)

    records = on_stage(tmp_path, body, run="self-saturated")
    verdict = judge(saturating_case(limit_per_s), [Evidence.of(*records)], today=date(2030, 1, 1))
    assert verdict.status is Status.INCONCLUSIVE
    assert "ceiling too near" in {doubt.name for doubt in verdict.doubts}


def test_interleaved_calls_have_a_floor_and_a_ceiling_of_their_own_generator(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        party = Party("through", "grpc", "unused:1")
        await calibrate_turns(stage, Turns((party, party), 100, 200.0))

    records = on_stage(tmp_path, body)
    (told,) = of_kind(records, "instrument.ceiling")
    assert isinstance(told, Fact)
    assert told.value > 400
    assert len([one for one in records if isinstance(one, Call) and one.client == NULL]) >= 368
    assert not [one for one in records if isinstance(one, Message)]


# -- warm-up ----------------------------------------------------------------------------------------


def blocks(*p50_ms: float) -> list[Block]:
    return [Block(one, 3 * one) for one in p50_ms]


def test_it_is_warm_once_no_block_is_a_new_low() -> None:
    assert steady(blocks(5, 1, 1, 1, 1))
    assert steady(blocks(1.0, 1.02, 0.97, 1.01)), "noise is no fall"
    assert not steady(blocks(5, 4, 3, 2, 1, 0.5))
    assert not steady(blocks(5, 1, 1, 1)), "the fall itself lies within the last blocks"
    assert not steady(blocks(1, 1, 1)), "too few to tell"


def test_the_tail_must_have_stopped_falling_too() -> None:
    assert not steady([Block(1, 9), Block(1, 9), Block(1, 6), Block(1, 4), Block(1, 2)])


def test_a_warm_up_says_how_it_was_seen_to_be_over_and_leaves_no_call_in_the_evidence(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        async with null_server(stage) as address:
            await warm_up(stage.trial, LoadPlan(address, "GetAccount", 200.0, 1.0))

    records = on_stage(tmp_path, body)
    (mark,) = of_kind(records, "load.warm")
    assert isinstance(mark, Mark)
    assert f"of {BLOCK}: p50" in mark.detail["how"]
    assert 0 < float(mark.detail["took_s"]) < 12
    assert not [one for one in records if isinstance(one, Call)]


def test_a_target_that_is_not_there_is_never_warm(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await warm_up(stage.trial, LoadPlan("127.0.0.1:1", "SubscribePrice", 0.0, 1.0, shape=Shape.CLOSED), limit_s=1)

    assert not of_kind(on_stage(tmp_path, body), "load.warm")


# -- neighbours -------------------------------------------------------------------------------------


BUSY = "import time\nuntil = time.process_time() + 30\nwhile time.process_time() < until: pass"


@pytest.fixture
def stranger() -> Iterator[int]:
    """A busy process that is no child of ours."""
    shell = 'trap "" HUP; "$0" -c "$1" >/dev/null 2>&1 & echo $!'
    started = subprocess.run(["sh", "-c", shell, sys.executable, BUSY], capture_output=True, text=True, check=True)
    pid = int(started.stdout)
    yield pid
    os.kill(pid, signal.SIGKILL)


def test_what_a_service_of_the_run_uses_is_not_its_neighbours_doing(stranger: int) -> None:
    busy = psutil.Process(stranger)
    as_stranger, as_service = Neighbours(tuple), Neighbours(lambda: (stranger,))
    before = [asyncio.run(one.read())[0].value for one in (as_stranger, as_service)]
    used_s = sum(busy.cpu_times()[:2])
    until_s = time.monotonic() + 20
    while sum(busy.cpu_times()[:2]) < used_s + 1.0 and time.monotonic() < until_s:
        time.sleep(0.05)
    after = [asyncio.run(one.read())[0].value for one in (as_stranger, as_service)]
    grown = [late - early for early, late in zip(before, after, strict=True)]
    assert grown[0] - grown[1] == pytest.approx(sum(busy.cpu_times()[:2]) - used_s, abs=0.2)


def test_a_service_that_nobody_can_see_could_be_the_busy_one() -> None:
    assert asyncio.run(Neighbours(lambda: (None,)).read()) == ()


def test_a_reading_of_neighbours_comes_at_most_twice_a_second() -> None:
    looked = Neighbours(tuple)
    first = asyncio.run(looked.read())
    assert [type(one) for one in first] == [Reading]
    assert asyncio.run(looked.read()) == ()


def test_the_spread_of_repetitions() -> None:
    assert spread([2.0, 1.0, 3.0]) == 1.0
    assert math.isnan(spread([]))
