from harness.client.measuring.client import MeasuringClient, stamps_fact
from harness.client.measuring.rpc import Path, Rpc
from harness.client.measuring.stream import Batch, Stream
from harness.client.measuring.timed import Timed

__all__ = ["Batch", "MeasuringClient", "Path", "Rpc", "Stream", "Timed", "stamps_fact"]
