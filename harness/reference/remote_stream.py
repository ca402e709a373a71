"""One stream of a client that is kept open: subscribed again after every error, one subscription at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import grpc

from harness.reference.log import Log

LONGEST_PAUSE_S = 30.0


class Call(Protocol):
    """A server stream of grpc.aio."""

    def __aiter__(self) -> AsyncIterator[Any]:
        """Its messages."""
        ...

    async def initial_metadata(self) -> Any:
        """Comes with the headers: subscribed."""
        ...

    def cancel(self) -> bool:
        """End it."""
        ...


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 1 doubling to 30."""
    return float(min(LONGEST_PAUSE_S, 2 ** min(failures - 1, 10)))


def cause_of(error: BaseException) -> str:
    """One line that says why a call failed."""
    if isinstance(error, grpc.RpcError) and hasattr(error, "details"):
        return f"{error.code().name}: {' '.join((error.details() or 'no details').split())}"
    return f"{type(error).__name__}: {error}"


class Stream:
    """Made by `Remote.stream`. `live` is set while it is subscribed."""

    def __init__(
        self,
        name: str,
        log: Log,
        up: asyncio.Event,
        subscribe: Callable[[], Call],
        on_message: Callable[[Any], None],
        on_return: Callable[[], None],
    ) -> None:
        self.name = name
        self.live = asyncio.Event()
        self.subscriptions = 0
        """How often it was subscribed so far."""
        self._log = log
        self._up = up
        self._subscribe = subscribe
        self._on_message = on_message
        self._on_return = on_return
        self._cancelled = False
        self._failures = 0

    def start(self) -> None:
        """Begin, as soon as there is a connection."""
        self.task = asyncio.create_task(self._keep_open(), name=f"stream {self.name}")

    def cancel(self) -> None:
        """No message is delivered after this; the subscription ends at the connector too."""
        self._cancelled = True
        self.live.clear()
        self.task.cancel()

    async def _keep_open(self) -> None:
        while not self._cancelled:
            await self._up.wait()
            cause = await self._deliver()
            self._failures += 1
            wait_s = pause_s(self._failures)
            self._log.warn("stream ended", stream=self.name, cause=cause, retry_in_s=wait_s)
            await asyncio.sleep(wait_s)

    async def _deliver(self) -> str:
        """One subscription from its start to its end; why it ended."""
        call: Call | None = None
        try:
            call = self._subscribe()
            await call.initial_metadata()
            self._live()
            async for message in call:
                if self._cancelled:
                    break
                self._failures = 0
                self._give(message)
            return "OK: ended by the connector"
        except grpc.RpcError as error:
            return cause_of(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._cancelled or (task is not None and task.cancelling()):
                raise
            return "CANCELLED: the connection was closed"
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream goes on
            return cause_of(error)
        finally:
            self.live.clear()
            if call is not None:
                call.cancel()

    def _live(self) -> None:
        self._failures = 0
        self.subscriptions += 1
        self.live.set()
        self._log.info("subscribed", stream=self.name, subscription=self.subscriptions)
        if self.subscriptions > 1:
            self._on_return()

    def _give(self, message: Any) -> None:
        try:
            self._on_message(message)
        except Exception as error:  # noqa: BLE001 - one message that cannot be used must not end the stream
            self._log.error("update could not be used", stream=self.name, error=f"{type(error).__name__}: {error}")
