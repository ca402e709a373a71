"""Case 6.1.1: the stack trades for a day; with less time it is the same case, and a projection."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugin import case
from harness.soak.course import Course, Life
from harness.soak.outlook import outlook_of
from harness.soak.plan import SoakPlan, seconds_of
from harness.trial.stack import Stack
from harness.trial.trial import Trial


@pytest.mark.soak
@case("6.1.1")
async def test_soak(trial: Trial, stack: Stack, pytestconfig: pytest.Config) -> None:
    plan = SoakPlan.lasting(seconds_of(pytestconfig.getoption("--soak-duration")))
    outlook = outlook_of(Path(pytestconfig.getoption("--specs")), "6.1.1")
    await Course(trial, stack, plan, Life.only(plan, outlook)).run()
