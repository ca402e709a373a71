"""`run_load`: what is offered is achieved, evenly; no stall is hidden; what fails says so, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.client.measuring.transport import stamping
from harness.evidence.clock import NS_PER_MS, NS_PER_S, monotonic_s
from harness.target.leftovers import tagged_processes
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.run import LoadError, run_load
from harness.trial.trial import CutShort

from .loads import ROOT, STALL_S, Carried, free_port, null_server, stalling_server

pytestmark = pytest.mark.self

TAG = "NFR_RUN"


def tagged(name: str) -> list[int]:
    return tagged_processes(lambda tags: tags.get(TAG) == name)


def may_run_in_real_time() -> bool:
    """Asked of a process of its own, so that this one stays as it is."""
    asks = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
    return subprocess.run([sys.executable, "-c", asks], capture_output=True, timeout=30, check=False).returncode == 0


def test_a_generator_without_a_timetable_leaves_the_cpu_to_the_target(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        plan = LoadPlan(address, "GetAccount", 0, 1, users=2, shape=Shape.CLOSED)
        asyncio.run(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
    told = {(one.name, one.subject): one.value for one in carried.evidence().facts}
    assert told["instrument.real_time", "steady"] == 0


def test_what_is_offered_is_achieved_and_evenly(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        plan = LoadPlan(address, "GetAccount", 200, 3, users=10, warm_s=1)
        result = asyncio.run(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
    evidence = carried.evidence()
    calls = evidence.calls
    inside = calls.rows((calls.due_ns >= result.begin_ns) & (calls.due_ns < result.end_ns))
    assert (result.calls, result.failed, result.unsent, result.held) == (600, 0, 0, 0)
    assert len(inside) == 600
    assert len(calls) == 800, "the warm-up is there too, in no window"
    assert calls.client.names == tuple(sorted(f"load-{number}" for number in range(1, 11)))
    assert len(set(zip(calls.client, calls.seq.tolist(), strict=True))) == 800
    gaps_ms = np.diff(np.sort(inside.due_ns)) / NS_PER_MS
    assert gaps_ms == pytest.approx(5, abs=0.001)
    sent_gaps_ms = np.diff(np.sort(inside.sent_ns)) / NS_PER_MS
    assert float(np.mean(np.less(sent_gaps_ms, 0.5))) < 0.1, "hidden bursts"
    assert bool((inside.sent_ns >= inside.due_ns).all())
    told = {(one.name, one.subject): one.value for one in evidence.facts}
    assert told["instrument.offered_per_s", "steady"] == pytest.approx(200)
    assert told["instrument.unsent", "steady"] == told["instrument.held", "steady"] == 0
    assert 0 < told["instrument.generator_cpu", "steady"] < 1
    assert told["instrument.processes", "steady"] == 1
    assert ("instrument.stamps", "") in told
    assert told["instrument.real_time", "steady"] == may_run_in_real_time()
    names = [mark.name for mark in evidence.marks]
    assert names.index("load.began") < names.index("window.begin") < names.index("window.end")
    assert tagged(tmp_path.name) == []


def test_two_processes_share_one_timetable(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        plan = LoadPlan(address, "GetAccount", 200, 2, users=5, processes=2)
        result = asyncio.run(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
    evidence = carried.evidence()
    assert result.calls == len(evidence.calls) == 400
    assert np.diff(np.sort(evidence.calls.due_ns)) / NS_PER_MS == pytest.approx(5, abs=0.001)
    written = [one.value for one in evidence.facts if one.name == "load.records"]
    assert len(written) == 2
    assert sum(written) == 400
    assert tagged(tmp_path.name) == []


def test_a_stall_is_not_hidden(tmp_path: Path) -> None:
    """Half of each second the target is silent: half the calls are due in it and wait for its end."""
    carried = Carried(tmp_path)
    with stalling_server() as server:
        plan = LoadPlan(server.address, "GetAccount", 100, 4, users=4)
        result = asyncio.run(run_load(carried.trial, plan))
    calls = carried.evidence().calls
    since_due_ms = (calls.done_ns - calls.due_ns) / NS_PER_MS
    since_sent_ms = (calls.done_ns - calls.sent_ns) / NS_PER_MS
    late_share = float(np.mean(since_due_ms > 1000 * STALL_S / 10))
    assert 0.35 < late_share < 0.6
    assert float(np.mean(since_sent_ms > 1000 * STALL_S / 10)) < late_share / 2, "from sending, most of it is hidden"
    assert result.calls + result.held + result.unsent == 400
    assert result.unsent <= 4


def test_arrivals_that_a_silent_target_holds_are_counted(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with stalling_server() as server:
        plan = LoadPlan(server.address, "GetAccount", 400, 0.3, users=2)  # each stall is longer than the window
        results = []
        for _ in range(2):
            results.append(asyncio.run(run_load(carried.trial, plan)))
    assert all(one.calls + one.held + one.unsent == 120 for one in results)
    counted = [one.value for one in carried.evidence().facts if one.name == "instrument.held"]
    assert counted == sorted(one.held for one in results)


def test_every_message_of_a_stream_is_there(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server(rate_per_s=2000) as address:
        plan = LoadPlan(
            address, "SubscribePrice", 0, 2, users=2, client="reader", warm_s=0.5, request={"symbols": ["BTCUSDT"]}
        )
        result = asyncio.run(run_load(carried.trial, plan))
    evidence = carried.evidence()
    for client in ("reader-1", "reader-2"):
        rows = evidence.messages.rows(evidence.messages.client.equal(client))
        numbers = [int(value) for value in rows.value]  # the null server counts its messages, as their price
        assert numbers == list(range(1, len(numbers) + 1)), "none lost, none doubled, in order"
        assert len(numbers) > 4000
        assert bool((rows.received_ns >= rows.sent_ns).all())
        assert set(rows.key) == {"BTCUSDT"}
        assert set(rows.wrong) == {""}
    assert result.messages == pytest.approx(8000, rel=0.1)
    marks = [(mark.name, mark.detail["client"]) for mark in evidence.marks if mark.name.startswith("stream.")]
    for name in ("stream.opened", "stream.live", "stream.quiet"):
        assert [client for one, client in sorted(marks) if one == name] == ["reader-1", "reader-2"]
    assert any(mark.name == "load.warm" for mark in evidence.marks)
    opened = [mark for mark in evidence.marks if mark.name == "stream.opened"]
    assert [mark.detail["received_by"] for mark in opened] == 2 * [stamping()]


def test_what_is_stamped_on_forwarding_is_read_for_a_second_after_the_window(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server(rate_per_s=200) as address:  # stamps when it sends: what a venue sent earlier would look late
        plan = LoadPlan(address, "SubscribePrice", 0, 1, client="reader", request={"symbols": ["BTCUSDT"]})
        result = asyncio.run(run_load(carried.trial, plan))
    last_s = (int(carried.evidence().messages.sent_ns.max()) - result.end_ns) / NS_PER_S
    assert 0.9 < last_s < 2.5, "and not for much longer"


def test_all_users_against_the_null_server_are_one_client(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        plan = LoadPlan(address, "GetName", 0, 0.5, users=3, client="null", window="floor", shape=Shape.CLOSED)
        result = asyncio.run(run_load(carried.trial, plan))
    calls = carried.evidence().calls
    assert calls.client.names == ("null",)
    assert result.calls > 100
    assert len(set(calls.seq.tolist())) == len(calls)


@pytest.mark.parametrize("method", ["GetAccount", "SubscribePrice"])
def test_a_ceiling_is_counted_without_records(tmp_path: Path, method: str) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        plan = LoadPlan(address, method, 0, 0.5, client="null", window="", shape=Shape.CLOSED, count_only=True)
        result = asyncio.run(run_load(carried.trial, plan))
    evidence = carried.evidence()
    assert len(evidence.calls) == len(evidence.messages) == len(evidence.facts) == 0
    assert result.achieved_per_s > 200
    assert (result.calls > 0) == (method == "GetAccount")
    assert (result.messages > 0) == (method == "SubscribePrice")
    assert result.failed == 0


def test_orders_have_ids_of_their_own(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    request = {
        "symbol": "BTCUSDT", "side": "ORDER_SIDE_BUY", "type": "ORDER_TYPE_LIMIT", "quantity": "0.5", "price": "100",
        "client_order_id": "load-{run}-{n}",
    }  # fmt: skip
    with null_server() as address:
        plan = LoadPlan(address, "PlaceOrder", 100, 0.5, users=2, request=request)
        result = asyncio.run(run_load(carried.trial, plan))
    assert (result.calls, result.failed, result.unsent, result.held) == (50, 0, 0, 0)


def test_a_target_that_refuses_cuts_the_trial_short(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(CutShort, match=f"none of 3 users reached {address}") as told:
        asyncio.run(run_load(carried.trial, LoadPlan(address, "GetAccount", 10, 1, users=3), env={TAG: tmp_path.name}))
    assert "\n" not in str(told.value)
    assert tagged(tmp_path.name) == []


def test_a_killed_generator_says_its_last_words(tmp_path: Path) -> None:
    carried = Carried(tmp_path)

    def started() -> bool:
        return any(tmp_path.glob("load/*/status.json"))

    async def killed(address: str) -> None:
        plan = LoadPlan(address, "GetAccount", 10, 30, metadata=(("x-api-key", "very-secret"),))
        running = asyncio.create_task(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
        until_s = monotonic_s() + 30
        while not started():
            assert monotonic_s() < until_s
            await asyncio.sleep(0.02)
        for pid in tagged(tmp_path.name):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LoadError, match="ended with -9 before its load was over") as told:
            await running
        assert "Starting Locust" in str(told.value)
        assert "very-secret" not in str(told.value)

    with null_server() as address:
        asyncio.run(killed(address))
    assert tagged(tmp_path.name) == []


def test_a_worker_that_dies_fails_the_load(tmp_path: Path) -> None:
    carried = Carried(tmp_path)

    def running() -> bool:
        return any('"running"' in file.read_text() for file in tmp_path.glob("load/*/status.json"))

    async def killed(address: str) -> None:
        plan = LoadPlan(address, "GetAccount", 10, 30, users=2, processes=2)
        load = asyncio.create_task(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
        until_s = monotonic_s() + 30
        while not running():
            assert monotonic_s() < until_s
            await asyncio.sleep(0.02)
        os.kill(max(tagged(tmp_path.name)), signal.SIGKILL)
        with pytest.raises(LoadError, match="went away in the middle of the load"):
            await load

    with null_server() as address:
        asyncio.run(killed(address))
    assert tagged(tmp_path.name) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_cancelled_load_leaves_nothing(tmp_path: Path, processes: int) -> None:
    carried = Carried(tmp_path)

    async def cancelled(address: str) -> None:
        plan = LoadPlan(address, "GetAccount", 10, 30, users=2, processes=processes)
        running = asyncio.create_task(run_load(carried.trial, plan, env={TAG: tmp_path.name}))
        until_s = monotonic_s() + 30
        while len(tagged(tmp_path.name)) < (1 if processes == 1 else 1 + processes):
            assert monotonic_s() < until_s
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with null_server() as address:
        asyncio.run(cancelled(address))
    assert tagged(tmp_path.name) == []


def test_a_load_longer_than_its_limit_is_ended(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    with null_server() as address:
        load = run_load(carried.trial, LoadPlan(address, "GetAccount", 10, 30), env={TAG: tmp_path.name}, limit_s=4)
        with pytest.raises(LoadError, match="not over after 4 s"):
            asyncio.run(load)
    assert tagged(tmp_path.name) == []


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (LoadPlan("127.0.0.1:1", "GetAccount", 0, 1), "rate_per_s is 0"),
        (LoadPlan("127.0.0.1:1", "GetNothing", 1, 1), "no method 'GetNothing'"),
        (LoadPlan("127.0.0.1:1", "GetOrder", 1, 1, request={"colour": "red"}), "does not fit GetOrder"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_starts(tmp_path: Path, plan: LoadPlan, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        asyncio.run(run_load(Carried(tmp_path).trial, plan))
    assert not (tmp_path / "load").exists()


def test_the_harness_is_not_patched_by_locust() -> None:
    code = (
        "import sys, harness.trial.load.run, harness.plugin\n"
        "bad = sorted({name.split('.')[0] for name in sys.modules} & {'locust', 'gevent'})\n"
        "import socket\n"
        "print(bad, socket.socket.__module__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    assert ran.stdout.split() == ["[]", "socket"]


def test_pytest_itself_is_not_patched_either() -> None:
    """Locust brings a plugin of its own for pytest, which is loaded wherever Locust is installed."""
    assert "gevent.monkey" not in sys.modules
