"""Tap: watch an unmodified client's gRPC connections from outside, by the bytes that a proxy forwards."""

from harness.trial.tap.client import ClientTap
from harness.trial.tap.witness import Exchange, TappedStream

__all__ = ["ClientTap", "Exchange", "TappedStream"]
