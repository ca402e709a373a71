"""The course of a fault holds whatever goes wrong: in its beginning, its block, its proof or its healing."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath

import pytest

from harness.evidence.records import Mark, Record
from harness.trial.faults.inflicted import Bite, inflicted
from harness.venue.control import ControlError

from .scenes import new_trial
from .wires import play

pytestmark = pytest.mark.self


class Scripted:
    """A fault whose every step can fail or take its time."""

    def __init__(self) -> None:
        self.bitten = False
        self.begin_fails = self.look_fails = self.heal_fails = False
        self.healing, self.may_heal = asyncio.Event(), asyncio.Event()
        self.may_heal.set()
        self.healed = 0

    async def begin(self) -> None:
        if self.begin_fails:
            raise RuntimeError("cannot begin")

    async def look(self) -> Bite | None:
        if self.look_fails:
            raise ControlError("the venue is gone")
        return Bite() if self.bitten else None

    async def heal(self) -> None:
        self.healing.set()
        await self.may_heal.wait()
        if self.heal_fails:
            raise RuntimeError("cannot heal")
        self.healed += 1


def names(records: list[Record]) -> list[str]:
    return [one.name for one in records if isinstance(one, Mark)]


def test_healed_when_the_beginning_fails_half_way(tmp_path: FilePath) -> None:
    async def body() -> None:
        script, (trial, records) = Scripted(), new_trial(tmp_path)
        script.begin_fails = True
        with pytest.raises(RuntimeError, match="cannot begin"):
            async with inflicted(trial, "k", "s", begin=script.begin, look=script.look, heal=script.heal):
                pass
        assert script.healed == 1
        assert names(records) == ["fault.begin", "fault.heal"]

    play(body)


def test_what_cannot_be_asked_has_not_been_seen(tmp_path: FilePath) -> None:
    async def body() -> None:
        script, (trial, records) = Scripted(), new_trial(tmp_path)
        script.look_fails = True
        async with inflicted(trial, "k", "s", begin=script.begin, look=script.look, heal=script.heal) as fault:
            pass
        assert not fault.bit
        assert names(records) == ["fault.begin", "fault.heal"]

    play(body)


def test_a_healing_that_fails_is_told_and_leaves_no_mark_that_it_worked(tmp_path: FilePath) -> None:
    async def body() -> None:
        script, (trial, records) = Scripted(), new_trial(tmp_path)
        script.bitten = script.heal_fails = True
        with pytest.raises(RuntimeError, match="cannot heal"):
            async with inflicted(trial, "k", "s", begin=script.begin, look=script.look, heal=script.heal):
                pass
        assert names(records) == ["fault.begin", "fault.bit"]

    play(body)


def test_cancelled_again_and_again_while_it_heals_it_still_heals(tmp_path: FilePath) -> None:
    async def body() -> None:
        script, (trial, records) = Scripted(), new_trial(tmp_path)
        script.may_heal.clear()

        async def whole() -> None:
            async with inflicted(trial, "k", "s", begin=script.begin, look=script.look, heal=script.heal):
                await asyncio.Event().wait()

        playing = asyncio.create_task(whole())
        await asyncio.sleep(0)
        playing.cancel()
        await script.healing.wait()
        for _ in range(3):
            playing.cancel()
            await asyncio.sleep(0)
        assert script.healed == 0
        script.may_heal.set()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert script.healed == 1
        assert names(records) == ["fault.begin", "fault.heal"]

    play(body)


def test_the_bite_is_known_as_a_span_of_time(tmp_path: FilePath) -> None:
    async def body() -> None:
        script, (trial, records) = Scripted(), new_trial(tmp_path)
        async with inflicted(
            trial, "k", "s", begin=script.begin, look=script.look, heal=script.heal, every_s=0.01, how="so"
        ) as fault:
            with pytest.raises(Exception, match="k on s did not bite"):
                await fault.bites(0.05)
            script.bitten = True
            await fault.bites()
        begin, bit, heal = [one for one in records if isinstance(one, Mark)]
        assert begin.detail == {"kind": "k", "subject": "s", "how": "so"}
        assert begin.t_ns < bit.earliest_ns <= bit.t_ns <= heal.t_ns

    play(body)
