"""Case and Criterion: one non-functional requirement and the measurable statements it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Argument = str | int | float | bool | tuple[str, ...]


class Level(StrEnum):
    """What a missed criterion means: required and proof decide the case, advisory and reported only inform."""

    REQUIRED = "required"
    ADVISORY = "advisory"
    PROOF = "proof"
    REPORTED = "reported"
    """A figure for the record: its limit is what it surely keeps, it is in no pass rate."""


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

    id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", description="Unique within the case: small letters, digits, dashes"
    )
    says: str = Field(min_length=3, description="The statement in words, as the report shows it")
    metric: str = Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$", description="family.name, as `nfr docs` lists them")
    of: Mapping[str, Argument] = Field(default_factory=dict, description="The metric's arguments")
    op: Op = Field(description="Comparison of the measured interval with the limit")
    limit: float = Field(allow_inf_nan=False, description="In the criterion's unit")
    unit: str = Field(default="", description="Of limit and measurement, as shown; empty for plain numbers")
    level: Level = Field(
        description="required decides, advisory informs, proof says whether the case was exercised, "
        "reported is a figure for the record"
    )


class Case(_Strict):
    """One of the 29 cases, or an extension. `awaiting` says what an unbound case still waits for."""

    id: str = Field(
        pattern=r"^([3-6]\.\d+\.\d+|x\.[a-z0-9-]+)$", description="From the requirement document; extensions: x.name"
    )
    title: str = Field(min_length=3)
    group: Group
    priority: Priority
    given: str = Field(min_length=3)
    when: str = Field(min_length=3)
    then: str = Field(min_length=3)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    trials: int = Field(default=1, ge=1, description="Independent carryings-out whose hull is judged")
    estimate_s: float = Field(
        gt=0, allow_inf_nan=False, description="Wall time of the case on the reference stack, seconds"
    )
    load: Mapping[str, int] = Field(
        default_factory=dict, description="Planned samples: calls, messages. Bounds what can be proven"
    )
    awaiting: str = Field(default="", description="Why no test is bound yet; empty once one is")
