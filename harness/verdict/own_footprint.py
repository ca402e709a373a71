"""Guard over what the harness itself took in a long run: one that grows disturbs what it watches."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Floats
from harness.spec.case import Case
from harness.verdict.raised import Raised
from harness.verdict.selecting import NS_PER_S, in_spans, named, windows
from harness.verdict.slopes import quick_slope
from harness.verdict.verdict import Doubt

STEADY = "steady"
RSS, CPU = "harness.rss", "harness.cpu"
MOST_BYTES, MOST_PERCENT, MOST_BYTES_PER_H = 150e6, 10.0, 1e6
LEAST_H, SETTLED_H = 1.0, 0.5
"""Growth is told of a run that long, from its second half hour on: until then what a runner remembers fills up."""
POINTS = 200
HINT = (
    "leave the machine to the run alone; under pytest the harness is larger than `nfr soak`; if it stays so there, it "
    "leaks: report it with this run"
)


def own_footprint(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """More memory, growth or processor time than a soak's runner may have. It holds nothing against the target."""
    if not any(mark.detail.get("window") == STEADY for mark in named(evidence, "window.begin")):
        return
    says = []
    t_h, rss = _seen(evidence, RSS)
    if len(rss) and rss.max() > MOST_BYTES:
        says.append(f"took up to {rss.max() / 1e6:.0f} MB of memory, of {MOST_BYTES / 1e6:.0f} MB that it may")
    if len(rss) and t_h[-1] - t_h[0] >= LEAST_H:
        settled = int(np.searchsorted(t_h, t_h[0] + SETTLED_H))
        some = np.linspace(settled, len(rss) - 1, min(POINTS, len(rss) - settled)).astype(np.int64)
        grown = quick_slope(t_h[some], rss[some])
        if grown >= MOST_BYTES_PER_H:
            says.append(
                f"grew by {grown / 1e6:.1f} MB an hour, of less than {MOST_BYTES_PER_H / 1e6:.0f} MB that it may"
            )
    _, cpu = _seen(evidence, CPU)
    if len(cpu) and cpu.mean() > MOST_PERCENT:
        says.append(f"took {cpu.mean():.0f} % of a core, of {MOST_PERCENT:g} % that it may")
    if says:
        yield Raised(
            Doubt("large harness", f"the harness itself {'; '.join(says)}", HINT),
            frozenset(criterion.id for criterion in case.criteria),
        )


def _seen(evidence: Evidence, probe: str) -> tuple[Floats, Floats]:
    """Hours and values of the probe's readings in the steady time."""
    rows = evidence.readings
    rows = rows.rows(rows.probe.equal(probe) & in_spans(rows.t_ns, windows(evidence, STEADY)))
    hours: Floats = rows.t_ns / (3600.0 * NS_PER_S)
    return hours, rows.value
