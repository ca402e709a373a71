"""Soaks of the reference stack whose runner is killed again and again, whose services die, or whose disk is full."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE
from harness.soak.checkpoint import Checkpoint
from harness.target.leftovers import spared, sweep, tagged_processes
from harness.verdict.selecting import windows
from harness.verdict.verdict import Status

from .test_runs import LIMIT_S, Soaks, by_id, soaks

__all__ = ["soaks"]

pytestmark = [pytest.mark.self, pytest.mark.slow]

MOST_LOST_S = 60.0
KILLS = 5


def pids(checkpoint: Checkpoint) -> dict[str, str]:
    """Service -> its process by pid and start time."""
    return {one.name: one.owner for one in checkpoint.moorings}


def killed(process: subprocess.Popen[str]) -> int:
    """When, Unix ns."""
    t_ns = time.time_ns()
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    return t_ns


def lost_s(evidence: Path, kill_ns: int) -> dict[str, float]:
    """Kind of record -> how long before the kill the last one was made that is on the disk."""
    kept = Evidence.load(evidence)
    delivered = kept.messages.received_ns[~kept.messages.client.equal(VENUE)]
    last_ns = {
        "readings": kept.readings.t_ns.max(), "deliveries": delivered.max(), "calls": kept.calls.done_ns.max(),
        "ledger": kept.messages.sent_ns[kept.messages.client.equal(VENUE)].max(),
    }  # fmt: skip
    return {kind: (kill_ns - int(t_ns)) / 1e9 for kind, t_ns in last_ns.items()}


def test_five_kills_of_the_runner_leave_one_stack_and_one_run(soaks: Soaks) -> None:
    moments = random.Random(20)
    services: list[dict[str, str]] = []
    process = soaks.start("--duration", "60s")
    for _ in range(KILLS):
        reached_s = Checkpoint.read(soaks.folder).steady_s if services else 0.0
        soaks.steady_for(reached_s + moments.uniform(1.0, 6.0), process)
        time.sleep(moments.uniform(0.0, 6.0))  # a checkpoint has just been written: the kill is to come at any moment
        lost = lost_s(soaks.evidence, killed(process))
        print("lost with the runner, s:", {kind: round(span, 1) for kind, span in lost.items()})  # noqa: T201
        assert max(lost.values()) <= MOST_LOST_S, lost
        last = Checkpoint.read(soaks.folder)
        services.append(pids(last))
        assert [one for one in spared() if soaks.folder.name in one], "it is said how to go on"
        assert not [one for one in sweep() if str(last.moorings[0].owner) in one]
        process = soaks.start("--resume", "latest")
    code, said = soaks.ended(process)

    assert code == 1, said
    assert "Traceback" not in said
    assert set(services[0]) == {"venue-binance", "connector", "market_maker", "live_server"}
    assert all(one == services[0] for one in services), "the same processes in all lives"
    evidence = Evidence.load(soaks.evidence)
    assert evidence.torn == ()
    gaps = [mark for mark in evidence.marks if mark.name == "soak.gap"]
    steady = windows(evidence, "steady")
    assert (len(gaps), len(steady)) == (KILLS, KILLS + 1)
    assert sum(end - begin for begin, end in steady) / 1e9 == pytest.approx(60.0, abs=2.0)
    starts = [mark for mark in evidence.marks if mark.name == "process.started"]
    assert len(starts) == 4, "nothing was started twice"
    statuses = by_id(soaks.verdict())
    for one in ("crashes", "restarts", "uptime", "lost", "duplicated", "cancels"):
        assert statuses[one] is Status.PASS, said
    assert Status.FAIL not in {statuses[one] for one in ("memory", "memory-projected", "runtime-units", "errors")}
    assert tagged_processes(soaks.of_run()) == []


def test_no_more_than_a_minute_is_lost_with_the_runner(soaks: Soaks) -> None:
    process = soaks.start("--duration", "60s")
    soaks.steady_for(12.0, process)
    seen = Checkpoint.read(soaks.folder)
    killed(process)
    evidence = Evidence.load(soaks.evidence)
    assert evidence.torn, "it was cut off"
    kept_ns = max(int(evidence.readings.t_ns[-1]), int(evidence.messages.received_ns.max()))
    assert kept_ns >= seen.t_ns - 2_000_000_000, "what a checkpoint names is on the disk"
    assert soaks.ended(soaks.start("--stop", "latest"))[0] == 0
    assert tagged_processes(soaks.of_run()) == []
    assert Checkpoint.read(soaks.folder).state == "given up"
    assert "ended for good" in soaks.ended(soaks.start("--resume", "latest"))[1]
    assert not [one for one in spared() if soaks.folder.name in one]


def test_a_connector_that_died_while_the_runner_was_away_fails_the_case(soaks: Soaks) -> None:
    process = soaks.start("--duration", "60s")
    before = soaks.steady_for(3.0, process)
    killed(process)
    connector = next(one.process for one in before.moorings if one.name == "connector")
    assert connector is not None
    os.kill(connector.pid, signal.SIGKILL)
    code, said = soaks.ended(soaks.start("--resume", "latest"))
    assert code == 1, said
    assert "Traceback" not in said
    assert by_id(soaks.verdict())["crashes"] is Status.FAIL
    assert soaks.verdict().status is Status.FAIL
    assert tagged_processes(soaks.of_run()) == []


def test_a_runner_that_is_killed_while_it_closes_leaves_a_whole_run_and_the_next_one_only_closes_it(
    soaks: Soaks,
) -> None:
    process = soaks.start("--duration", "5s")
    soaks.steady_for(0.0, process)
    end_s = time.monotonic() + LIMIT_S
    while (last := Checkpoint.read(soaks.folder)).state != "closing":
        assert time.monotonic() < end_s
        time.sleep(0.01)
    killed(process)
    before = pids(last)
    assert set(before) == {"venue-binance", "connector", "market_maker", "live_server"}, "they can be found again"

    code, said = soaks.ended(soaks.start("--take-up"))

    assert code == 1, said
    assert "taken up at 0:00:0" in said
    after = Checkpoint.read(soaks.folder)
    assert (after.state, after.life, after.steady_s) == ("ended", 2, last.steady_s)
    evidence = Evidence.load(soaks.evidence)
    assert len(windows(evidence, "steady")) == 1
    assert len([mark for mark in evidence.marks if mark.name == "window.end"]) == 1
    statuses = by_id(soaks.verdict())
    assert Status.FAIL not in {statuses[one] for one in ("crashes", "restarts", "uptime", "lost", "duplicated")}, said
    assert tagged_processes(soaks.of_run()) == []


def test_a_soak_whose_reader_is_gone_stops_when_it_is_told_to_and_is_judged(soaks: Soaks) -> None:
    process = soaks.start("--duration", "10m")
    soaks.steady_for(1.0, process)
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 1
    assert Checkpoint.read(soaks.folder).state == "stopped"
    assert (soaks.folder / "report.html").exists()
    assert tagged_processes(soaks.of_run()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_a_soak_in_one_sentence_with_the_evidence_kept(small_disk: Path) -> None:
    ours = Soaks(small_disk / "reports")
    process = ours.start("--duration", "10m")
    try:
        ours.steady_for(3.0, process)
        run = ours.folder.name
        with (small_disk / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"\0" * 65_536):
                    pass
            except OSError:
                pass
        code, said = ours.ended(process)
    finally:
        if process.poll() is None:
            process.kill()
    assert code == 3, said
    assert "the disk is full" in said
    assert "Traceback" not in said
    assert len(Evidence.load(ours.evidence).messages)
    assert tagged_processes(lambda tags: tags.get("NFR_RUN") == run) == []
