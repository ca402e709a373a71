"""Metric and Measurement: what a metric declares about itself, and what measuring results in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.spec.case import Argument
from harness.verdict.interval import Interval, hull

AT_LEAST_ZERO = Interval(0.0, math.inf)

Of = Mapping[str, Argument]
Load = Mapping[str, int]


class UnseenError(Exception):
    """What a metric selects does not occur in the evidence: the measurement is unknown, in one sentence."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """`interval` None: no source can measure it, for `reason`. `parts`: where a criterion must hold for
    each of several (each client, each fault), their intervals, and what to say about each that misses in
    `notes`; `interval` is then the hull."""

    interval: Interval | None
    reason: str = ""
    parts: tuple[Interval, ...] = ()
    notes: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    samples: int | None = None

    @classmethod
    def exactly(cls, value: float) -> Measurement:
        """A count or an observation that has no uncertainty."""
        return cls(Interval.exactly(value))

    @classmethod
    def each(cls, parts: Iterable[Interval], notes: Iterable[str] = (), samples: int | None = None) -> Measurement:
        """Every one of these must keep the limit. At least one part; notes are as many, or none."""
        known = tuple(parts)
        return cls(hull(known), parts=known, notes=tuple(notes), samples=samples)

    @classmethod
    def unmeasurable(cls, reason: str, proxies: tuple[str, ...] = ()) -> Measurement:
        """No source can see it."""
        return cls(None, reason, proxies=proxies)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key that a metric understands in a criterion's `of`. `kind`: text, texts (one or several),
    number, quantile or flag."""

    name: str
    kind: str
    says: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as the registry lists it.

    `best`: the interval that the planned load allows when every single sample is as good as can be;
    None where any value can be had. `others`: further keys of `of` filter marks by their detail.
    `pooled`: several trials are one range (their samples sway together), otherwise each must hold.
    `grows`: a count, which a trial that broke off might have raised. `timed`: a difference of stamps.
    `paced`: computed from such differences: a rate, a ratio.
    """

    name: str
    unit: str
    says: str
    parameters: tuple[Parameter, ...]
    measure: Callable[[Evidence, Of], Measurement]
    best: Callable[[Of, Load], Interval | None] = lambda of, load: None
    unknown: Interval = AT_LEAST_ZERO
    others: bool = False
    pooled: bool = False
    grows: bool = False
    timed: bool = False
    paced: bool = False

    def measured(self, evidence: Evidence, of: Of) -> Measurement:
        """Measure; what the evidence does not hold gives the widest range with the reason."""
        try:
            return self.measure(evidence, of)
        except UnseenError as unseen:
            return Measurement(self.unknown, str(unseen))


def text(of: Of, name: str, default: str = "") -> str:
    """A text argument."""
    return str(of.get(name, default))


def number(of: Of, name: str, default: float = 0.0) -> float:
    """A numeric argument."""
    value = of.get(name, default)
    if not isinstance(value, int | float):
        raise TypeError(f"argument {name} is a number, not {value!r}")
    return float(value)


def flag(of: Of, name: str) -> bool:
    """A yes-or-no argument; absent is no."""
    return of.get(name, False) is True


def without(of: Of, *names: str) -> Of:
    """The arguments but these."""
    return {name: value for name, value in of.items() if name not in names}
