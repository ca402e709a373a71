"""How a soak stands, told to people: what was not seen is a dash, never a number."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.soak.checkpoint import Progress
from harness.soak.telling import line, standing

from .test_page import NOW

pytestmark = pytest.mark.self


def test_a_line_of_progress() -> None:
    assert line(NOW) == (
        "soak steady 1:02:05 of 24:00:00 | memory 100.0 MiB (+1.00) | runtime units 36 (+0)"
        " | errors 3 of 900 (0.333 %) | p50 1.5 p99 9.2 ms | updates 1234 | harness 191 MiB 10 % | so far: nothing lost"
    )


def test_what_was_not_seen_is_a_dash() -> None:
    nothing = replace(NOW, calls=0, failed=0, progress=Progress())
    told = line(nothing)
    assert "| memory – | runtime units – | errors 0 of 0 (0 %) | p50 – p99 – | updates 0 | harness – |" in told
    assert not re.search(r"-\d", "\n".join((told, *standing(nothing))))


def test_what_is_lost_for_good_is_said() -> None:
    lost = replace(NOW, progress=replace(NOW.progress, lost_for_good=("crashes: 1", "uptime: 99 % at best")))
    assert line(lost).endswith("so far: crashes: 1; uptime: 99 % at best")
    assert standing(lost)[-1] == "serving 10 of 10 looks; so far: crashes: 1; uptime: 99 % at best"
