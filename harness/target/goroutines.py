"""Count the goroutines of a Go process from outside, by status: reads its memory, never stops or changes it."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.target.go_layout import STATUSES, Layout, UnknownLayoutError, layout_of
from harness.target.owner import start_time_ticks
from harness.target.sockets import PROC

ATTEMPTS = 8
MOST = 4_000_000
"""More goroutines than this is no count but a misread."""
ODD_AT_ONCE, ODD_SHARE = 8, 0.05
"""A goroutine that is just being made has its status before its number; more than this is a misread."""
NEARBY_BYTES = 4096
LARGEST_READ_BYTES = 1 << 20
RUNNING, RUNNABLE, WAITING, SYSCALL, DEAD = "running", "runnable", "waiting", "syscall", "dead"
_SCAN = STATUSES["_Gscan"]
_NAMES = {
    STATUSES["_Grunnable"]: RUNNABLE,
    STATUSES["_Gpreempted"]: RUNNABLE,
    STATUSES["_Grunning"]: RUNNING,
    STATUSES["_Gcopystack"]: RUNNING,
    STATUSES["_Gsyscall"]: SYSCALL,
    STATUSES["_Gwaiting"]: WAITING,
    STATUSES["_Gleaked"]: WAITING,
    STATUSES["_Gidle"]: DEAD,
    STATUSES["_Gdead"]: DEAD,
    STATUSES["_Gdeadextra"]: DEAD,
}


class GoroutinesError(Exception):
    """The goroutines of a process cannot be counted, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Goroutines:
    """One look. The first four are the program's own, alive; `system` those of the runtime (collector, scavenger,
    finalizers), alive; `dead` are descriptors that wait to be used again.

    `count` is what runtime.NumGoroutine says: without `system`.
    """

    running: int
    runnable: int
    waiting: int
    syscall: int
    system: int
    dead: int

    @property
    def count(self) -> int:
        """The program's own goroutines that are alive."""
        return self.running + self.runnable + self.waiting + self.syscall


class GoroutineCounter:
    """Counts for one process after another: what it found out about an executable, good or bad, is kept."""

    def __init__(self, cache: Path | None = None) -> None:
        """`cache`: the folder for layouts; the user's cache folder when None."""
        self._cache = cache
        self._life: tuple[int, int | None] | None = None
        self._layout: Layout | None = None
        self._base = 0
        self._refusal = ""

    def count(self, pid: int) -> Goroutines:
        """Look now. The process goes on meanwhile: a goroutine that comes or goes during the look (some
        milliseconds for thousands) may be in or not.

        `pid` as this host numbers it; also of a process in a container. Raises GoroutinesError.
        """
        life = (pid, start_time_ticks(pid))
        if life[1] is None:
            raise GoroutinesError(f"process {pid} is gone")
        if life != self._life:
            self._life, self._layout, self._refusal = life, None, ""
            self._learn(pid)
        if self._layout is None:
            raise GoroutinesError(self._refusal)
        try:
            with open(PROC / str(pid) / "mem", "rb", buffering=0) as memory:
                return _count(memory.fileno(), self._layout, self._base)
        except PermissionError:
            raise GoroutinesError(
                f"the memory of process {pid} may not be read: run as the same user with ptrace allowed, or as root"
            ) from None
        except OSError as error:
            raise GoroutinesError(f"the memory of process {pid} cannot be read ({error.strerror or error})") from None

    def _learn(self, pid: int) -> None:
        """Find the layout, or the reason why there is none; either holds for the life of the process."""
        try:
            with open(PROC / str(pid) / "exe", "rb") as executable:
                layout = layout_of(executable, _name(pid), self._cache)
                self._base = _loaded_at(pid, executable.fileno(), layout) if layout.movable else 0
            self._layout = layout
        except UnknownLayoutError as error:
            self._refusal = str(error)
        except PermissionError:
            self._refusal = f"the executable of process {pid} may not be read: run as the same user, or as root"
        except OSError as error:
            self._life = None  # it may just be starting: look again next time
            self._refusal = f"the executable of process {pid} cannot be read ({error.strerror or error})"


