"""What a load says of its host: one clock is the fastest core's, for an idle core slows nobody down."""

from __future__ import annotations

import pytest

from harness.trial.load.host import Glimpse, host_facts

pytestmark = pytest.mark.self


def clocks(*mhz: tuple[float, ...]) -> tuple[float, float]:
    seen = [Glimpse(at, 0, 100 * at, cores, None) for at, cores in enumerate(mhz)]
    facts = {one.name: one.value for one in host_facts(seen, "steady", 0, len(mhz) - 1)}
    return facts["host.cpu_mhz_min"], facts["host.cpu_mhz_max"]


def test_an_idle_core_beside_a_busy_one_is_no_slower_clock() -> None:
    assert clocks((3800.0, 800.0), (900.0, 3700.0), (3800.0, 1200.0)) == (3700.0, 3800.0)


def test_a_busy_core_that_slows_down_is_one() -> None:
    assert clocks((3800.0, 800.0), (2000.0, 800.0), (3800.0, 800.0)) == (2000.0, 3800.0)
