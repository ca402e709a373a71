"""What a service says for days, to a file that outlives the harness: every line is in the log, the file stays small."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.target.mooring import Lasting, heard_bytes
from harness.target.output import STEP_BYTES
from harness.target.process import ProcessService
from harness.target.process_launcher import ProcessLauncher
from harness.target.started import until

from .workshop import PROGRAMS, Play, Workshop

pytestmark = pytest.mark.self

LINES = 60_000
CHATTER = f"""
import runpy, sys
for number in range({LINES}):
    print("line", number, "x" * 100)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def said(service: ProcessService) -> list[str]:
    return [line.split()[2] for line in service.log_text().splitlines() if " line " in line]


def test_every_line_is_in_the_log_once_and_the_file_stays_small(workshop: Workshop, play: Play) -> None:
    profile = workshop.profile(command=["{python}", "-c", CHATTER, str(PROGRAMS / "small_server.py")])
    launcher = ProcessLauncher(profile, workshop.run, workshop.log_path, workshop.records.append, Lasting.first())

    async def choreography() -> None:
        try:
            service = await launcher.start_connector("mock")
            assert isinstance(service, ProcessService)
            mooring = service.mooring()
            assert mooring is not None
            file = Path(mooring.output)
            assert await until(lambda: heard_bytes(file) == file.stat().st_size, 20)
            assert said(service) == [str(number) for number in range(LINES)]
            assert os.stat(file).st_size > 6 * STEP_BYTES, "nothing was cut off under the service's hands"
            if sys.platform == "linux":
                assert await until(lambda: os.stat(file).st_blocks * 512 < 2 * STEP_BYTES, 5)
        finally:
            await launcher.close()

    play(choreography)
