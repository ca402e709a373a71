"""A day of recorded-size evidence is judged and reported in bounded time and memory; an hour of it in seconds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.evidence.evidence import LARGE_BYTES, Evidence
from harness.evidence.slices import Slices, Slicing
from harness.record.run import RunInfo
from harness.record.store import RunStore
from harness.soak.command import BYTES_PER_UPDATE
from harness.soak.plan import SoakPlan
from harness.spec.loader import load_cases
from suites.self.evidence.long_run import Soak, write
from suites.self.report.made import INFO

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]
MEASURED = """
import resource, sys
from pathlib import Path
from harness.cli import main
sys.argv = ["nfr", *sys.argv[1:]]
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    kept = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print("MEASURED", used.ru_utime + used.ru_stime, int(kept) * 1024, file=sys.stderr)
"""
"""The peak is the process's own: `ru_maxrss` begins with that of whoever started it."""


@dataclass(frozen=True, slots=True)
class Took:
    cpu_s: float
    peak_bytes: float


def nfr(command: str, reports: Path) -> Took:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, command, "latest", "--reports", str(reports)],
        capture_output=True, text=True, timeout=600, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    cpu_s, peak = done.stderr.split("MEASURED ")[1].split()[:2]
    return Took(float(cpu_s), float(peak))


def recorded(reports: Path, soak: Soak) -> tuple[Path, int]:
    info: RunInfo = replace(INFO, selected=("6.1.1",))
    folder = RunStore(reports).create(info)
    return folder.path, write(soak, folder.evidence_path("6.1.1", 1))


def findings(reports: Path) -> dict[str, tuple[str, float]]:
    verdict = RunStore(reports).latest().verdict("6.1.1")
    assert verdict is not None
    return {one.criterion: (str(one.status), one.interval.low) for one in verdict.findings if one.interval is not None}


def test_an_hour_with_losses_a_gap_and_a_fault_is_judged_as_it_was_made(tmp_path: Path) -> None:
    soak = Soak(3600, warm_up_s=180, gaps=((1200, 1230),), faults=((2000, 2060),), lost=50_000, doubled=40_000)
    _, size = recorded(tmp_path, soak)
    assert size < 1e9 / 24
    took = nfr("judge", tmp_path)
    found = findings(tmp_path)
    assert found["lost"][0] == found["duplicated"][0] == "fail"
    assert 1 <= found["lost"][1] <= 3600 * 110 // 50_000 + 2
    assert took.peak_bytes < 350e6


@pytest.mark.slow
def test_a_day_is_judged_in_bounded_time_and_memory(tmp_path: Path) -> None:
    soak = Soak(24 * 3600, gaps=((26_000, 26_050),), faults=((43_000, 43_900),), lost=500_000)
    run, size = recorded(tmp_path, soak)
    assert size <= 1e9
    announced = SoakPlan.lasting(24 * 3600).updates_per_s * 24 * 3600 * BYTES_PER_UPDATE
    assert announced == pytest.approx(size, rel=0.2)
    took = nfr("judge", tmp_path)  # which writes the report too
    assert took.peak_bytes < 500e6
    assert took.cpu_s < 60
    assert (run / "report.html").stat().st_size <= 3_000_000
    assert findings(tmp_path)["lost"][0] == "fail"


def test_what_is_large_is_never_loaded_whole_to_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric and guard that the soak asks for takes its messages in parts."""
    from datetime import date

    from harness.verdict.judge import judge

    write(Soak(300, warm_up_s=60), tmp_path)
    whole, sliced = Evidence.load(tmp_path), Evidence.load(tmp_path, slices=Slicing(rows=20_000))
    soak = next(one for one in load_cases(ROOT / "specs") if one.id == "6.1.1")
    expected = judge(soak, [whole], today=date(2026, 11, 22))

    def refused(_: Slices) -> None:
        raise AssertionError("all messages were loaded at once")

    monkeypatch.setattr(Slices, "whole", refused)
    assert judge(soak, [sliced], today=date(2026, 11, 22)) == expected
    assert LARGE_BYTES < 100 << 20
