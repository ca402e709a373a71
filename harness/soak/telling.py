"""Telling: how a soak stands, as people read it: a line for the terminal, `--status`; what was not seen is a dash."""

from __future__ import annotations

from harness.soak.checkpoint import Checkpoint, Progress
from harness.soak.plan import clock

UNSEEN = "\N{EN DASH}"
_MIB = 1 << 20


def line(now: Checkpoint) -> str:
    """One line of progress."""
    told = now.progress
    return (
        f"soak {now.state} {clock(now.steady_s)} of {clock(now.duration_s)}"
        f" | memory {memory(told)} | runtime units {runtime_units(told)}"
        f" | errors {told.failed} of {told.calls} ({told.error_percent:.3g} %)"
        f" | {latency(told)} | updates {told.updates} | harness {harness(told)}"
        f" | so far: {verdict(told)}"
    )


def standing(now: Checkpoint) -> tuple[str, ...]:
    """The same in some lines, over all lives so far."""
    told = now.progress
    return (
        f"{clock(now.steady_s)} of {clock(now.duration_s)} steady, {told.updates} updates in this life",
        f"memory {memory(told)}",
        f"runtime units {runtime_units(told)}",
        f"calls {now.calls}, failed {now.failed}; {latency(told)}",
        f"harness {harness(told)}",
        f"serving {now.serving} of {now.looks} looks; so far: {verdict(told)}",
    )


def memory(told: Progress) -> str:
    """Of the connector, and what it has grown by."""
    if told.rss_bytes < 0:
        return UNSEEN
    return f"{told.rss_bytes / _MIB:.1f} MiB ({told.rss_grown_bytes / _MIB:+.2f})"


def runtime_units(told: Progress) -> str:
    """Of the connector, and how far they are from the baseline."""
    return UNSEEN if told.runtime_units < 0 else f"{told.runtime_units:g} ({told.runtime_units_off:+g})"


def latency(told: Progress) -> str:
    """Of the latest calls."""
    if told.p50_ms < 0:
        return f"p50 {UNSEEN} p99 {UNSEEN}"
    return f"p50 {told.p50_ms:.1f} p99 {told.p99_ms:.1f} ms"


def harness(told: Progress) -> str:
    """What the harness itself takes."""
    if told.harness_rss_bytes < 0:
        return UNSEEN
    return f"{told.harness_rss_bytes / _MIB:.0f} MiB {told.harness_cpu_percent:.0f} %"


def verdict(told: Progress) -> str:
    """What is lost for good."""
    return "; ".join(told.lost_for_good) or "nothing lost"
