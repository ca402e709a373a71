"""Faults, one file a kind: each begins, leaves proof that it bit, and heals whatever happens in its block.

`async with latency(trial, path, delay_s=0.2): ...`; FAULTS lists every kind. Beside them the faults of clients
that have a course of their own: a paused reader, streams ended with an error, a client lost in three ways.
"""

from harness.trial.faults.bandwidth import bandwidth
from harness.trial.faults.black_hole import black_hole
from harness.trial.faults.cut_after import cut_after
from harness.trial.faults.end_streams import end_streams
from harness.trial.faults.half_close import half_close
from harness.trial.faults.inflicted import Fault
from harness.trial.faults.isolate import isolate
from harness.trial.faults.jitter import jitter
from harness.trial.faults.kill import kill
from harness.trial.faults.latency import latency
from harness.trial.faults.lose_client import lose_client
from harness.trial.faults.pause import pause
from harness.trial.faults.paused_reader import paused_reader
from harness.trial.faults.refuse import refuse
from harness.trial.faults.registry import FAULTS, Kind, Over
from harness.trial.faults.reset import reset
from harness.trial.faults.stop import stop
from harness.trial.faults.venue import (
    venue_delay,
    venue_disconnect,
    venue_duplicate,
    venue_error,
    venue_refuse,
    venue_reorder,
    venue_skew,
    venue_stall,
    venue_throttle,
)

__all__ = [
    "FAULTS", "Fault", "Kind", "Over", "bandwidth", "black_hole", "cut_after", "end_streams", "half_close", "isolate",
    "jitter", "kill", "latency", "lose_client", "pause", "paused_reader", "refuse", "reset", "stop", "venue_delay",
    "venue_disconnect", "venue_duplicate", "venue_error", "venue_refuse", "venue_reorder", "venue_skew", "venue_stall",
    "venue_throttle",
]  # fmt: skip
