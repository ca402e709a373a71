"""The retry timetable of a contract client, as a pure function of how often it failed."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the n-th failure in a row: `first_s`, doubled each time, up to a limit.

    `attempts` bounds the connection attempts of one outage; streams are retried for ever. There is
    no wait after the last attempt: nothing would follow it.
    """

    first_s: float = 1.0
    connect_limit_s: float = 60.0
    stream_limit_s: float = 30.0
    attempts: int = 10

    def __post_init__(self) -> None:
        """Refuse what would retry without a pause or never: ValueError."""
        if self.first_s <= 0 or self.attempts < 1 or min(self.connect_limit_s, self.stream_limit_s) < self.first_s:
            raise ValueError(f"{self} is no back-off: waits must be > 0 s, limits >= first_s, attempts >= 1")

    def connect_delay_s(self, failures: int) -> float:
        """Seconds before the next connection attempt after `failures` (>= 1) failed ones in a row."""
        return _doubled(self.first_s, failures, self.connect_limit_s)

    def stream_delay_s(self, failures: int) -> float:
        """Seconds before subscribing again after `failures` (>= 1) in a row without any message."""
        return _doubled(self.first_s, failures, self.stream_limit_s)

    def connect_schedule_s(self) -> tuple[float, ...]:
        """The waits between the attempts of one outage: one fewer than `attempts`."""
        return tuple(self.connect_delay_s(failures) for failures in range(1, self.attempts))

    def scaled(self, factor: float) -> Backoff:
        """The same timetable, `factor` times as long: for tests that cannot wait five minutes."""
        return replace(
            self,
            first_s=self.first_s * factor,
            connect_limit_s=self.connect_limit_s * factor,
            stream_limit_s=self.stream_limit_s * factor,
        )


CONTRACT_BACKOFF = Backoff()
"""1 s doubling to 60 s over 10 connection attempts; 1 s doubling to 30 s for streams."""


def _doubled(first_s: float, failures: int, limit_s: float) -> float:
    if failures < 1:
        raise ValueError(f"a wait follows a failure: failures is {failures}, must be >= 1")
    # The exponent is bounded first: after a week of failures 2**n is no float any more.
    return min(first_s * 2.0 ** min(failures - 1, 1000), limit_s)
