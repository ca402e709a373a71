"""A service as a process of this host: started in its own session, killed and paused by real signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO

from harness.evidence.clock import now_ns
from harness.evidence.records import Record
from harness.target.errors import CannotDoError, GoneError, PortTakenError, TargetError
from harness.target.leftovers import kill_processes, tagged_processes
from harness.target.life import Life
from harness.target.logs import LONGEST_LINE_BYTES, Log
from harness.target.mooring import UNKNOWN_EXIT, Mooring, heard_bytes, note_heard
from harness.target.output import give_back_read
from harness.target.owner import ENV_SERVICE, Owner, Tag, start_time_ticks
from harness.target.ports import HeldPort
from harness.target.profile import ServiceProfile
from harness.target.recipe import Recipe, inherited_environment
from harness.target.service import Capability
from harness.target.sockets import listeners, owner_of
from harness.target.started import CLOSE_LIMIT_S, KILL_LIMIT_S, ReadyBy, StartedService, until

FREEZE_LIMIT_S = 2.0
FOLLOW_S = 0.1
"""Between two looks into the file of a service that outlives this process."""


class ProcessService(StartedService):
    """One process and whatever it starts. `ports`: held for as long as this object is open."""

    capabilities = frozenset(Capability) - {Capability.ISOLATE}

    def __init__(
        self,
        name: str,
        profile: ServiceProfile,
        recipe: Recipe,
        ports: Mapping[str, HeldPort],
        log: Log,
        tag: Tag,
        record: Callable[[Record], None],
        *,
        ready_by: ReadyBy | None = None,
        output: Path | None = None,
        data_folder: str = "",
    ) -> None:
        """`output`: what it says goes to this file, so that it outlives this process; None: to a pipe."""
        super().__init__(name, profile, ports, log, record, ready_by=ready_by)
        self._recipe = recipe
        self._id = uuid.uuid4().hex
        self._environment = {
            **inherited_environment(),
            **recipe.environment,
            **tag.environment(),
            ENV_SERVICE: self._id,
        }
        self._output = output
        self._data_folder = data_folder
        self._leader: Owner | None = None
        """The process of the command, which leads its session."""
        self._serving_pid: int | None = None
        self._threads: list[threading.Thread] = []

    @property
    def direct_address(self) -> str:
        """See `service.Service`: nothing is in between."""
        return self.address

    @property
    def pid(self) -> int | None:
        """The process that listens, which may be a child of the command; before that the command itself."""
        if not self.running or self._leader is None:
            return None
        return self._serving_pid or self._leader.pid

    @property
    def config_path(self) -> str:
        """The config file that it was given."""
        return self._recipe.config_path

    # -- starting -----------------------------------------------------------------------------------

    async def _begin(self) -> Life:
        command = executable(self._recipe.command, self.name)
        with contextlib.ExitStack() as opened:
            output = subprocess.PIPE if self._output is None else opened.enter_context(_appending(self._output))
            try:
                popen = subprocess.Popen(  # noqa: ASYNC220 - returns as soon as the program runs
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C at the terminal is for the harness, which then stops its services
                )
            except OSError as error:
                raise TargetError(
                    f"{self.name}: {command[0]} cannot be run ({error.strerror}): is it built for this machine?"
                ) from None
        life = Life()
        # Nobody has waited for it yet, so that it has a start time even if it has ended.
        self._leader, self._serving_pid = Owner(popen.pid, start_time_ticks(popen.pid) or 0), None
        self._follow(life, popen.stdout, lambda: _exit_code(popen))
        return life

    async def _take_over(self, mooring: Mooring) -> Life:
        leader = mooring.process
        if leader is None or mooring.launcher != "process":
            raise GoneError(f"{self.name} is no process that can be taken over: start it anew")
        try:
            watched = os.pidfd_open(leader.pid)
        except OSError:
            raise GoneError(f"{self.name} (pid {leader.pid}) is gone") from None
        if not leader.alive():  # asked now that the number can be nobody else's
            os.close(watched)
            raise GoneError(f"{self.name} (pid {leader.pid}) is gone")
        life = Life()
        self._id, self._leader, self._serving_pid = mooring.identity, leader, None
        self._environment[ENV_SERVICE] = self._id
        self._follow(life, None, lambda: _exit_of_another(watched))
        return life

    def mooring(self) -> Mooring | None:
        """See `StartedService.mooring`."""
        if self._leader is None or self._output is None or not self.running:
            return None
        return Mooring(
            self.name, "process", str(self._leader), self._id, self.address,
            {name: held.port for name, held in self._ports.items()}, str(self.log_path), str(self._output),
            self.config_path, self._data_folder,
        )  # fmt: skip

    def _follow(self, life: Life, pipe: IO[bytes] | None, ended: Callable[[], int]) -> None:
        """Two threads: one takes in what it says, one waits for its end."""
        pump = partial(self._pump, pipe, life) if pipe is not None else partial(self._pump_file, life)
        self._threads = [
            threading.Thread(target=pump, name=f"log of {self.name}", daemon=True),
            threading.Thread(target=self._await_exit, args=(ended, life), name=f"exit of {self.name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pump(self, pipe: IO[bytes], life: Life) -> None:
        with pipe as output:
            while line := output.readline(LONGEST_LINE_BYTES):
                self._heard(life, self._log.append(line))
        life.log_ended.set()

    def _pump_file(self, life: Life) -> None:
        """The same from the file, beginning behind what is in the log already."""
        assert self._output is not None
        try:
            with self._output.open("r+b") as output:
                output.seek(heard_bytes(self._output))
                given_back, over = 0, False
                while not over:
                    over = life.exited.is_set()  # asked before reading: then nothing comes after it
                    begin = output.tell()
                    while line := output.readline(LONGEST_LINE_BYTES):
                        if not over and len(line) < LONGEST_LINE_BYTES and not line.endswith(b"\n"):
                            output.seek(-len(line), os.SEEK_CUR)
                            break
                        self._heard(life, self._log.append(line))
                    if output.tell() != begin:
                        note_heard(self._output, output.tell())
                        given_back = give_back_read(output.fileno(), given_back, output.tell())
                    life.exited.wait(0 if over else FOLLOW_S)
        except OSError as error:
            self._log.append(f"(harness: its output cannot be read any more: {error.strerror})".encode())
        life.log_ended.set()

    def _await_exit(self, ended: Callable[[], int], life: Life) -> None:
        self._ended(life, ended(), now_ns())

    async def _check_identity(self) -> None:
        life = self._life
        if self._leader is None or life is None or (self._ready_by is ReadyBy.LINE and not life.adopted):
            return  # its own output said that it is ready
        port = self._port_inside()
        sockets = listeners(port)
        owners = owner_of(sockets, self._family())
        if not sockets or sockets - owners.keys():
            raise PortTakenError(
                f"{self.name}: what answers on {self.address} is not the process that was started "
                f"(pid {self._leader.pid}): find it with `ss -ltnp sport = :{port}` and stop it"
            )
        self._serving_pid = sorted(owners.values())[0]

    def _family(self) -> list[int]:
        """Every living process of this service, grandchildren in sessions of their own too."""
        return tagged_processes(lambda environment: environment.get(ENV_SERVICE) == self._id)

    def _listening(self) -> set[int]:
        return listeners(self._port_inside())

    def _serves_now(self, pid: int) -> None:
        self._serving_pid = pid

    def _port_inside(self) -> int:
        return self._ports[self._profile.serving_port].port

    # -- signals ------------------------------------------------------------------------------------

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group, while its leader lives: later its number may be somebody else's."""
        if self._leader is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._leader.pid, number)

    async def kill(self) -> None:
        """See `service.Killable`."""
        if self._life is None:
            return
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(kill_processes, lambda environment: environment.get(ENV_SERVICE) == self._id)
        if not await until(self._life.exited.is_set, KILL_LIMIT_S):
            raise TargetError(
                f"{self.name} (pid {self._leader and self._leader.pid}) survives SIGKILL: it hangs in the kernel"
            )

    async def terminate(self) -> None:
        """See `service.Killable`."""
        if self.running and self._leader is not None:
            # To the service only: what it started is its own to stop, as it would be under a supervisor.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader.pid, signal.SIGTERM)

    async def pause(self) -> None:
        """See `service.Pausable`."""
        pid = self.pid
        if pid is None:
            raise TargetError(f"{self.name} cannot be paused: it does not run")
        self._signal(signal.SIGSTOP)
        if not await until(lambda: _stopped(pid), FREEZE_LIMIT_S):
            raise TargetError(f"{self.name} (pid {pid}) was sent SIGSTOP and still runs after {FREEZE_LIMIT_S:g} s")

    async def resume(self) -> None:
        """See `service.Pausable`."""
        self._signal(signal.SIGCONT)

    async def isolate(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot_leave()

    async def rejoin(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot_leave()

    def _cannot_leave(self) -> CannotDoError:
        return CannotDoError(
            f"{self.name} is a process of this host and shares its network, so it cannot leave it: "
            "use --launcher container"
        )

    async def close(self) -> None:
        """See `service.Service`."""
        self._closed = True
        try:
            if self.running:
                self._signal(signal.SIGCONT)
                await self.terminate()
                await self.wait_exit(CLOSE_LIMIT_S)
            await self.kill()
        finally:
            self._introspection.close()
            for held in self._ports.values():
                held.release()
            for thread in self._threads:
                await asyncio.to_thread(thread.join, 1.0)


def _appending(path: Path) -> IO[bytes]:
    """What the service itself writes, secrets and all: for the user's eyes only."""
    return open(path, "ab", opener=partial(os.open, mode=0o600))


def _exit_code(popen: subprocess.Popen[bytes]) -> int:
    code = popen.wait()
    return 128 - code if code < 0 else code


def _exit_of_another(descriptor: int) -> int:
    """Wait for the end of a process that is no child of ours: its code is for its parent alone."""
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll()
    finally:
        os.close(descriptor)
    return UNKNOWN_EXIT


def _stopped(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] in "Tt"


def executable(command: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The command with its program's full path. Raises TargetError when it is not there or not executable."""
    if not command:
        raise TargetError(f"{name} has no command: give one in the profile or use another launcher")
    found = shutil.which(command[0])
    if found is not None:
        return (found, *command[1:])
    path = Path(command[0])
    if path.is_dir() or path.is_file():
        raise TargetError(f"{name}: {path} is not executable: `chmod +x` it, or give the program itself")
    raise TargetError(
        f"{name}: the command {command[0]!r} was not found: give its full path in the profile or install it"
    )
