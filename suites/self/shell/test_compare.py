"""`nfr compare` tells a newcomer whether the second run is slower, and refuses what cannot be compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.evidence.recorder import Recorder
from suites.self.shell.compared_runs import HOST, OTHER_HOST, stored_run
from suites.self.shell.ran import run_nfr

pytestmark = pytest.mark.self

ALIKE, SLOWER, USAGE, BROKEN = 0, 1, 2, 3


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "reports"
    stored_run(folder, "before", seed=1)
    stored_run(folder, "again", seed=2)
    stored_run(folder, "slowed", seed=3, slowdown=1.15)
    stored_run(folder, "elsewhere", seed=4, host=OTHER_HOST, slowdown=1.3)
    stored_run(folder, "other-target", seed=5, target="opensqt")
    stored_run(folder, "more", seed=6, cases=("5.1.1", "5.1.2"))
    stored_run(folder, "other-case", seed=7, cases=("5.3.2",), trials=1)
    stored_run(folder, "short", seed=8, trials=2)
    return folder


def compare(reports: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["compare", *arguments, "--reports", str(reports)], env={"COLUMNS": "100"})


def document(reports: Path, *arguments: str) -> Any:
    return json.loads(compare(reports, *arguments, "--json").stdout)


def test_the_same_thing_twice_shows_no_difference(reports: Path) -> None:
    told = compare(reports, "before", "again")
    assert told.exit_code == ALIKE, told.output
    assert "No difference is proven between the runs." in told.stdout
    assert "5.1.1 GetAccount latency: no difference proven (5 and 5 trials)" in told.stdout


def test_a_slowdown_by_15_percent_is_said_with_its_range_unit_and_noise(reports: Path) -> None:
    told = compare(reports, "before", "slowed")
    assert told.exit_code == SLOWER, told.output
    assert "Run B is worse than run A: 5.1.1 slower (typical of GetAccount of load in steady" in told.stdout
    (row,) = [line for line in told.stdout.splitlines() if line.startswith("    typical")]
    assert "µs" in row or "ms" in row
    assert " to " in row
    assert "±" in row
    assert row.rstrip().endswith("slower")
    assert all(len(line) <= 120 for line in told.stdout.splitlines())


def test_the_other_way_round_it_is_faster_and_that_is_no_failure(reports: Path) -> None:
    told = compare(reports, "slowed", "before")
    assert told.exit_code == ALIKE
    assert "Nothing got slower." in told.stdout


def test_programs_get_the_same_numbers(reports: Path) -> None:
    told = document(reports, "before", "slowed")
    assert (told["schema"], told["version"], told["a"], told["b"]) == ("nfr.compare", 1, "before", "slowed")
    assert told["answer"] == "slower"
    assert told["forced"] is None
    (case,) = told["cases"]
    (typical,) = [one for one in case["metrics"] if one["metric"] == "typical"]
    assert typical["ratio"]["low"] < 1.15 < typical["ratio"]["high"]
    assert typical["unit"] == "ms"
    assert 0.5 < typical["b_larger"] < 1


@pytest.mark.parametrize(("other", "named"), [("elsewhere", "host bench and lab"), ("other-target", "profile")])
def test_runs_of_another_host_or_profile_are_refused_in_one_sentence(reports: Path, other: str, named: str) -> None:
    told = compare(reports, "before", other)
    assert told.exit_code == USAGE
    assert named in told.stderr
    assert "--force" in told.stderr
    assert told.stderr.count("\n") == 1
    assert told.stdout == ""


def test_whoever_insists_is_told_all_the_same(reports: Path) -> None:
    told = compare(reports, "before", "elsewhere", "--force")
    assert told.exit_code == SLOWER
    assert f"compared although the runs differ in host {HOST.name} and lab" in " ".join(told.stdout.split())
    assert "host" in document(reports, "before", "elsewhere", "--force")["forced"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("before", "nowhere"), "no run nowhere"),
        (("before", "before"), "given twice"),
        (("before", "again", "--case", "5.9.9"), "case 5.9.9 has no evidence in run before and in run again"),
        (("before", "more", "--case", "5.1.2"), "case 5.1.2 has no evidence in run before"),
        (("before", "other-case"), "no case in common: before has 5.1.1; other-case has 5.3.2"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(reports: Path, arguments: tuple[str, ...], named: str) -> None:
    told = run_nfr(reports, "compare", *arguments, "--reports", str(reports))
    assert told.code == USAGE, told.text
    assert named in told.text
    assert told.text.count("\n") == 1


def test_cases_of_one_run_only_are_named_and_left_out(reports: Path) -> None:
    told = compare(reports, "more", "before")
    assert told.exit_code == ALIKE
    assert "only in run more, not compared: 5.1.2" in told.stdout


def test_two_trials_are_too_little_and_the_note_says_how_many_are_needed(reports: Path) -> None:
    told = compare(reports, "before", "short")
    assert told.exit_code == ALIKE
    assert "2 trials are too few" in told.stdout
    (row,) = [line for line in told.stdout.splitlines() if line.startswith("    p50")]
    assert "unknown" in row
    assert row.rstrip().endswith("too little data")


def test_a_recording_that_was_cut_off_is_compared_with_a_note(reports: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(reports / "again", torn)
    (calls,) = (torn / "cases/5.1.1/evidence/trial-1").glob("call*")
    calls.write_bytes(calls.read_bytes()[:-40])
    told = compare(reports, "before", str(torn))
    assert told.exit_code in (ALIKE, SLOWER), told.output
    assert "note: again:" in told.stdout


def test_evidence_that_cannot_be_read_is_the_harness_failing(reports: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(reports / "again", damaged)
    shutil.rmtree(damaged / "cases/5.1.1/evidence/trial-2")
    (damaged / "cases/5.1.1/evidence/trial-2").mkdir()
    told = compare(reports, "before", str(damaged))
    assert told.exit_code == BROKEN, told.output
    assert told.stderr.count("\n") == 1


def test_a_case_without_anything_alike_says_so(reports: Path, tmp_path: Path) -> None:
    empty = stored_run(tmp_path, "empty", trials=3)
    for trial in (1, 2, 3):
        path = empty.evidence_path("5.1.1", trial)
        shutil.rmtree(path)
        Recorder(path, host=HOST.name).close()
    told = compare(reports, "before", str(empty.path))
    assert told.exit_code == ALIKE
    assert "nothing to compare" in told.stdout
    assert "Too little data" in told.stdout