def _name(pid: int) -> str:
    try:
        return os.path.basename(os.readlink(PROC / str(pid) / "exe"))
    except OSError:
        return f"process {pid}"


def _loaded_at(pid: int, executable: int, layout: Layout) -> int:
    """What to add to linked addresses. Raises UnknownLayoutError when the program is not among its own mappings."""
    inode = os.fstat(executable).st_ino
    for line in (PROC / str(pid) / "maps").read_text().splitlines():
        words = line.split(maxsplit=5)
        if int(words[2], 16) == 0 and int(words[4]) == inode:
            return int(words[0].split("-")[0], 16) - layout.first_address
    raise UnknownLayoutError(f"{_name(pid)} is not mapped from its beginning, so its addresses are not known")


def _count(memory: int, layout: Layout, base: int) -> Goroutines:
    """Read until the list of goroutines was the same before and after, or at least in the same place."""
    header = _header(memory, layout, base)
    for attempt in range(ATTEMPTS):
        array, length = header
        pointers = struct.unpack(f"<{length}Q", _read(memory, array, 8 * length))
        header = _header(memory, layout, base)
        moved = header[0] != array
        # What was appended since came after the look; a list that moved may have been overwritten while it was read.
        if not moved and (header[1] == length or attempt == ATTEMPTS - 1):
            return _sorted_out(memory, pointers, layout, base)
    raise GoroutinesError("the list of goroutines was moved during every look at it")


def _header(memory: int, layout: Layout, base: int) -> tuple[int, int]:
    array, length, capacity = struct.unpack("<3Q", _read(memory, base + layout.allgs, 24))
    if not array or not 0 < length <= capacity <= MOST:
        raise GoroutinesError(
            f"what should be the list of goroutines holds {length} of {capacity}: it is misread, or still starting"
        )
    return array, length


def _sorted_out(memory: int, pointers: Sequence[int], layout: Layout, base: int) -> Goroutines:
    seen: Counter[str] = Counter()
    numbers: set[int] = set()
    odd = 0
    low = min(layout.status, layout.goid, layout.start)
    size = max(layout.status, layout.goid, layout.start) + 8 - low
    for content, at in _each(memory, sorted(pointers), low, size):
        first = at - low
        status = struct.unpack_from("<I", content, first + layout.status)[0] & ~_SCAN
        goid, start = (struct.unpack_from("<Q", content, first + field)[0] for field in (layout.goid, layout.start))
        name = _NAMES.get(status)
        if name is None:
            raise GoroutinesError(
                f"a goroutine has the status {status}, which Go {layout.version} is not known to have"
            )
        if name != DEAD:
            odd += goid in numbers or not goid
            numbers.add(goid)
        seen["system" if name != DEAD and start - base in layout.system else name] += 1
    if odd > ODD_AT_ONCE + ODD_SHARE * len(numbers):
        raise GoroutinesError(f"{odd} goroutines have no number of their own: the layout is not what it seems")
    return Goroutines(seen[RUNNING], seen[RUNNABLE], seen[WAITING], seen[SYSCALL], seen["system"], seen[DEAD])


def _each(memory: int, pointers: Sequence[int], low: int, size: int) -> Iterator[tuple[bytes, int]]:
    """For each pointer, ascending, memory that holds its fields, and where its `low` field is in it."""
    first = 0
    while first < len(pointers):
        last = first
        while (
            last + 1 < len(pointers)
            and pointers[last + 1] - pointers[last] <= NEARBY_BYTES
            and pointers[last + 1] - pointers[first] <= LARGEST_READ_BYTES
        ):
            last += 1
        begin = pointers[first] + low
        content = _read(memory, begin, pointers[last] + low + size - begin)
        for pointer in pointers[first : last + 1]:
            yield content, pointer + low - begin
        first = last + 1


def _read(memory: int, address: int, size: int) -> bytes:
    """All of it. Raises OSError."""
    parts = []
    while size > 0:
        part = os.pread(memory, size, address)
        if not part:
            raise OSError("it ends early")
        parts.append(part)
        address, size = address + len(part), size - len(part)
    return b"".join(parts)
