"""The benchmark measures real frames and orders; what it finds is for people to read, no test asserts a rate."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.venue.benchmark import Frames
from harness.venue.core.hub import TEXT, frame

pytestmark = pytest.mark.self


def test_it_prints_both_figures_with_trials_and_spread() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "harness.venue.benchmark", "--trials", "2", "--seconds", "0.2", "--connections", "2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode in (0, 1)
    assert found.stderr == ""
    for what in ("price frames, as fast as it goes", "orders accepted over 2 connections"):
        assert re.search(rf"{what} +median +[\d,]+/s +lowest +[\d,]+ +highest +[\d,]+ +\(2 trials", found.stdout)
    assert re.search(r"RSS \d+ MiB, after [\d,]+ orders \d+ MiB", found.stdout)


@given(st.lists(st.integers(0, 700), max_size=20), st.integers(1, 200))
def test_frames_are_counted_however_the_bytes_arrive(sizes: list[int], piece: int) -> None:
    data = b"".join(frame(TEXT, b"x" * (size + 2)) for size in sizes)
    frames = Frames()
    for start in range(0, len(data), piece):
        frames.feed(data[start : start + piece])
    assert frames.count == len(sizes)
