"""The sink of a trial: what comes of taking things down is no evidence, and a full disk ends the trial once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder, RecorderFullError
from harness.evidence.records import Mark, Record
from harness.trial.sink import Sink

pytestmark = pytest.mark.self


def test_once_the_choreography_is_over_only_how_the_trial_went_is_recorded(tmp_path: Path) -> None:
    async def body() -> None:
        with Recorder(tmp_path) as recorder:
            sink = Sink(recorder)
            sink(Mark(1, "stream.live", {"client": "c"}))
            sink.is_over = True
            sink(Mark(2, "stream.down", {"client": "c"}))
            sink(Mark(3, "process.died", {"service": "connector"}))
            sink(Mark(4, "trial.ended", {}))

    asyncio.run(body())
    assert [mark.name for mark in Evidence.load(tmp_path).marks] == ["stream.live", "trial.ended"]


class FullDisk:
    """What a sink sees of a recorder that cannot write any more."""

    def __init__(self) -> None:
        self.asked = 0

    def append(self, _record: Record) -> None:
        self.asked += 1
        raise RecorderFullError("the disk is full")


def test_a_recording_that_fails_cancels_the_trial_and_is_not_tried_again() -> None:
    disk = FullDisk()

    async def body() -> Sink:
        sink = Sink(disk)  # type: ignore[arg-type]
        sink(Mark(1, "a", {}))
        sink(Mark(2, "b", {}))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(30)
        return sink

    sink = asyncio.run(body())
    assert isinstance(sink.failure, RecorderFullError)
    assert disk.asked == 1
