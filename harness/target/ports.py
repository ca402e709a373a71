"""Free ports held for a service's whole life, so that its address survives a restart and nobody else gets it.

A port that was merely seen to be free may be handed to another program a moment later. ephemeral-port-reserve
solves that by leaving the port in TIME_WAIT, which the kernel's own choice of ports avoids while a server that
sets SO_REUSEADDR (as gRPC, Go and asyncio do) may bind it; that lasts a minute. Here the same effect lasts as
long as it is wanted: a socket stays bound with SO_REUSEADDR and never listens. The kernel hands the port to
nobody, neither to bind(0) nor as the source of a connection; a server with SO_REUSEADDR may bind and listen
beside it; and while none does, connecting is refused, as for any closed port.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from harness.target.errors import PortTakenError
from harness.target.sockets import listeners

LOOPBACK = "127.0.0.1"
TAKEN_PATTERN = r"(?i)address (is )?already in use|EADDRINUSE|port is already allocated|errno 98\b"
"""How servers say that the port they were given is taken."""


class HeldPort:
    """One TCP port of this host that stays ours until `release`; also a context manager."""

    def __init__(self, port: int = 0, host: str = LOOPBACK) -> None:
        """Hold `port`, or any free one for 0. Raises PortTakenError."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise PortTakenError(
                f"port {port} of {host} is taken ({error.strerror}): choose another or stop its user"
            ) from None
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the port back. Safe to call again."""
        self._socket.close()

    @classmethod
    def in_use(cls, port: int) -> HeldPort:
        """A port that a service of ours listens on already: nothing can be bound beside it, and need not be."""
        lent = cls.__new__(cls)
        lent._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        lent._socket.close()
        lent.port = port
        return lent

    def somebody_listens(self) -> bool:
        """Whether a socket of this host listens on the port."""
        return bool(listeners(self.port))


def hold_quiet_port(tries: int = 20) -> HeldPort:
    """A held port on which nobody listens, on any address of this host."""
    for _ in range(tries):
        held = HeldPort()
        if not held.somebody_listens():
            return held
        held.release()
    raise PortTakenError(f"no free port found on {LOOPBACK} in {tries} tries: close programs that listen on many ports")
