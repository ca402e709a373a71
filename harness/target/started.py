"""What every service that the harness starts itself has in common: readiness, exit, log, probes, connections."""

from __future__ import annotations

import abc
import asyncio
import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Fact, Mark, Reading, Record
from harness.target.errors import DiedAtStartError, NotServingError, PortTakenError, TargetError
from harness.target.introspection import Introspection, Page, Subject
from harness.target.life import Life
from harness.target.logs import Log
from harness.target.mooring import UNKNOWN_EXIT, Mooring
from harness.target.ports import LOOPBACK, TAKEN_PATTERN, HeldPort
from harness.target.profile import ServiceProfile
from harness.target.recipe import refusal_of_config
from harness.target.service import Capability
from harness.target.serving import Ready, check_admission, until_page, until_serving
from harness.target.sockets import connection_inode, socket_inodes

POLL_S = 0.01
STOP_LIMIT_S = 10.0
"""How long a service may take to stop gracefully before it is killed."""
CLOSE_LIMIT_S = 3.0
"""The same when the trial is over and nobody watches how it stops."""
KILL_LIMIT_S = 5.0
LOG_END_LIMIT_S = 2.0


def nobody(record: Record) -> None:
    """The record callback of a service that no trial follows."""


class ReadyBy(Enum):
    """What tells that a service is ready: gRPC health, its HTTP page, or one JSON line {"ready": true, …} it writes."""

    HEALTH = "health"
    PAGE = "page"
    LINE = "line"


