"""What the kernel knows of TCP sockets and their owners, read from /proc: listeners, connections, descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ESTABLISHED = "01"
LISTEN = "0A"
_PREFIX = "socket:["


@dataclass(frozen=True, slots=True)
class TcpRow:
    """One row of /proc/net/tcp or tcp6. `inode` is 0 once no process holds the socket."""

    local_port: int
    remote_port: int
    state: str
    inode: int


def tcp_rows(pid: int | None = None) -> list[TcpRow]:
    """All TCP sockets of the process's network namespace (ours when None), IPv4 and IPv6.

    Raises OSError when the process is gone or not ours to look at.
    """
    net = PROC / (str(pid) if pid is not None else "self") / "net"
    rows = []
    for name in ("tcp", "tcp6"):
        try:
            lines = (net / name).read_text().splitlines()[1:]
        except FileNotFoundError:
            if name == "tcp":
                raise
            continue  # a kernel without IPv6
        rows += [_row(line) for line in lines]
    return rows


def _row(line: str) -> TcpRow:
    words = line.split()
    return TcpRow(
        local_port=int(words[1].rsplit(":", 1)[1], 16),
        remote_port=int(words[2].rsplit(":", 1)[1], 16),
        state=words[3],
        inode=int(words[9]),
    )


def socket_inodes(pid: int) -> set[int]:
    """The sockets that are open descriptors of the process. Raises OSError as `tcp_rows` does."""
    inodes = set()
    folder = PROC / str(pid) / "fd"
    for name in os.listdir(folder):
        try:
            link = os.readlink(folder / name)
        except FileNotFoundError:
            continue  # closed meanwhile
        if link.startswith(_PREFIX):
            inodes.add(int(link[len(_PREFIX) : -1]))
    return inodes


def listeners(port: int, pid: int | None = None) -> set[int]:
    """Inodes of the sockets that listen on `port` in the namespace of `pid`."""
    return {row.inode for row in tcp_rows(pid) if row.state == LISTEN and row.local_port == port}


def established(port: int, pid: int) -> int:
    """Number of established connections to `port`, counted at the side of the process."""
    return sum(1 for row in tcp_rows(pid) if row.state == ESTABLISHED and row.local_port == port)


def connection_inode(port: int, peer_port: int, pid: int) -> int:
    """Inode of the accepted socket (local `port`, remote `peer_port`); 0 when there is none or nobody holds it."""
    for row in tcp_rows(pid):
        if row.local_port == port and row.remote_port == peer_port and row.state != LISTEN and row.inode:
            return row.inode
    return 0


def owner_of(inodes: Iterable[int], pids: Iterable[int]) -> dict[int, int]:
    """For each inode the one of `pids` that holds it; inodes held by others are left out."""
    wanted = set(inodes)
    owners: dict[int, int] = {}
    for pid in pids:
        try:
            for inode in socket_inodes(pid) & wanted:
                owners[inode] = pid
        except OSError:
            continue  # gone meanwhile
    return owners
