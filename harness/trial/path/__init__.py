"""Path: a TCP proxy between any two services, on which real connections are watched and made to suffer."""

from harness.trial.path.path import Path
from harness.trial.path.toxics import Bandwidth, BlackHole, CutAfter, Direction, Latency, Standing, Toxic
from harness.trial.path.watched import Observer

__all__ = ["Bandwidth", "BlackHole", "CutAfter", "Direction", "Latency", "Observer", "Path", "Standing", "Toxic"]
