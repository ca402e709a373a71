"""A partition between connector and venue: sockets that it left half open are given up, and every stream comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath

import pytest

from harness.client.remote import RemoteExchange
from harness.client.subscription import Subscription
from harness.evidence.clock import monotonic_s
from harness.target.credentials import Credentials
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import load_profile
from harness.trial.path import Path
from harness.venue.control import VenueControl

pytestmark = [pytest.mark.self, pytest.mark.slow]

KEYS = Credentials(key="partitionkey0123456789", secret="partitionsecret0123456789", passphrase="partition01")
AWAY_S = 20.0
BACK_LIMIT_S = 30.0


async def all_arrive(venue: VenueControl, streams: list[Subscription], limit_s: float) -> bool:
    """Whether each stream delivers something that the venue sent from now on."""
    before = [stream.received for stream in streams]
    end_s = monotonic_s() + limit_s
    while monotonic_s() < end_s:
        await venue.place_resting("BTCUSDT")
        await venue.move_balance()
        await venue.move_price("BTCUSDT")
        await asyncio.sleep(0.2)
        if all(stream.received > known for stream, known in zip(streams, before, strict=True)):
            return True
    return False


@pytest.mark.parametrize("exchange", ["binance", "bitget", "gate", "okx", "bybit"])
def test_every_stream_comes_back_after_a_partition_of_20_s(exchange: str, tmp_path: FilePath) -> None:
    async def choreography() -> None:
        launcher = ProcessLauncher(load_profile("reference"), "partition", lambda name: tmp_path / f"{name}.log")
        try:
            venue = await launcher.start_venue(exchange, "strict", 1, KEYS)
            async with VenueControl.connect(venue.control_address) as control, Path(venue.address) as path:
                await control.set_tick(0)
                connector = await launcher.start_connector(exchange, f"http://{path.address}", KEYS)
                async with RemoteExchange(connector.address, name="client", record=lambda record: None) as client:
                    streams = [client.orders(), client.account(), client.prices(["BTCUSDT"])]
                    for stream in streams:
                        stream.start()
                    assert await all_arrive(control, streams, BACK_LIMIT_S)
                    hole = path.black_hole()
                    assert not await all_arrive(control, streams, AWAY_S), "bytes passed through the black hole"
                    path.remove(hole)
                    assert await all_arrive(control, streams, BACK_LIMIT_S), connector.log_text()[-2000:]
        finally:
            await launcher.close()

    asyncio.run(choreography())
