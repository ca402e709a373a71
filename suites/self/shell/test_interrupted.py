"""Whatever ends a run early: the evidence so far is kept and nothing started is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from suites.self.shell.ran import ROOT, command, ours_alive, reference_with, run_nfr, run_pytest

pytestmark = pytest.mark.self

INTERRUPTED, HARNESS_BROKEN = 2, 3
WAIT_S = 60.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not happen within {WAIT_S:g} s"
        time.sleep(0.05)


def in_the_middle(reports: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """pytest in the middle of 3.1.4: venue and connector run, streams deliver."""
    profile = reference_with(tmp_path)
    running = subprocess.Popen(
        command(reports, "--target", str(profile), "-k", "concurrent"), cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_until(
        lambda: (
            running.poll() is not None
            or any(path.stat().st_size > 20_000 for path in reports.glob("*/cases/3.1.4/evidence/trial-1/messages*"))
        ),
        "evidence",
    )
    assert running.poll() is None, running.communicate()[0]
    return running


@pytest.fixture
def run_in_the_middle(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    reports = tmp_path / "reports"
    running = in_the_middle(reports, tmp_path)
    try:
        yield running, reports
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_takes_everything_down_and_keeps_the_evidence(number: signal.Signals, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    running = in_the_middle(reports, tmp_path)
    running.send_signal(number)
    text, _ = running.communicate(timeout=WAIT_S)
    assert running.returncode == INTERRUPTED, text
    assert ours_alive(reports) == []
    (folder,) = reports.glob("*")
    assert json.loads((folder / "run.json").read_text())["state"] == "interrupted"
    assert (folder / "report.html").exists()
    judged = run_nfr(reports, "judge", str(folder), "--reports", str(reports))
    assert "3.1.4" in judged.text, "what was recorded before Ctrl-C can be judged"


def test_after_kill_minus_9_the_next_start_cleans_up(
    run_in_the_middle: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    running, reports = run_in_the_middle
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=WAIT_S)
    assert ours_alive(reports), "a killed harness cannot clean up: the services still run"
    again = run_pytest(tmp_path / "again", "--target", str(reference_with(tmp_path)), "-k", "health")
    assert again.code == 0, again.text
    # What is removed is said by whoever comes first: maybe another test's harness that started at the same time.
    assert ours_alive(reports) == []
    (folder,) = reports.glob("*")
    judged = run_nfr(reports, "judge", str(folder), "--reports", str(reports))
    assert "3.1.4" in judged.text, "the evidence up to the kill can be judged"


@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk is a small tmpfs here, and mounting one needs root")
def test_a_full_disk_ends_the_run_in_one_sentence_and_keeps_the_evidence(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(reports)], check=False, timeout=20
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        ran = run_pytest(reports, "--target", str(reference_with(tmp_path)), "-k", "concurrent")
        assert ran.code == HARNESS_BROKEN, ran.text
        assert "disk" in ran.text or "space" in ran.text
        assert str(reports) in ran.text
        assert ours_alive(reports) == []
        assert list(reports.glob("*/cases/3.1.4/evidence/trial-1/*")), "what was recorded is still there"
    finally:
        subprocess.run(["umount", "-l", str(reports)], check=True, timeout=20)
