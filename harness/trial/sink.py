"""Sink: where everybody records while a trial is carried out."""

from __future__ import annotations

import asyncio

from harness.evidence.recorder import Recorder, RecorderError
from harness.evidence.records import Mark, Record


class Sink:
    """A recording that fails ends the task that made the sink, once, instead of raising in every callback."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self.failure: RecorderError | None = None
        self.is_over = False
        """The choreography is over: what comes of taking everything down is no evidence, but for how the trial went."""

    def __call__(self, record: Record) -> None:
        """Append it to the evidence, from any thread."""
        if self.failure is not None:
            return
        if self.is_over and not (isinstance(record, Mark) and record.name.startswith("trial.")):
            return
        try:
            self._recorder.append(record)
        except RecorderError as failure:
            self.failure = failure
            if self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)
