"""Subscriptions by a venue's own frames over ccxt's sockets: for dialects whose `read` takes every data frame."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ccxt.base.errors import UnsubscribeError

from harness.reference.connector.backends.network.dialect import Native

Frame = Mapping[str, Any]
_OFF = "off "


async def hold(native: Native, url: str, name: str, frame: Frame) -> None:
    """Send the subscription and wait for ever; raises when it or its socket is gone."""
    client = native.client(url)
    try:
        await native.watch(url, name, frame, name)
    finally:
        client.subscriptions.pop(name, None)  # so that the next attempt sends its frame again


async def release(native: Native, url: str, name: str, frame: Frame) -> None:
    """Send the unsubscription; returns when `released` was called for it."""
    client = native.client(url)
    try:
        await native.watch(url, _OFF + name, frame, _OFF + name)
    finally:
        client.subscriptions.pop(_OFF + name, None)


def released(client: Native, name: str) -> None:
    """The venue acknowledged the end of a subscription."""
    failed(client, name, UnsubscribeError(name))
    client.resolve(True, _OFF + name)


def failed(client: Native, name: str, error: Exception) -> None:
    """The venue refused or ended a subscription: whoever holds it hears of it, and nobody else."""
    if name in client.futures:
        client.reject(error, name)


def failed_all(client: Native, error: Exception) -> None:
    """Everything on this socket has failed."""
    client.subscriptions.clear()
    client.reject(error)


def forget(native: Native, url: str) -> None:
    """Before a login: nothing of an earlier one on the same socket counts."""
    client = (native.clients or {}).get(url)
    if client is not None:
        client.subscriptions.clear()
        client.futures.clear()


async def hold_all(native: Native, url: str, frames: Mapping[str, Frame]) -> None:
    """`hold` for several at once; raises when the first of them is gone."""
    holding = [asyncio.ensure_future(hold(native, url, name, frame)) for name, frame in frames.items()]
    try:
        done, _ = await asyncio.wait(holding, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in holding:
            one.cancel()
        await asyncio.gather(*holding, return_exceptions=True)
