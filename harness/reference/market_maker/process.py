"""The process's life: settings, store, pages, then trading; signals end it gracefully, a lost connector with code 1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3

from harness.reference.log import LibraryLines, Log
from harness.reference.market_maker.maker import Maker, SymbolRefused
from harness.reference.market_maker.settings import Settings, SettingsRefused, read_settings
from harness.reference.market_maker.status import Pages
from harness.reference.market_maker.store import Store, StoreRefused
from harness.reference.remote import GaveUp

LEAVE_LIMIT_S = 3.5
END_LIMIT_S = 0.5


def main() -> int:
    """Run until a signal. Exit codes: 0 stopped, 1 could not start or lost the connector for good."""
    log = Log(os.environ.get("LOG_LEVEL") or "INFO")
    try:
        settings = read_settings()
        log.hide([settings.api_key])
        store = Store(settings.db_file, settings.symbol)
    except (SettingsRefused, StoreRefused) as error:
        log.fatal(str(error))
        return 1
    logging.getLogger().addHandler(LibraryLines(log))
    log.info(
        "market_maker starting",
        address=settings.address,
        symbol=settings.symbol,
        price_interval=str(settings.price_interval),
        order_quantity=str(settings.order_quantity),
        buy_window=settings.buy_window,
        sell_window=settings.sell_window,
        grid_mode=settings.grid_mode,
        db_file=str(settings.db_file),
        cancel_on_exit=settings.cancel_on_exit,
        pid=os.getpid(),
    )
    try:
        return asyncio.run(_live(settings, store, log))
    finally:
        with contextlib.suppress(sqlite3.Error):
            store.close()


async def _live(settings: Settings, store: Store, log: Log) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_on(name: str) -> None:
        if not stop.is_set():
            log.info("graceful shutdown", signal=name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_on, number.name)
    maker = Maker(settings, store, log)
    pages = Pages(maker.health, maker.status)
    try:
        port = await pages.start(settings.health_port)
    except OSError as error:
        log.fatal(f"HEALTH_PORT {settings.health_port} cannot be opened: {error.strerror}; free it or choose another")
        await pages.close()
        return 1
    log.info("pages open", http_port=port)
    try:
        return await _trade_until(stop, maker, log)
    finally:
        await pages.close()


async def _trade_until(stop: asyncio.Event, maker: Maker, log: Log) -> int:
    trading = asyncio.create_task(maker.run(), name="maker")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({trading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    code = 0
    try:
        if stop.is_set():
            async with asyncio.timeout(LEAVE_LIMIT_S):
                await maker.settle()
                await maker.leave()
        else:
            trading.result()
            code = 1  # it never ends by itself
    except (GaveUp, SymbolRefused) as error:
        log.fatal(str(error))
        code = 1
    except TimeoutError:
        log.warn("the shutdown took too long and was cut short", limit_s=LEAVE_LIMIT_S)
    trading.cancel()
    await asyncio.wait({trading}, timeout=END_LIMIT_S)
    await maker.remote.close()
    if not code:
        log.info("stopped")
    return code
