"""Link: one client's connection and its twin towards the service, with a lane each way between them."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable

from harness.evidence.clock import now_ns
from harness.trial.path.lane import Lane, Report
from harness.trial.path.toxics import Course, CutAfter, Direction
from harness.trial.path.watched import Watched

_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """Ends when both sides have ended, as TCP does: FIN for FIN, reset for reset; `ended` is then called, once."""

    def __init__(
        self,
        near: socket.socket,
        far: socket.socket,
        up: Course,
        down: Course,
        watched: Watched | None,
        ended: Callable[[Link], None],
    ) -> None:
        self.near, self.far = near, far
        self._watched = watched
        self._ended = ended
        self._open = True
        self._lanes: dict[Direction, Lane] = {}
        for course, source, sink in ((up, near, far), (down, far, near)):
            is_up = course is up
            passed = None if watched is None else watched.sent if is_up else watched.replied
            lost = self._down_lost if is_up else self._up_lost
            report = Report(passed, self._cut, self._over, self._reset, lost)
            self._lanes[course.direction] = Lane(source, sink, course, report)

    @property
    def far_port(self) -> int:
        """What the service sees as its peer's port."""
        port: int = self.far.getsockname()[1]
        return port

    def start(self) -> None:
        """Let bytes pass."""
        for lane in self._lanes.values():
            lane.start()

    def lanes(self, direction: Direction) -> tuple[Lane, ...]:
        """Those that a toxic of this direction concerns."""
        return tuple(lane for mine, lane in self._lanes.items() if direction.covers(mine))

    def end(self, *, reset: bool) -> None:
        """Close both sides now, with a FIN or a reset. Again: nothing."""
        if not self._open:
            return
        self._open = False
        # The loop must have let go of a socket before it is closed: its number may be handed out again at once.
        for lane in self._lanes.values():
            lane.close()
        close(self.near, reset=reset)
        close(self.far, reset=reset)
        if self._watched is not None:
            self._watched.closed(now_ns())
        self._ended(self)

    def _cut(self, cut: CutAfter) -> None:
        if cut.how == "reset":
            self.end(reset=True)
            return
        for lane in self._lanes.values():
            lane.silence()

    def _over(self) -> None:
        if all(lane.over for lane in self._lanes.values()):
            self.end(reset=False)

    def _reset(self) -> None:
        self.end(reset=True)

    def _down_lost(self) -> None:
        self._lanes[Direction.DOWN].source_lost()

    def _up_lost(self) -> None:
        self._lanes[Direction.UP].source_lost()


def close(side: socket.socket, *, reset: bool) -> None:
    """Close a socket, with a reset or as it is."""
    with contextlib.suppress(OSError):
        if reset:
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        side.close()
