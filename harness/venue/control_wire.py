"""How a control call travels: one POST of JSON, with a limit, and every miss told in one sentence."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import aiohttp

LIMIT_S = 30.0


class ControlError(Exception):
    """The venue refused a control call, or did not answer: one sentence."""


class ControlWire:
    """The connection to one venue's control port; open inside `async with`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        try:
            await self._do("identity")
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closing twice does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _do(self, action: str, wait_s: float = 0.0, **arguments: Any) -> Any:
        session = self._open()
        try:
            async with asyncio.timeout(LIMIT_S + wait_s):
                url = f"http://{self.address}/{action}"
                async with session.post(url, data=json.dumps(arguments)) as answer:
                    told = await answer.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise self._silent(action, error) from error
        if "error" in told:
            raise ControlError(f"venue at {self.address}: {action}: {told['error']}")
        return told["result"]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ControlError(f"the control of the venue at {self.address} is closed: use it inside `async with`")
        return self._session

    def _silent(self, action: str, error: Exception) -> ControlError:
        return ControlError(
            f"no venue answers {action} on control port {self.address} ({type(error).__name__}): is it running?"
        )

    async def _get(self, page: str) -> str:
        session = self._open()
        try:
            async with asyncio.timeout(LIMIT_S), session.get(f"http://{self.address}/{page}") as answer:
                return await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silent(page, error) from error
