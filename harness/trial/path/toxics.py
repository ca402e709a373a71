"""Toxics: what a path does to the bytes that pass, how much of it has bitten, and what holds in one direction now."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

LONGEST_GRANT_S = 0.01
"""A bandwidth is handed out in pieces of at most this long, so that connections share it fairly."""
LARGEST_GRANT_BYTES = 65_536


class Direction(StrEnum):
    """Up is towards the service, down is towards its client."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    def covers(self, other: Direction) -> bool:
        """Whether what is meant for this direction also holds in that one."""
        return self in (Direction.BOTH, other)


@dataclass(frozen=True, slots=True)
class Latency:
    """Every byte arrives `delay_s` later, give or take up to `jitter_s`; the order of bytes is kept."""

    delay_s: float
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if self.delay_s < 0 or self.jitter_s < 0 or self.delay_s + self.jitter_s == 0:
            raise ValueError(f"a latency of {self.delay_s:g} s ± {self.jitter_s:g} s delays nothing: make it positive")

    def drawn_s(self, rng: random.Random) -> float:
        """The delay of one piece."""
        return max(0.0, self.delay_s + rng.uniform(-self.jitter_s, self.jitter_s)) if self.jitter_s else self.delay_s


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """At most so many bytes a second each way, shared by all connections."""

    bytes_per_s: float

    def __post_init__(self) -> None:
        if self.bytes_per_s <= 0:
            raise ValueError(f"a bandwidth of {self.bytes_per_s:g} bytes/s: make it positive, or use a black hole")


@dataclass(frozen=True, slots=True)
class BlackHole:
    """No byte, FIN or RST passes and nobody is told; what was held passes once it is healed."""


@dataclass(frozen=True, slots=True)
class CutAfter:
    """Each connection is cut once so many bytes have passed in one direction, counted from when this began.

    `how` reset: RST on both sides, by which a peer may lose what it had not read yet. fin: FIN on both sides.
    """

    after_bytes: int
    how: Literal["reset", "fin"] = "reset"

    def __post_init__(self) -> None:
        if self.after_bytes < 0:
            raise ValueError(f"cut after {self.after_bytes} bytes: use 0 or more")
        if self.how not in ("reset", "fin"):
            raise ValueError(f"a connection is not cut by {self.how!r}: reset or fin")


Toxic = Latency | Bandwidth | BlackHole | CutAfter


class Bucket:
    """Tokens of one bandwidth in one direction, given out in the order in which they were asked for."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0
        self.grant_bytes = max(1, min(LARGEST_GRANT_BYTES, int(bytes_per_s * LONGEST_GRANT_S)))
        """The most that one grant may be."""

    def granted_at_s(self, size_bytes: int, now_s: float) -> float:
        """Take that many tokens; returns when they may be used. Idle time saves up one grant, no more."""
        saved_s = self.grant_bytes / self._bytes_per_s
        self._free_at_s = max(self._free_at_s, now_s - saved_s) + size_bytes / self._bytes_per_s
        return self._free_at_s


@dataclass(eq=False)
class Standing:
    """A toxic that is in force on a path, from `Path.add` to `Path.remove`, and the proof that it bit."""

    toxic: Toxic
    direction: Direction
    bitten_bytes: int = 0
    """Bytes that arrived later (latency), waited for their turn (bandwidth) or were held (black hole)."""
    bitten_connections: int = 0
    """Connections that it cut."""
    shortest_s: float = float("inf")
    longest_s: float = 0.0
    """Of the delays that bytes really had under this latency."""
    buckets: dict[Direction, Bucket] = field(default_factory=dict)

    def bite(self, size_bytes: int, late_s: float = 0.0) -> None:
        """It has done this to so many bytes."""
        self.bitten_bytes += size_bytes
        self.shortest_s = min(self.shortest_s, late_s)
        self.longest_s = max(self.longest_s, late_s)

    def bucket(self, direction: Direction) -> Bucket:
        """The tokens of a bandwidth in this direction."""
        assert isinstance(self.toxic, Bandwidth)
        return self.buckets.setdefault(direction, Bucket(self.toxic.bytes_per_s))


@dataclass(eq=False)
class Counters:
    """What a path did so far, over all connections and toxics: proof that it bit."""

    connections: int = 0
    """Accepted, with the service reached."""
    unreachable_connections: int = 0
    """Accepted, and reset because the service behind could not be reached."""
    refused_connections: int = 0
    """Tried by `Path.is_refused` and refused; the kernel counts no others."""
    reset_connections: int = 0
    cut_connections: int = 0
    half_closed_connections: int = 0
    delayed_bytes: int = 0
    throttled_bytes: int = 0
    swallowed_bytes: int = 0
    """Held by a black hole, or sent by one whom a half-close or a cut has silenced."""


class Course:
    """What holds in one direction of a path at this moment; every connection's lane in it looks here."""

    def __init__(self, direction: Direction, counters: Counters, seed: str) -> None:
        self.direction = direction
        self.counters = counters
        self._rng = random.Random(seed)
        self.latencies: tuple[tuple[Standing, Latency], ...] = ()
        self.bandwidths: tuple[tuple[Standing, Bucket], ...] = ()
        self.holes: tuple[Standing, ...] = ()
        self.cuts: tuple[tuple[Standing, CutAfter], ...] = ()
        self.clear = True
        """Nothing holds: bytes pass as they come."""

    def follow(self, standing: Iterable[Standing]) -> None:
        """From now on these hold, as far as they are for this direction."""
        mine = [one for one in standing if one.direction.covers(self.direction)]
        self.latencies = tuple((one, one.toxic) for one in mine if isinstance(one.toxic, Latency))
        self.bandwidths = tuple((one, one.bucket(self.direction)) for one in mine if isinstance(one.toxic, Bandwidth))
        self.holes = tuple(one for one in mine if isinstance(one.toxic, BlackHole))
        self.cuts = tuple((one, one.toxic) for one in mine if isinstance(one.toxic, CutAfter))
        self.clear = not mine

    def delay_s(self) -> float:
        """How long the piece that was just read is to be on its way."""
        return sum(latency.drawn_s(self._rng) for _, latency in self.latencies)

    def was_late(self, size_bytes: int, late_s: float) -> None:
        """So many bytes went on, this much after they were read."""
        self.counters.delayed_bytes += size_bytes
        for standing, _ in self.latencies:
            standing.bite(size_bytes, late_s)

    def was_throttled(self, size_bytes: int) -> None:
        """So many bytes went on after waiting for their turn."""
        self.counters.throttled_bytes += size_bytes
        for standing, _ in self.bandwidths:
            standing.bite(size_bytes)

    def was_held(self, size_bytes: int) -> None:
        """A black hole has so many bytes more."""
        self.counters.swallowed_bytes += size_bytes
        for standing in self.holes:
            standing.bite(size_bytes)
