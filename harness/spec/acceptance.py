"""Acceptance: the pass rates that a release needs, per group and over all cases."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from harness.spec.case import Group


class Counts(StrEnum):
    """What a group's rate is taken over."""

    CASES = "cases"
    CRITERIA = "criteria"


class GroupGate(BaseModel):
    """What one group needs: `rate` (0..1) of its cases, or of their required and advisory criteria, must pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(ge=0, le=1, allow_inf_nan=False)
    counts: Counts = Counts.CASES
    all_required: bool = Field(default=False, description="Besides the rate, every required criterion must pass")


class Acceptance(BaseModel):
    """The gates of a release. `overall` is the share (0..1) of all cases that must pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: Mapping[Group, GroupGate] = Field(min_length=1)
    overall: float = Field(ge=0, le=1, allow_inf_nan=False)
