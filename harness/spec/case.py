"""Case and Criterion: one non-functional requirement and the measurable statements it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Argument = str | int | float | bool | tuple[str, ...]


class Level(StrEnum):
    """What a missed criterion means: required and proof decide the case, advisory only informs."""

    REQUIRED = "required"
    ADVISORY = "advisory"
    PROOF = "proof"


class Op(StrEnum):
    """Comparison of a measured interval with the limit."""

    EQ = "=="
    LE = "<="
    LT = "<"
    GE = ">="
    GT = ">"


class Group(StrEnum):
    """The suites, and pytest's markers."""

    INTEGRATION = "integration"
    E2E = "e2e"
    PERFORMANCE = "performance"
    STABILITY = "stability"
    EXTENSIONS = "extensions"


class Priority(StrEnum):
    """As in the requirement document."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(_Strict):
    """One measurable statement: `metric` over the evidence selected by `of`, compared with `limit`."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    says: str = Field(min_length=3)
    metric: str = Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$")
    of: Mapping[str, Argument] = Field(default_factory=dict)
    op: Op
    limit: float
    unit: str = ""
    level: Level


class Case(_Strict):
    """One of the 29 cases, or an extension. `awaiting` says what an unbound case still waits for."""

    id: str = Field(pattern=r"^([3-6]\.\d+\.\d+|x\.[a-z0-9-]+)$")
    title: str
    group: Group
    priority: Priority
    given: str
    when: str
    then: str
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    trials: int = Field(default=1, ge=1)
    estimate_s: float = Field(gt=0, description="Wall time of the case on the reference stack, seconds")
    load: Mapping[str, int] = Field(
        default_factory=dict, description="Planned samples: calls, messages. Bounds what can be proven"
    )
    awaiting: str = Field(default="", description="Why no test is bound yet; empty once one is")
