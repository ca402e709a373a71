"""The process's life: settings, credentials, then the port; signals end it gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

from harness.reference.connector import server as grpc_server
from harness.reference.connector.backends import Backend, open_backend
from harness.reference.connector.calls import Calls
from harness.reference.connector.farewell import Farewell
from harness.reference.connector.health import Health
from harness.reference.connector.hub import Hub
from harness.reference.connector.probe import watch_venue
from harness.reference.connector.refusal import CredentialsRefused, unavailable
from harness.reference.connector.rpcs import exchange_rpcs
from harness.reference.connector.settings import Settings, SettingsRefused, read_settings
from harness.reference.connector.streams import Streams
from harness.reference.log import LibraryLines, Log

VALIDATION_LIMIT_S = 30.0
STOP_GRACE_S = 1.5
CLOSE_LIMIT_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Exit codes: 0 stopped, 1 could not start."""
    log = Log(os.environ.get("LOG_LEVEL") or "INFO")
    try:
        settings = read_settings(sys.argv[1:] if arguments is None else arguments)
    except SettingsRefused as error:
        log.fatal(str(error))
        return 1
    logging.getLogger().addHandler(LibraryLines(log))
    log.set_level(settings.log_level)
    log.hide(settings.secrets())
    for warning in settings.warnings:
        log.warn(warning)
    log.info(
        "exchange_connector starting",
        exchange=settings.exchange,
        config=settings.config_file,
        base_url=settings.base_url,
        pid=os.getpid(),
    )
    return asyncio.run(_live(settings, log))


@dataclass
class _Parts:
    backend: Backend
    hub: Hub
    health: Health
    server: grpc.aio.Server
    port: int


async def _live(settings: Settings, log: Log) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _one_resolver_thread(loop)
    await loop.run_in_executor(None, int)  # its thread exists from the start, so that counts at rest never change

    def stop_on(name: str) -> None:
        if not stop.is_set():
            log.info("graceful shutdown", signal=name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_on, number.name)
    try:
        backend = open_backend(settings, log)
    except CredentialsRefused as error:
        log.fatal("Credential validation failed", exchange=settings.exchange, error=str(error))
        return 1
    try:
        if not await _validated(backend, settings, log, stop):
            return 0 if stop.is_set() else 1
        return await _serve(backend, settings, log, stop)
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(backend.close(), CLOSE_LIMIT_S)


async def _validated(backend: Backend, settings: Settings, log: Log, stop: asyncio.Event) -> bool:
    """Ask the venue, for at most 30 s in all, unless a signal comes first."""
    asking = asyncio.ensure_future(asyncio.wait_for(backend.start(), VALIDATION_LIMIT_S))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not asking.done():
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return False
    error = asking.exception()
    if error is None:
        log.info("credentials accepted", exchange=settings.exchange)
        return True
    cause = f"no answer within {VALIDATION_LIMIT_S:g} s" if isinstance(error, TimeoutError) else str(error)
    log.fatal("Credential validation failed", exchange=settings.exchange, error=cause or type(error).__name__)
    return False


async def _serve(backend: Backend, settings: Settings, log: Log, stop: asyncio.Event) -> int:
    hub = Hub(backend, log, settings.stream_buffer_messages)
    health = Health()
    farewell = Farewell(hub)
    rpcs = exchange_rpcs(Calls(backend), Streams(hub, settings.stream_buffer_messages), log, farewell.called)
    introspection = None
    if settings.introspection_port is not None:
        from harness.reference.connector.introspection import Introspection

        introspection = Introspection(hub, backend, health)
    try:
        server, port = grpc_server.open_server(settings, rpcs, health.rpcs())
        if introspection is not None:
            await introspection.start("0.0.0.0", settings.introspection_port or 0)
    except SettingsRefused as error:
        log.fatal(str(error))
        return 1
    except OSError as error:
        log.fatal(
            f"introspection port {settings.introspection_port} cannot be opened: {error.strerror}; choose another"
        )
        return 1
    await server.start()
    health.set(True)
    watching = asyncio.create_task(watch_venue(backend, health, log), name="watch venue") if backend.has_venue else None
    log.info(
        "serving",
        exchange=settings.exchange,
        port=port,
        tls=bool(settings.tls_cert_file),
        api_keys=len(settings.grpc_api_keys),
        rate_limit_per_s=settings.grpc_rate_limit_per_s,
        keepalive_time_ms=grpc_server.KEEPALIVE_TIME_MS,
        keepalive_timeout_ms=grpc_server.KEEPALIVE_TIMEOUT_MS,
        introspection_port=introspection.port if introspection is not None else -1,
        stream_buffer_messages=settings.stream_buffer_messages,
    )
    await stop.wait()
    if watching is not None:
        watching.cancel()
    health.close()
    hub.take_no_more(unavailable("connector is shutting down"))
    await farewell.wait()
    hub.end_all(unavailable("connector is shutting down"))
    await server.stop(STOP_GRACE_S)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hub.close(), CLOSE_LIMIT_S)
    if introspection is not None:
        await introspection.close()
    log.info("stopped")
    return 0


def _one_resolver_thread(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_default_executor(ThreadPoolExecutor(1, thread_name_prefix="resolver"))
