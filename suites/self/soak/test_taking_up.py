"""Which soak is taken up again: one that was broken off, whose runner is gone, and that nobody has ended for good."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.record.store import RunStore
from harness.soak import asking, command, taking_up
from harness.soak.checkpoint import NAME, Checkpoint, CheckpointError, is_given_up
from harness.soak.taking_up import StillRunning, resumable, to_take_up
from harness.target.owner import Owner

from .made import GONE, left, run_in

pytestmark = pytest.mark.self


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[Owner]:
    """The owners whose services were to be removed."""
    owners: list[Owner] = []

    def remove(owner: Owner) -> tuple[str, ...]:
        owners.append(owner)
        return ()

    monkeypatch.setattr(asking, "remove_all_of", remove)
    monkeypatch.setattr(taking_up, "remove_all_of", remove)
    return owners


# -- who its runner is ---------------------------------------------------------------------------------


def test_a_process_that_was_given_the_runners_number_is_not_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: list[Owner]
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))
    folder = run_in(tmp_path)
    left("steady").write(folder.path)
    assert resumable(folder).steady_s == 12.0
    asking.stop(folder)
    assert told == [], "it gets no signal"


def test_a_soak_whose_runner_lives_is_not_taken_up(tmp_path: Path) -> None:
    folder = run_in(tmp_path)
    left("steady", runner=Owner.current()).write(folder.path)
    with pytest.raises(StillRunning, match="is running"):
        resumable(folder)


def test_a_checkpoint_of_an_earlier_version_is_still_read(tmp_path: Path) -> None:
    left("steady").write(tmp_path)
    document = json.loads((tmp_path / NAME).read_text())
    for new in ("runner", "window_end_ns", "stepped_s"):
        del document[new]
    (tmp_path / NAME).write_text(json.dumps({**document, "runner_pid": 4_194_305}))
    before = Checkpoint.read(tmp_path)
    assert (before.steady_s, before.runner_lives) == (12.0, False)


# -- --take-up -----------------------------------------------------------------------------------------


def test_take_up_goes_on_with_the_latest_soak_whose_services_still_stand(tmp_path: Path) -> None:
    folder = run_in(tmp_path)
    left("steady", venue=Owner.current()).write(folder.path)
    run_in(tmp_path)  # of other cases
    taken_up = to_take_up(RunStore(tmp_path))
    assert taken_up is not None
    assert taken_up.path == folder.path


@pytest.mark.parametrize("runs", [True, False])
def test_of_a_container_the_engine_says_whether_it_still_stands(monkeypatch: pytest.MonkeyPatch, runs: bool) -> None:
    """From inside a container, or beside an engine in a virtual machine, its process cannot be seen."""
    monkeypatch.setattr(taking_up, "_container_runs", lambda identity: runs and identity == "x")
    last = left("steady", venue=GONE if runs else Owner.current())
    there = replace(last, moorings=tuple(replace(one, launcher="container") for one in last.moorings))
    assert taking_up.stands(there) is runs


@pytest.mark.parametrize("state", ["steady", "closing", "stopped", "broken"])
def test_take_up_begins_anew_where_the_services_are_gone_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], removed: list[Owner], state: str
) -> None:
    """New ones have to warm up first, and no day with so long a gap is ever proven."""
    folder = run_in(tmp_path)
    left(state).write(folder.path)
    assert to_take_up(RunStore(tmp_path)) is None
    said = f"nfr: the services of the soak {folder.info.id} do not stand any more: a new soak begins\n"
    assert said in capsys.readouterr().out
    assert removed == ([GONE] if state in ("steady", "closing") else []), "what is left of them is in nobody's way"
    assert resumable(folder), "--resume goes on with it all the same"


def test_take_up_begins_where_there_was_no_soak_or_it_is_over(tmp_path: Path) -> None:
    assert to_take_up(RunStore(tmp_path)) is None
    left("ended").write(run_in(tmp_path).path)
    assert to_take_up(RunStore(tmp_path)) is None


def test_take_up_beside_a_soak_that_runs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(command, "_setting", lambda *arguments: begun.append(arguments))
    monkeypatch.setattr(command, "_run", lambda *arguments: 0)
    left("steady", runner=Owner.current()).write(run_in(tmp_path).path)
    result = CliRunner().invoke(command.soak, ["--take-up", "--reports", str(tmp_path)])
    assert result.exit_code == 2
    assert "is running" in result.output
    assert begun == [], "no second one"


# -- --stop --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["steady", "closing", "stopped", "broken"])
def test_a_soak_that_was_ended_for_good_is_not_taken_up(tmp_path: Path, removed: list[Owner], state: str) -> None:
    folder = run_in(tmp_path)
    left(state, venue=Owner.current()).write(folder.path)
    asking.stop(folder)
    assert Checkpoint.read(folder.path).state == "given up"
    assert to_take_up(RunStore(tmp_path)) is None
    with pytest.raises(CheckpointError, match="ended for good with --stop: start a new one"):
        resumable(folder)


def test_a_runner_that_is_killed_while_it_stops_for_good_leaves_nothing_to_take_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))
    folder = run_in(tmp_path)
    running = left("steady", venue=Owner.current(), runner=Owner.current())
    running.write(folder.path)
    asking.stop(folder)
    assert [pid for pid, _ in told] == [os.getpid()]
    assert is_given_up(folder.path)
    replace(running, runner=str(GONE)).write(folder.path)
    assert to_take_up(RunStore(tmp_path)) is None
    with pytest.raises(CheckpointError, match="ended for good with --stop"):
        resumable(folder)
