"""Life: one start of a service, from birth to exit, and whether it has begun anew by itself meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.evidence.clock import now_ns
from harness.target.listener import Listener


@dataclass(frozen=True, slots=True)
class Another:
    """Something else listens, at `t_ns` and not yet at `earliest_ns`. `pid`: one that holds it; None: not known."""

    t_ns: int
    earliest_ns: int
    pid: int | None


@dataclass(eq=False)
class Life:
    """One start of a service, from birth to exit."""

    exited: threading.Event = field(default_factory=threading.Event)
    log_ended: threading.Event = field(default_factory=threading.Event)
    code: int | None = None
    served: bool = False
    adopted: bool = False
    """It began under another launcher."""
    ready_line: dict[str, object] | None = None
    listener: Listener | None = None
    """What listened when it was last seen, at `seen_ns`."""
    seen_ns: int = 0

    def died(self, code: int | None) -> None:
        """Called once, by the thread that saw the exit."""
        self.code = code
        self.exited.set()

    def another_listener(
        self, listening: Callable[[], set[int]], family: Callable[[], Iterable[int]]
    ) -> Another | None:
        """What has taken over since the last look; the first only remembers. While nobody of its own listens,
        nothing has.

        `listening`: the sockets at its port, may raise OSError; `family`: its processes, asked for only when needed.
        """
        t_ns, known = now_ns(), self.listener
        try:
            if known is not None and known.still_there(listening):
                self.seen_ns = t_ns
                return None
            inodes = listening()
        except OSError:
            return None  # not ours to look at, or on its way out
        seen = Listener.of(inodes, family())
        out_of_sight = known is not None and known.holders and not seen.holders
        if not inodes or out_of_sight or self.exited.is_set():
            return None
        earliest_ns, self.listener, self.seen_ns = self.seen_ns, seen, t_ns
        pid = min((holder.pid for holder in seen.holders), default=None)
        return None if known is None else Another(t_ns, earliest_ns, pid)
