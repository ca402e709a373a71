"""Audience: each WebSocket client has a bounded queue of its own; who falls behind is cut off, never waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode

from harness.reference.live_server.board import Board
from harness.reference.live_server.views import View, text
from harness.reference.log import Log

QUEUE_MESSAGES = 500
"""So far a client may fall behind, beyond what it is greeted with."""


@dataclass(eq=False)
class Client:
    """One WebSocket client: its messages in order and, once it is over, with which close code and why."""

    peer: str
    queue: deque[str] = field(default_factory=deque)
    room: int = QUEUE_MESSAGES
    close_code: int = 0
    close_reason: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def greet(self, messages: Iterable[str]) -> None:
        """Everything at once; it does not count against the room."""
        self.queue.extend(messages)
        self.room = len(self.queue) + QUEUE_MESSAGES
        self._filled.set()

    def offer(self, message: str) -> bool:
        """Queue one message; False when there is no room left."""
        if len(self.queue) >= self.room:
            return False
        self.queue.append(message)
        self._filled.set()
        return True

    async def next(self) -> str:
        """Wait for the next message."""
        while not self.queue:
            self._filled.clear()
            await self._filled.wait()
        return self.queue.popleft()

    def end(self, code: int, reason: str) -> None:
        """Nothing more is sent but the close frame."""
        self.close_code, self.close_reason = code, reason
        self.queue.clear()
        self.ended.set()


class Audience:
    """All clients see the same messages in the same order, each first greeted with what the board knows by then."""

    def __init__(self, board: Board, log: Log) -> None:
        self._board = board
        self._log = log
        self._clients: set[Client] = set()
        self._open = False
        self.cut_off = 0

    def __len__(self) -> int:
        return len(self._clients)

    def open(self) -> None:
        """The board is complete: greet those who came early, and from now on everybody as he comes."""
        if self._open:
            return
        self._open = True
        self._greet(self._clients)

    def join(self, client: Client) -> None:
        """Greeting and joining are one step, so that no update falls between them."""
        self._clients.add(client)
        self._log.info("client connected", peer=client.peer, clients=len(self._clients))
        if self._open:
            self._greet((client,))

    def leave(self, client: Client) -> None:
        """Once it is gone for whatever reason."""
        if client in self._clients:
            self._clients.discard(client)
            self._log.info("client left", peer=client.peer, clients=len(self._clients))

    def publish(self, news: Iterable[View]) -> None:
        """Tell everybody; before the board is complete nobody, since the greeting will have it all."""
        if not self._open:
            return
        for view in news:
            message = text(view)
            for client in [one for one in self._clients if not one.ended.is_set() and not one.offer(message)]:
                self._cut_off(client)

    def end_all(self, code: int, reason: str) -> None:
        """Close every client."""
        for client in self._clients:
            if not client.ended.is_set():
                client.end(code, reason)

    def _greet(self, clients: Iterable[Client]) -> None:
        messages = [text(view) for view in self._board.everything()]
        for client in clients:
            client.greet(messages)

    def _cut_off(self, client: Client) -> None:
        self.cut_off += 1
        self._log.info("slow client cut off", peer=client.peer, queued=len(client.queue))
        client.end(WSCloseCode.TRY_AGAIN_LATER, f"fell {QUEUE_MESSAGES} messages behind: connect again")
