"""Signs that in a window the instrument, or the host under it, was the slow one: then nothing is said of the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Ints, Mask
from harness.verdict.metric import UnseenError
from harness.verdict.performance import (
    CALLS,
    CEILING,
    GENERATOR_CPU,
    STEAL,
    THROTTLED,
    UNSENT,
    arrivals_left_out,
    fact,
    offered_per_s,
)
from harness.verdict.selecting import NS_PER_S, NULL, in_spans, windows
from harness.verdict.timetable import due_ns, punctual, released

CPU_SHARE = 0.85
"""A generator process above this share of its core has no time left to be punctual in."""
CEILING_SHARE = 0.8
UNSENT_SHARE = 0.01
BURST_SPACING = 0.1
"""Two sends closer than this share of the mean distance between calls are one burst."""
BURST_SHARE = 0.1
BURST_LEAST = 50
"""Fewer calls than this make no pattern."""
STEAL_PERCENT = 2.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One reason to distrust a window, with what to do about it."""

    name: str
    says: str
    hint: str


def saturation(evidence: Evidence, window: str, kind: str) -> tuple[Sign, ...]:
    """Everything that was too much for the instrument in a window (`kind`: calls or messages); empty is well."""
    found: list[Sign] = []
    for look in LOOKS:
        try:
            found += look(evidence, window, kind)
        except UnseenError:
            continue  # no such window: the metric itself says so
    return tuple(found)


def generator_cpu(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """A generator process had used up its core."""
    share = fact(evidence, GENERATOR_CPU, window)
    if share is not None and share > CPU_SHARE:
        says = f"in the window {window} a load generator process used {share:.0%} of its core"
        yield Sign("generator saturated", says, "spread the load over more generator processes, or ask for less")


def near_ceiling(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """The rate is within reach of what the instrument can do at all."""
    ceiling = fact(evidence, CEILING, kind)
    if ceiling is None:
        return
    asked = offered_per_s(evidence, window, kind)
    if asked > CEILING_SHARE * ceiling:
        says = f"the window {window} asks for {asked:.0f} {kind}/s of an instrument whose ceiling is {ceiling:.0f}/s"
        yield Sign("ceiling too near", says, "use more generator processes or another machine, or ask for less")


def unsent(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """The generator did not offer what its timetable says."""
    if kind != CALLS:
        return
    left_out = arrivals_left_out(evidence, {"window": window}, UNSENT)
    made = int((in_spans(due_ns(evidence.calls), windows(evidence, window)) & ~evidence.calls.client.equal(NULL)).sum())
    if left_out > UNSENT_SHARE * (made + left_out):
        told = f"{left_out} of {made + left_out} calls were never sent"
        says = f"in the window {window} {told}, though their users were free"
        yield Sign("calls never sent", says, "use more generator processes or users, or offer a lower rate")


def bursts(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """Calls left in bunches that neither the timetable nor a slow answer explains."""
    rows = evidence.calls
    chosen = in_spans(due_ns(rows), windows(evidence, window)) & ~rows.client.equal(NULL)
    if kind != CALLS or int(chosen.sum()) < BURST_LEAST:
        return
    sent, ideal = rows.sent_ns[chosen], punctual(rows).sent_ns[chosen]
    spacing_ns = float(np.ptp(ideal)) / (len(ideal) - 1)
    within_ns = BURST_SPACING * spacing_ns
    # A target that answers many users at once makes them call at once, and their calls go on together.
    bunched = _bunched(sent, within_ns, ~released(rows)[chosen])
    explained = _bunched(ideal, within_ns, np.ones(len(ideal), np.bool_))
    if bunched - explained > BURST_SHARE:
        rate = NS_PER_S / spacing_ns if spacing_ns > 0 else 0.0
        says = (
            f"in the window {window} {bunched:.0%} of the calls left in a bunch with another one, "
            f"where the timetable of {rate:.0f}/s has {explained:.0%}"
        )
        yield Sign("hidden bursts", says, "spread the users' phases and give the generator a core of its own")


def steal(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """The hypervisor took the CPU away."""
    percent = fact(evidence, STEAL, window)
    if percent is not None and percent > STEAL_PERCENT:
        says = f"in the window {window} the hypervisor kept {percent:.1f} % of the CPU time for others"
        yield Sign("stolen time", says, "use a machine with CPUs of its own, or wait until its neighbours are quiet")


def throttled(evidence: Evidence, window: str, kind: str) -> Iterator[Sign]:
    """The processor slowed down because it was too hot."""
    events = fact(evidence, THROTTLED, window)
    if events:
        says = f"in the window {window} the processor throttled itself {events:.0f} times"
        yield Sign("throttled", says, "let the machine cool down, and run the case again")


LOOKS: tuple[Callable[[Evidence, str, str], Iterator[Sign]], ...] = (
    generator_cpu, near_ceiling, unsent, bursts, steal, throttled,
)  # fmt: skip


def _bunched(times_ns: Ints, within_ns: float, counts: Mask) -> float:
    """Share of the times, of those that count, that follow another one within so short a time."""
    order = np.argsort(times_ns, kind="stable")
    gaps_ns = np.diff(times_ns[order]).astype(np.float64)
    return float(np.mean((gaps_ns < within_ns) & counts[order][1:]))
