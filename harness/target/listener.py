"""Listener: what listens at a serving port, known again by its sockets and the processes that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.target.owner import Owner, start_time_ticks
from harness.target.sockets import socket_inodes


@dataclass(frozen=True, slots=True)
class Listener:
    """`holders`: every process that has one of the sockets open; empty where nobody may look."""

    inodes: frozenset[int]
    holders: frozenset[Owner]

    @classmethod
    def of(cls, inodes: Iterable[int], pids: Iterable[int]) -> Listener:
        """These sockets, held by some of these processes."""
        wanted = frozenset(inodes)
        return cls(wanted, frozenset(Owner(pid, start_time_ticks(pid) or 0) for pid in pids if _holds(pid, wanted)))

    def still_there(self, listening: Callable[[], set[int]]) -> bool:
        """Whether one of its sockets is still in the hands of one of its holders; where nobody may look, whether it is
        among the sockets that are `listening`.

        A program that executes itself anew keeps its number, not its sockets; one that hands them on keeps those.
        """
        if self.holders:
            return any(holder.alive() and _holds(holder.pid, self.inodes) for holder in self.holders)
        return not self.inodes.isdisjoint(listening())


def _holds(pid: int, inodes: frozenset[int]) -> bool:
    try:
        return not inodes.isdisjoint(socket_inodes(pid))
    except OSError:
        return False  # gone meanwhile, or not ours to look at
