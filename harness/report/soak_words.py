"""A long run in sentences: how fast it grows, what that would come to, what it could have missed, what broke in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.report.numbers import duration_text, interval_text, limit_text, scale_for
from harness.report.soak_events import Events, Stretch
from harness.report.soak_trend import Judged
from harness.report.wording import printable
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metrics.trends import S_PER_H

_NAMED = 5
_NAMES = {"connector.rss": "The connector's resident memory"}


def sentences(steady_s: float, happened: Events, trends: Mapping[str, Judged]) -> tuple[str, ...]:
    """In the order in which somebody asks for them."""
    told = [_lasted(steady_s, happened), *(one for seen in trends.values() for one in _rise(seen))]
    told += [_gaps(happened), _faults(happened.faults)]
    return tuple(printable(one) for one in told)


def _lasted(steady_s: float, happened: Events) -> str:
    lives = "one life of the runner" if happened.lives == 1 else f"{happened.lives} lives of the runner"
    ended = f" ({happened.ended})" if happened.ended else " (nothing says how it ended)"
    return f"The steady time came to {_long(steady_s)} in {lives}{ended}."


def _rise(seen: Judged) -> list[str]:
    """Slope, projection, smallest leak, level stretch: each a sentence."""
    name, found = _NAMES.get(seen.probe, seen.probe), seen.trend
    if found.unseen:
        return [f"{name}: no trend can be told, {found.unseen}."]
    middle = _size(found.slope * S_PER_H, seen)
    after = f"after a warm-up of {_long(found.begin - found.began)}" if found.begin > found.began else "from the first"
    told = [f"{name} rose by {middle} an hour {after}; {_bounds(seen.per_h, seen, 'an hour')}."]
    if not found.settled:
        told[-1] += " The run is too short to tell what is left of the warm-up from a leak."
    if seen.hours and seen.lasted_h < seen.hours:
        told.append(_projection(seen))
    elif seen.hours:
        told.append(f"Over the whole run it came to {interval_text(found.growth, seen.unit, seen.limit)}.")
    told.append(_smallest(seen))
    told.append(_level(seen))
    return told


def _projection(seen: Judged) -> str:
    ahead = seen.trend.projected(seen.hours * S_PER_H)
    limit = f"{limit_text('<', seen.limit, seen.unit)} is asked of {seen.hours:g} h"
    return (
        f"Projection, no verdict and never a pass: going on like this, {seen.hours:g} h would come to "
        f"{_size(seen.trend.slope * seen.hours * S_PER_H, seen)}; {_bounds(ahead, seen, '')}; {limit}, and this run "
        f"lasted {_long(seen.lasted_h * S_PER_H)}."
    )


def _bounds(interval: Interval, seen: Judged, each: str) -> str:
    if interval == EVERYTHING:
        return "the run is too short to bound that"
    return f"with 95 % confidence {interval_text(interval, seen.unit, seen.limit)} {each}".rstrip()


def _size(value: float, seen: Judged) -> str:
    """In the units of the limit."""
    return scale_for(value, seen.unit, seen.limit).text(value)


def _smallest(seen: Judged) -> str:
    if not math.isfinite(seen.smallest_per_h):
        return "This run was too short to tell any leak from none."
    least = _size(seen.smallest_per_h, seen)
    ahead = f", {_size(seen.smallest_per_h * seen.hours, seen)} in {seen.hours:g} h" if seen.hours else ""
    return f"The smallest leak that this run would have told from none is {least} an hour{ahead}."


def _level(seen: Judged) -> str:
    if seen.plateau_s is None:
        return "Nowhere in the run was it seen to come to a level."
    return f"From {_long(seen.plateau_s)} into the run on it may well be level."


def _gaps(happened: Events) -> str:
    gaps = happened.gaps
    if not gaps:
        return "There is no gap: it was watched all the time."
    all_s, longest_s = sum(one.length_s for one in gaps), max(one.length_s for one in gaps)
    if len(gaps) == 1:
        return f"One gap, in which nobody watched: {_long(all_s)} at {_long(gaps[0].begin_s)} into the run."
    return f"{len(gaps)} gaps, in which nobody watched: {_long(all_s)} in all, the longest {_long(longest_s)}."


def _faults(faults: Sequence[Stretch]) -> str:
    if not faults:
        return "No fault was injected."
    told = [f"{one.what} for {_long(one.length_s)} at {_long(one.begin_s)}" for one in faults[:_NAMED]]
    more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    count = "One fault was" if len(faults) == 1 else f"{len(faults)} faults were"
    return f"{count} injected, and left out of the trend: {'; '.join(told)}{more}."


def _long(seconds: float) -> str:
    return duration_text(seconds)
