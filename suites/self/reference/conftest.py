"""Connectors that several tests share; each test that changes one starts its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from .launched import Connector, stub
from .simulated import Venue, over


@pytest.fixture(scope="session")
def mock() -> Iterator[Connector]:
    with Connector() as connector:
        yield connector


@pytest.fixture
def calls(mock: Connector) -> Iterator[Any]:
    with mock.channel() as channel:
        yield stub(channel)


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue() as venue:
        yield venue


@pytest.fixture(scope="module")
def binance(venue: Venue) -> Iterator[Connector]:
    with over(venue) as connector:
        yield connector


@pytest.fixture
def channel(binance: Connector) -> Iterator[grpc.Channel]:
    with binance.channel() as channel:
        yield channel
