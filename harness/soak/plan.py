"""SoakPlan: how long a soak lasts, what goes on meanwhile, how often somebody looks; durations as people write."""

from __future__ import annotations

import re
from dataclasses import dataclass

DAY_S = 86_400.0
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
LONGEST_WARM_UP_S = 600.0
SHORTEST_WARM_UP_S = 3.0
WARM_UP_SHARE = 0.05


def seconds_of(text: str) -> float:
    """Of "24h", "90s" or "1h30m". Raises ValueError in one sentence."""
    compact = text.replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is no duration: write it like 24h, 10m, 90s or 1h30m")
    total_s = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if total_s <= 0:
        raise ValueError(f"{text!r} is no time at all: a soak lasts longer than 0 s")
    return total_s


def clock(seconds: float) -> str:
    """H:MM:SS."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """One soak. `duration_s`: of the steady time, over all lives of the runner, the warm-up of each not counted.

    `updates_per_s`: price updates of the venue; `calls_per_s`: of the load; `sample_s`: between two readings of a
    probe; `checkpoint_s`: the most that a crash of the runner may cost, but for what a load hands over some seconds
    late; `look_s`: between two looks at whether the run can still pass.
    """

    duration_s: float
    warm_up_s: float
    updates_per_s: float = 110.0
    calls_per_s: float = 10.0
    sample_s: float = 1.0
    checkpoint_s: float = 5.0
    look_s: float = 10.0
    tell_s: float = 10.0

    @classmethod
    def lasting(cls, duration_s: float) -> SoakPlan:
        """With a twentieth of that as warm-up, at most ten minutes."""
        warm_up_s = min(max(WARM_UP_SHARE * duration_s, SHORTEST_WARM_UP_S), LONGEST_WARM_UP_S)
        return cls(duration_s, warm_up_s)

    @property
    def projects(self) -> bool:
        """Whether it is too short to be the day that the case asks for."""
        return self.duration_s < DAY_S
