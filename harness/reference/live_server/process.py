"""The process's life: settings, port, connector; signals end it gracefully, ten failed attempts with exit code 1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal

from harness.reference.live_server.following import Following
from harness.reference.live_server.settings import Settings, SettingsRefused, read_settings
from harness.reference.live_server.web import Web
from harness.reference.log import LibraryLines, Log
from harness.reference.remote import GaveUp

CLOSE_LIMIT_S = 1.8


def main() -> int:
    """Run until a signal. Exit codes: 0 stopped, 1 could not start or gave up."""
    log = Log()
    try:
        settings = read_settings()
    except SettingsRefused as error:
        log.fatal(str(error))
        return 1
    log.set_level(settings.log_level)
    log.hide([settings.api_key])
    logging.getLogger().addHandler(LibraryLines(log))
    log.info(
        "live_server starting",
        address=settings.address,
        symbol=settings.symbol,
        interval=settings.interval,
        history_candles=settings.history_candles,
        pid=os.getpid(),
    )
    return asyncio.run(_live(settings, log))


async def _live(settings: Settings, log: Log) -> int:
    stop = asyncio.Event()

    def stop_on(name: str) -> None:
        if not stop.is_set():
            log.info("graceful shutdown", signal=name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop_on, number.name)
    following = Following(settings, log)

    def state() -> str:
        if not following.is_live:
            return "starting"
        return "ok" if following.is_current else "reconnecting"

    web = Web(following.audience, state)
    try:
        await web.start(settings.port)
    except OSError as error:
        log.fatal(
            f"port {settings.port} cannot be opened: {error.strerror or error}; free it or choose another with PORT"
        )
        return 1
    log.info("serving", port=web.port)
    try:
        return await _follow(following, stop, log)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await asyncio.gather(web.close(), following.close())
        log.info("stopped")


async def _follow(following: Following, stop: asyncio.Event, log: Log) -> int:
    """Follow the connector until a signal (0) or until it is given up (1)."""
    running = asyncio.create_task(following.run(), name="follow")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, stopping):
        task.cancel()
    outcomes = await asyncio.gather(running, stopping, return_exceptions=True)
    if stop.is_set():
        return 0
    if isinstance(outcomes[0], GaveUp):
        log.fatal(str(outcomes[0]))
        return 1
    log.fatal(f"following the connector ended unexpectedly: {outcomes[0]!r}; this is a fault of live_server")
    return 1
