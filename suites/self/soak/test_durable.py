"""A checkpoint never tells more than what is on the disk, and never less than the one before it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.evidence.recorder import RecorderError
from harness.soak.course import Course

pytestmark = pytest.mark.self


class Scene:
    """A course of which only the keeping of checkpoints goes on; `happens`: what goes on while the disk works."""

    def __init__(self, happens: Any = None) -> None:
        self.kept: list[str] = []
        self.done: list[str] = []
        self._happens = happens
        self.course = cast(Any, Course.__new__(Course))
        self.course._state = "steady"
        self.course._life = SimpleNamespace(sync=self.sync, keep=self.keep)
        self.course._checkpoint = lambda: SimpleNamespace(state=self.course._state)

    def sync(self) -> None:
        self.done.append("sync")
        if self._happens is not None:
            self._happens(self)

    def keep(self, checkpoint: Any) -> None:
        self.done.append("keep")
        self.kept.append(checkpoint.state)

    def run(self) -> Scene:
        asyncio.run(self.course._keep_past_a_power_failure())
        return self


def test_what_was_recorded_is_on_the_disk_before_the_checkpoint_is() -> None:
    assert Scene().run().done == ["sync", "keep"]


def test_a_later_checkpoint_is_not_replaced_by_an_earlier_one_that_waited_for_the_disk() -> None:
    def ends(scene: Scene) -> None:
        scene.course._state = "closing"
        scene.course._keep()

    assert Scene(ends).run().kept == ["closing"]


def test_a_disk_that_is_full_is_told_by_the_recording_and_not_here() -> None:
    def full(scene: Scene) -> None:
        raise RecorderError("the disk is full")

    assert Scene(full).run().kept == ["steady"]
