"""Tap: watch an unmodified client's gRPC connections from outside, by the bytes that a proxy forwards."""

from harness.trial.tap.client import ClientTap, Observer, TappedStream
from harness.trial.tap.witness import Exchange

__all__ = ["ClientTap", "Exchange", "Observer", "TappedStream"]
