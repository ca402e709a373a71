"""How one life of a soak's runner ends, and what the next one finds: nothing is over that can still be taken up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark, Record
from harness.soak import life as lives
from harness.soak import quay as quays
from harness.soak.checkpoint import Checkpoint, Progress
from harness.soak.course import Course, Life
from harness.soak.life import Setting, SoakBroken, live, mark_gap
from harness.soak.outlook import Outlook, Standing
from harness.soak.plan import SoakPlan
from harness.soak.quay import Quay
from harness.soak.taking_up import resumable
from harness.spec.loader import load_cases
from harness.target.errors import TargetError
from harness.target.mooring import Lasting
from harness.trial.load.run import LoadError
from harness.trial.trial import CutShort, Trial
from harness.venue.control import ControlError
from harness.verdict.selecting import windows

from .made import CASE, GONE, left, run_in, setting_of

pytestmark = pytest.mark.self

SOAK = next(one for one in load_cases(Path(__file__).resolve().parents[3] / "specs") if one.id == CASE)
PLAN = SoakPlan.lasting(60.0)
STEADY_S = 12.0


# -- a harness that cannot go on -----------------------------------------------------------------------


def broken_by(
    monkeypatch: pytest.MonkeyPatch, setting: Setting, error: BaseException, lost: tuple[str, ...] = ()
) -> Checkpoint:
    """What `live` returns when its course raises that after some steady time."""

    async def staged(setting: Setting, trial: Trial, plan: SoakPlan, life: Life, *rest: object) -> Checkpoint:
        trial.mark("window.begin", t_ns=1, window="steady")
        steady = replace(life.first, state="steady", t_ns=9, began_ns=1, steady_s=STEADY_S)
        life.keep(replace(steady, progress=Progress(lost_for_good=lost)))
        raise error

    monkeypatch.setattr(lives, "_staged", staged)

    async def go() -> Checkpoint:
        first = replace(Checkpoint.first(PLAN.duration_s), runner=str(GONE))
        keep: Callable[[Checkpoint], None] = lambda checkpoint: checkpoint.write(setting.folder.path)  # noqa: E731
        life = Life(first, asyncio.Event(), lambda line: None, keep, Outlook(SOAK))
        return await live(setting, PLAN, life, None)

    return asyncio.run(go())


@pytest.mark.parametrize(
    "error",
    [
        ControlError("the venue does not answer"),
        TargetError("the engine does not answer"),
        ExceptionGroup("tasks", [LoadError("the generator failed three times")]),
        KeyError("something that nobody foresaw"),
    ],
)
def test_a_harness_that_cannot_go_on_breaks_a_soak_off_and_it_can_be_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    setting = setting_of(run_in(tmp_path))
    with pytest.raises(SoakBroken, match=r"does not answer|failed three times|nobody foresaw"):
        broken_by(monkeypatch, setting, error)
    previous = resumable(setting.folder)
    assert (previous.state, previous.steady_s) == ("broken", STEADY_S)
    evidence = Evidence.load(setting.evidence_path)
    assert windows(evidence, "steady") == ((1, 9),), "what is proven ends at the last checkpoint"
    assert [mark.name for mark in evidence.marks if mark.name in ("trial.error", "trial.cut_short")] == []
    assert "trial.broken_off" in {mark.name for mark in evidence.marks}


def test_a_soak_that_is_lost_for_good_is_over_whatever_broke_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = setting_of(run_in(tmp_path))
    last = broken_by(monkeypatch, setting, ControlError("the venue does not answer"), ("crashes: no service dies",))
    assert last.state == Checkpoint.read(setting.folder.path).state == "failed"
    assert "trial.error" in {mark.name for mark in Evidence.load(setting.evidence_path).marks}


def test_a_target_that_did_not_do_its_part_is_judged_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = setting_of(run_in(tmp_path))
    assert broken_by(monkeypatch, setting, CutShort("the watcher's stream stayed silent")).state == "failed"


# -- a runner that is killed while it closes -----------------------------------------------------------


def course(
    folder: Path, keep: Callable[[Checkpoint], None], first: Checkpoint, records: list[Record]
) -> tuple[Course, Trial]:
    trial = Trial(records.append, cast(Any, None), folder)
    life = Life(first, asyncio.Event(), lambda line: None, keep, Outlook(SOAK))
    return Course(trial, cast(Any, SimpleNamespace(services={})), PLAN, life), trial


def test_until_everything_is_down_a_checkpoint_names_what_another_life_has_to_take_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quays, "hold", lambda folder, owner: None)
    (mooring,) = left("steady").moorings
    quay = Quay(tmp_path, Lasting.first(), launcher=cast(Any, SimpleNamespace(moorings=lambda: (mooring,))))
    records: list[Record] = []
    soak, _ = course(
        tmp_path, lambda now: quay.named(now, 0).write(tmp_path), Checkpoint.first(PLAN.duration_s), records
    )
    soak._begin_steady()
    last = soak._end()
    on_disk = Checkpoint.read(tmp_path)
    assert (on_disk.state, on_disk.was_broken_off) == ("closing", True)
    assert on_disk.left().moorings == (mooring,)
    soak._keep()  # as goes on until the load has ended
    assert Checkpoint.read(tmp_path).steady_s == on_disk.steady_s == last.steady_s, "the steady time is over"
    assert last.state == "ended"


def test_the_life_after_one_that_was_killed_while_closing_ends_nothing_twice(tmp_path: Path) -> None:
    kept: list[Checkpoint] = []
    records: list[Record] = []
    soak, trial = course(tmp_path, kept.append, Checkpoint.first(PLAN.duration_s), records)
    soak._begin_steady()
    soak._end()
    mark_gap(trial, kept[-1])
    ends = [one.t_ns for one in records if isinstance(one, Mark) and one.name == "window.end"]
    assert ends == [kept[-1].window_end_ns] == [kept[-1].last_steady_ns]


def test_what_is_lost_for_good_stays_so_in_the_next_life(tmp_path: Path) -> None:
    first = replace(Checkpoint.first(PLAN.duration_s), life=2, progress=Progress(lost_for_good=("crashes: 1",)))
    soak, _ = course(tmp_path, lambda now: None, first, [])
    assert soak._over()
    assert soak._end().state == "failed"


def test_a_failed_call_of_one_life_is_a_share_of_the_calls_of_all(tmp_path: Path) -> None:
    """One of 600 calls at noon is no 0.2 % of a day."""
    seen: list[float | None] = []

    def outlook(records: tuple[Record, ...], standing: Standing) -> tuple[str, ...]:
        seen.append(standing.error_percent)
        return ()

    half = replace(Checkpoint.first(PLAN.duration_s), life=2, steady_s=PLAN.duration_s / 2, calls=400_000)
    soak, _ = course(tmp_path, lambda now: None, half, [])
    soak._life = replace(soak._life, outlook=cast(Outlook, outlook))
    soak._begin_steady()
    soak._watch.calls, soak._watch.failed = 600, 1
    soak._look(())
    assert seen[0] == pytest.approx(100.0 / 801_200, rel=0.01)


def test_a_life_with_no_steady_time_left_opens_no_window(tmp_path: Path) -> None:
    """It was killed while it closed a whole day: one more window, a while later, would leave a gap in that day."""
    records: list[Record] = []
    done = replace(Checkpoint.first(PLAN.duration_s), life=2, steady_s=PLAN.duration_s + 5.0)
    soak, _ = course(tmp_path, lambda now: None, done, records)
    assert soak._steady.left_s <= 0
    soak._flow_again(9)
    last = soak._end()
    assert [one.name for one in records if isinstance(one, Mark)] == ["soak.flowing", "fault.heal"]
    assert (last.state, last.steady_s) == ("ended", PLAN.duration_s + 5.0)
