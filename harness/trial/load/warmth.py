"""Whether a load's warm-up was over when its window began, seen from the answers themselves."""

from __future__ import annotations

import numpy as np

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.tables import Floats
from harness.trial.load.plan import LoadPlan

BLOCKS = 4
LEAST = 5
"""Calls in a block that make its median worth looking at."""
SAME_SHARE, SAME_MS = 1.25, 0.1


def warmth(evidence: Evidence, plan: LoadPlan, start_ns: int, begin_ns: int) -> str:
    """What shows that the latency had stopped falling; empty when nothing does.

    The warm-up is cut into BLOCKS. Its last one must not be slower than the first of the window, of the same length,
    by more than noise: a target that is still getting faster is not warm.
    """
    block_ns = (begin_ns - start_ns) / BLOCKS
    if plan.streams:
        seen = {
            (mark.detail["client"]) for mark in evidence.marks if mark.name == "stream.live" and mark.t_ns <= begin_ns
        }
        opened = {mark.detail["client"] for mark in evidence.marks if mark.name == "stream.opened"}
        return f"each of {len(seen)} streams had delivered" if opened and seen == opened else ""
    before = _medians_ms(evidence, begin_ns - block_ns, begin_ns)
    after = _medians_ms(evidence, begin_ns, begin_ns + block_ns)
    if min(len(before), len(after)) < LEAST:
        return ""
    was, is_now = float(np.median(before)), float(np.median(after))
    if was > SAME_SHARE * is_now + SAME_MS:
        return ""
    return f"median {was:.2f} ms in its last {block_ns / NS_PER_S:.2g} s, {is_now:.2f} ms in as much of the window"


def _medians_ms(evidence: Evidence, from_ns: float, to_ns: float) -> Floats:
    calls = evidence.calls
    rows = (calls.sent_ns >= from_ns) & (calls.sent_ns < to_ns)
    taken: Floats = (calls.done_ns - calls.sent_ns)[rows] / NS_PER_MS
    return taken