class StartedService(abc.ABC):
    """Common half of a process and a container; see `service.Service` for what each method promises."""

    capabilities = frozenset(Capability)

    def __init__(
        self,
        name: str,
        profile: ServiceProfile,
        ports: Mapping[str, HeldPort],
        log: Log,
        record: Callable[[Record], None],
        *,
        ready_by: ReadyBy | None = None,
    ) -> None:
        """`ports`: of this host, by the names of the profile's ports; held for as long as this object is open.

        `ready_by` None: as the profile says, the health page when it has one.
        """
        self.name = name
        self.record = record
        self._profile = profile
        self._ports = ports
        self._log = log
        self._ready_by = ready_by or (ReadyBy.PAGE if profile.health is not None else ReadyBy.HEALTH)
        self._life: Life | None = None
        self._watched: dict[int, int] = {}
        self._introspection = Introspection(name, (), self._subject)
        self._closed = False

    # -- where it is --------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """See `service.Service`: the port of this host that serves."""
        return self.port_address(self._profile.serving_port)

    def port_address(self, port_name: str) -> str:
        """See `service.Service`."""
        held = self._ports.get(port_name)
        if held is None:
            known = ", ".join(sorted(self._ports))
            raise TargetError(f"{self.name} has no port {port_name!r}: use one of {known}, or add it to its profile")
        return f"{LOOPBACK}:{held.port}"

    def _pages(self) -> tuple[Page, ...]:
        """Its introspection pages, addressed as from this host."""
        return tuple(
            Page(one.kind, one.url or f"http://{self.port_address(one.port)}{one.path}")
            for one in self._profile.introspection
        )

    # -- what a kind of service must say of itself ------------------------------------------------

    @property
    @abc.abstractmethod
    def direct_address(self) -> str:
        """See `service.Service`."""

    @property
    @abc.abstractmethod
    def pid(self) -> int | None:
        """See `service.Service`."""

    @abc.abstractmethod
    def _port_inside(self) -> int:
        """The number of its serving port in its own network namespace."""

    @abc.abstractmethod
    async def _begin(self) -> Life:
        """Start it, once more. Raises TargetError."""

    @abc.abstractmethod
    async def _take_over(self, mooring: Mooring) -> Life:
        """Follow the very service that lies there. Raises GoneError when it is not there any more."""

    @abc.abstractmethod
    def mooring(self) -> Mooring | None:
        """Where another launcher finds it; None when it does not run, or would not outlive this one."""

    @abc.abstractmethod
    async def _check_identity(self) -> None:
        """Raise PortTakenError unless what listens at `address` is this very service."""

    @abc.abstractmethod
    def _listening(self) -> set[int]:
        """Inodes of the sockets that listen at its serving port, in its own network namespace. Raises OSError."""

    @abc.abstractmethod
    def _family(self) -> list[int]:
        """Every living process of this service, as far as they are known."""

    @abc.abstractmethod
    def _serves_now(self, pid: int) -> None:
        """Another of its processes listens from now on."""

    @abc.abstractmethod
    async def pause(self) -> None:
        """See `service.Pausable`."""

    @abc.abstractmethod
    async def resume(self) -> None:
        """See `service.Pausable`."""

    @abc.abstractmethod
    async def isolate(self) -> None:
        """See `service.Isolatable`."""

    @abc.abstractmethod
    async def rejoin(self) -> None:
        """See `service.Isolatable`."""

    @abc.abstractmethod
    async def close(self) -> None:
        """See `service.Service`."""

    @abc.abstractmethod
    async def kill(self) -> None:
        """See `service.Killable`."""

    @abc.abstractmethod
    async def terminate(self) -> None:
        """See `service.Killable`."""

    # -- starting and serving ---------------------------------------------------------------------

    async def start(self) -> None:
        """Start it for the first time; returns as soon as it runs. Raises TargetError."""
        if self._closed:
            raise TargetError(f"{self.name} was closed: start a new one")
        self._log.begin()
        before_ns = now_ns()
        self._life = await self._begin()
        self.record(Mark(now_ns(), "process.started", {"service": self.name}, earliest_ns=before_ns))

    async def adopt(self, mooring: Mooring) -> None:
        """Take over what another launcher has left: mark process.adopted; then `wait_serving`. Raises GoneError."""
        life = await self._take_over(mooring)
        life.adopted, life.ready_line = True, {}
        self._life = life
        self.record(Mark(now_ns(), "process.adopted", {"service": self.name, "pid": str(self.pid)}))

    async def restart(self, *, wait: bool = True, limit_s: float | None = None) -> None:
        """See `service.Restartable`."""
        if self.running:
            await self.terminate()
            if await self.wait_exit(STOP_LIMIT_S) is None:
                await self.kill()
        await self.start()
        if wait:
            await self.wait_serving(limit_s)

    async def wait_serving(self, limit_s: float | None = None) -> None:
        """See `service.Service`."""
        life = self._life
        if life is None:
            raise TargetError(f"{self.name} was not started: start it first")
        limit_s = self._profile.ready_s if limit_s is None else limit_s
        ready, answer = await self._until_ready(life, limit_s)
        if ready is None and life.exited.is_set():
            await until(life.log_ended.is_set, LOG_END_LIMIT_S)
            raise self._died_error(life)
        if ready is None:
            raise NotServingError(
                f"{self.name} did not become ready on {self.address} within {limit_s:g} s "
                f"(last answer: {answer}); {self._log.said()}"
            )
        await self._check_identity()
        if not life.adopted:
            self._check_config()
        if not life.served:
            if self._ready_by is ReadyBy.HEALTH:
                await check_admission(self.name, self.address, self._profile.access.access)
            life.served = True
            await asyncio.to_thread(self._look_inside_anew)
            if not life.adopted:
                self.record(Mark(ready.t_ns, "process.serving", {"service": self.name}, earliest_ns=ready.earliest_ns))

    async def _until_ready(self, life: Life, limit_s: float) -> tuple[Ready | None, str]:
        if self._ready_by is ReadyBy.HEALTH:
            return await until_serving(self.address, limit_s, life.exited.is_set, access=self._profile.access.access)
        if self._ready_by is ReadyBy.PAGE and self._profile.health is not None:
            return await until_page(self.address, self._profile.health.path, limit_s, life.exited.is_set)
        await until(lambda: life.ready_line is not None or life.exited.is_set(), limit_s)
        return Ready(now_ns(), 0) if life.ready_line is not None else None, "no ready line"

    def _heard(self, life: Life, text: str) -> None:
        """One line of output arrived: it may be the ready line."""
        if life.ready_line is None and self._ready_by is ReadyBy.LINE and text.lstrip().startswith("{"):
            try:
                said = json.loads(text)
            except ValueError:
                return
            if isinstance(said, dict) and said.get("ready") is True:
                life.ready_line = said

    def _died_error(self, life: Life) -> TargetError:
        taken = any(re.search(TAKEN_PATTERN, line) for line in self._log.tail())
        if taken:
            return PortTakenError(f"{self.name} says that its port is taken ({self.address}); {self._log.said()}")
        return DiedAtStartError(
            f"{self.name} exited with code {life.code} before it served on {self.address}; {self._log.said()}",
            life.code,
        )

    def _check_config(self) -> None:
        if self._profile.config is not None and (line := refusal_of_config(self._profile, self._log.tail())):
            raise TargetError(
                f"{self.name} did not accept its config file: {line!r} (log: {self.log_path}): "
                "mend `config` in the profile"
            )

    # -- ending -------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it was started and has not exited."""
        return self._life is not None and not self._life.exited.is_set()

    async def wait_exit(self, limit_s: float) -> int | None:
        """See `service.Service`."""
        life = self._life
        if life is None or not await until(life.exited.is_set, limit_s):
            return None
        await until(life.log_ended.is_set, LOG_END_LIMIT_S)  # its last words belong to the exit
        return life.code

    def _ended(self, life: Life, code: int | None, t_ns: int) -> None:
        """Called by the thread that saw the exit. `code` UNKNOWN_EXIT: only its dead parent was told."""
        life.died(code)
        self.record(Mark(t_ns, "process.died", {"service": self.name, "code": _told(code)}))

    async def restarted_itself(self) -> bool:
        """See `service.Recognisable`."""
        life = self._life
        if life is None or not life.served or life.exited.is_set():
            return False
        return await asyncio.to_thread(self._look_who_listens, life)

    def _look_who_listens(self, life: Life) -> bool:
        another = life.another_listener(self._listening, self._family)
        if another is None:
            return False
        if another.pid is not None:
            self._serves_now(another.pid)
        self._look_inside_anew()
        self.record(Mark(another.t_ns, "process.died", {"service": self.name, "code": _told(UNKNOWN_EXIT)},
                         another.earliest_ns))  # fmt: skip
        for name in ("process.started", "process.serving", "process.restarted_serving"):
            self.record(Mark(now_ns(), name, {"service": self.name}, another.earliest_ns))
        return True

    def _look_inside_anew(self) -> None:
        """Its pages and its memory are those of another process."""
        self._introspection.close()
        self._introspection = Introspection(self.name, self._pages(), self._subject)
        self._introspection.read()

    # -- looking at it ------------------------------------------------------------------------------

    @property
    def log_path(self) -> Path:
        """See `service.Service`."""
        return self._log.path

    @property
    def secrets_masked(self) -> int:
        """See `service.Service`."""
        return self._log.secrets_masked

    def log_text(self) -> str:
        """See `service.Service`."""
        return self._log.text()

    async def introspect(self, *, gently: bool = False) -> tuple[Reading, ...]:
        """See `service.Inspectable`."""
        if not self.running:
            return ()
        return await asyncio.to_thread(self._introspection.read, gently=gently)

    def unmeasurable(self) -> tuple[Fact, ...]:
        """See `service.Inspectable`."""
        return self._introspection.unmeasurable()

    def watch_connection(self, peer_port: int) -> bool | None:
        """See `service.Inspectable`."""
        pid = self.pid
        if pid is None:
            return None
        try:
            inode = connection_inode(self._port_inside(), peer_port, pid)
        except OSError:
            return None
        if inode:
            self._watched[peer_port] = inode
        return bool(inode)

    def connection_open(self, peer_port: int) -> bool | None:
        """See `service.Inspectable`."""
        seen = self.watch_connection(peer_port)
        pid = self.pid
        if pid is None:
            return False if self._life is not None and not self.running else None
        if seen is None:
            return None
        try:
            return self._watched.get(peer_port, 0) in socket_inodes(pid)
        except OSError:
            return None

    def _subject(self) -> Subject | None:
        pid = self.pid
        return Subject(pid, self._port_inside()) if pid is not None else None


def _told(code: int | None) -> str:
    return "unknown" if code == UNKNOWN_EXIT else str(code)


async def until(condition: Callable[[], bool], limit_s: float) -> bool:
    """Look every 10 ms until the condition holds; False after `limit_s`."""
    end_s = monotonic_s() + limit_s
    while not condition():
        if monotonic_s() >= end_s:
            return condition()
        await asyncio.sleep(POLL_S)
    return True
