"""Soaks of the reference stack as real processes: killed, taken up, stopped, with a connector that dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE
from harness.record.store import RunStore
from harness.soak.checkpoint import Checkpoint, CheckpointError
from harness.target.leftovers import kill_processes, tagged_processes
from harness.verdict.metrics.messages import missing
from harness.verdict.selecting import windows
from harness.verdict.verdict import CaseVerdict, Status

pytestmark = [pytest.mark.self, pytest.mark.slow]

LIMIT_S = 150.0
CASE = "6.1.1"


class Soaks:
    """Soaks that write below one folder."""

    def __init__(self, reports: Path) -> None:
        self.reports = reports
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "harness.soak.command",
            "--launcher",
            "process",
            "--reports",
            str(self.reports),
        ]
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.running.append(process)
        return process

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = process.communicate(timeout=LIMIT_S)
        return process.returncode, said

    def status(self, *arguments: str) -> str:
        return self.ended(self.start("--status", "latest", *arguments))[1]

    @property
    def folder(self) -> Path:
        return next(path.parent for path in self.reports.glob("*/run.json"))

    @property
    def evidence(self) -> Path:
        return self.folder / "cases" / CASE / "evidence" / "trial-1"

    def verdict(self) -> CaseVerdict:
        verdict = RunStore(self.reports).latest().verdict(CASE)
        assert verdict is not None
        return verdict

    def steady_for(self, seconds: float, process: subprocess.Popen[str]) -> Checkpoint:
        """Its first checkpoint with so much steady time."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s and process.poll() is None:
            try:
                checkpoint = Checkpoint.read(self.folder)
            except (CheckpointError, StopIteration):
                checkpoint = None
            if checkpoint is not None and checkpoint.runner_pid == process.pid and checkpoint.steady_s >= seconds:
                return checkpoint
            time.sleep(0.1)
        raise AssertionError(f"no steady time within {LIMIT_S:g} s; exit {process.poll()}")

    def of_run(self) -> Callable[[Mapping[str, str]], bool]:
        run = self.folder.name
        return lambda tags: tags.get("NFR_RUN") == run


@pytest.fixture
def soaks(tmp_path: Path) -> Iterator[Soaks]:
    ours = Soaks(tmp_path / "reports")
    yield ours
    for process in ours.running:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if ours.reports.exists():
        kill_processes(ours.of_run())


def by_id(verdict: CaseVerdict) -> dict[str, Status]:
    return {finding.criterion: finding.status for finding in verdict.findings}


def test_a_soak_whose_runner_is_killed_goes_on_with_one_timeline_and_a_gap(soaks: Soaks) -> None:
    first = soaks.start("--duration", "20s")
    before = soaks.steady_for(6.0, first)
    first.kill()
    first.wait()
    assert "its runner is gone: --resume it" in soaks.status()

    code, said = soaks.ended(soaks.start("--resume", "latest"))

    assert code == 1, "no pass without a day"
    assert "taken up at 0:00:" in said
    assert "in 2 lives of the runner, no verdict on 24 h" in said
    after = Checkpoint.read(soaks.folder)
    assert (after.state, after.life) == ("ended", 2)
    assert after.steady_s == pytest.approx(20.0, abs=2.0)
    evidence = Evidence.load(soaks.evidence)
    steady = windows(evidence, "steady")
    assert len(steady) == 2
    assert sum(end - begin for begin, end in steady) / 1e9 == pytest.approx(20.0, abs=2.0)
    assert steady[0][1] >= before.t_ns, "what was on the disk at the checkpoint is kept"
    (gap,) = [mark for mark in evidence.marks if mark.name == "soak.gap"]
    assert steady[0][1] <= gap.t_ns < steady[1][0]
    assert missing(evidence, {"client": "*"}).interval.high == 0  # type: ignore[union-attr]
    venue = evidence.messages.client.equal(VENUE)
    by_time = evidence.messages.serial[venue]
    assert (by_time[1:] >= by_time[:-1]).all(), "the second venue's numbers follow those of the first"
    statuses = by_id(soaks.verdict())
    assert statuses["duplicated"] is not Status.FAIL
    assert statuses["uptime"] is not Status.FAIL
    assert tagged_processes(soaks.of_run()) == []
    assert "is over" in soaks.ended(soaks.start("--resume", "latest"))[1]


def test_a_connector_that_dies_is_a_failed_criterion_and_ends_the_soak_early(soaks: Soaks) -> None:
    process = soaks.start("--duration", "10m")
    end_s = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < end_s:
        if "steady" in soaks.status() and Checkpoint.read(soaks.folder).state == "steady":
            break
    ours = tagged_processes(soaks.of_run())
    (connector,) = [pid for pid in ours if b"harness.reference.connector" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(connector, signal.SIGKILL)
    code, said = soaks.ended(process)
    assert code == 1
    assert "Traceback" not in said
    verdict = soaks.verdict()
    assert verdict.status is Status.FAIL
    assert by_id(verdict)["crashes"] is Status.FAIL
    assert Checkpoint.read(soaks.folder).state == "failed"
    assert RunStore(soaks.reports).latest().info.state == "finished"
    assert tagged_processes(soaks.of_run()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_soak_that_is_told_to_stop_keeps_and_judges_what_it_has(soaks: Soaks, number: int) -> None:
    process = soaks.start("--duration", "10m" if number == signal.SIGTERM else "60s")
    soaks.steady_for(1.0, process)
    process.send_signal(number)
    code, said = soaks.ended(process)
    assert code == 1
    assert "nfr: stopping" in said
    assert "a projection from 0:00:" in said
    assert (soaks.folder / "report.html").exists()
    assert not Evidence.load(soaks.evidence).torn
    statuses = by_id(soaks.verdict())
    assert [statuses[one] for one in ("crashes", "uptime", "lost", "duplicated")] == [Status.PASS] * 4
    assert json.loads(soaks.status("--json"))["checkpoint"]["state"] == "stopped"
    assert RunStore(soaks.reports).latest().info.state == "interrupted"
    assert tagged_processes(soaks.of_run()) == []


def test_a_recording_that_cannot_go_on_ends_the_soak_in_one_sentence(soaks: Soaks) -> None:
    process = soaks.start("--duration", "10m")
    end_s = time.monotonic() + LIMIT_S
    while not list(soaks.reports.glob(f"*/cases/{CASE}/evidence/trial-1/messages.arrows")):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    shutil.move(soaks.evidence, soaks.reports / "taken-away")
    code, said = soaks.ended(process)
    assert code == 3
    assert "vanished while recording" in said
    assert "Traceback" not in said
    assert len(Evidence.load(soaks.reports / "taken-away").messages), "what was recorded stays readable"
    assert tagged_processes(soaks.of_run()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--duration", "soon"], "is no duration"),
        (["--status", "latest"], "there is no run"),
        (["--faults", "nowhere.yaml"], "nowhere.yaml cannot be read"),
    ],
)
def test_a_soak_that_cannot_be_is_refused_in_one_sentence(soaks: Soaks, arguments: list[str], says: str) -> None:
    code, said = soaks.ended(soaks.start(*arguments))
    assert code == 2
    assert says in said
    assert "Traceback" not in said
