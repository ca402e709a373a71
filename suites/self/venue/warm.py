"""Starts venue processes from one that has imported everything already: a start costs milliseconds, each venue is new.

Run as `python -m suites.self.venue.warm FD`: for each message on the socket it forks a venue that runs the command's
own main(). `WarmVenues` is the tests' side of that socket, one a test process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
from typing import NoReturn

LIMIT_S = 20.0
MESSAGE_BYTES = 65_536


class WarmProcess:
    """One venue process, a child of the warm one: the parts of asyncio's Process that the tests use."""

    def __init__(self, pid: int, stdout: int, status: int) -> None:
        self.pid = pid
        self._stdout, self._status = stdout, status
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        if self._code is None:
            with contextlib.suppress(BlockingIOError):
                told = os.read(self._status, 64)
                assert told, "the process that starts the venues ended"
                self._code = int(told)
        return self._code

    def send_signal(self, number: int) -> None:
        """Nothing when it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    async def first_line(self) -> bytes:
        """What it prints first; empty when it ended without a word."""
        line = b""
        while not line.endswith(b"\n"):
            await _readable(self._stdout)
            if not (part := os.read(self._stdout, 4096)):
                break
            line += part
        return line

    async def wait(self) -> int:
        """The exit code; TimeoutError after LIMIT_S."""
        while (code := self.returncode) is None:
            await _readable(self._status)
        return code

    def close(self) -> None:
        """End it if it runs, and release what it held here."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
            select.select([self._status], [], [], LIMIT_S)
        os.close(self._stdout)
        os.close(self._status)


async def _readable(descriptor: int) -> None:
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, came.set)
    try:
        await asyncio.wait_for(came.wait(), LIMIT_S)
    finally:
        loop.remove_reader(descriptor)


class WarmVenues:
    """The process that starts venues; it ends, and every venue with it, when this one does."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(LIMIT_S)
        number = theirs.fileno()
        command = [sys.executable, "-m", "suites.self.venue.warm", str(number)]
        self._process = subprocess.Popen(command, pass_fds=(number,), stdin=subprocess.DEVNULL)
        theirs.close()

    def start(self, arguments: tuple[str, ...], keys: str) -> WarmProcess:
        """A venue with these arguments and VENUE_KEYS."""
        stdout, stdout_end = os.pipe()
        status, status_end = os.pipe()
        os.set_blocking(status, False)
        message = json.dumps({"arguments": arguments, "keys": keys}).encode()
        assert len(message) < MESSAGE_BYTES
        try:
            socket.send_fds(self._socket, [message], [stdout_end, status_end])
        finally:
            os.close(stdout_end)
            os.close(status_end)
        return WarmProcess(int(self._socket.recv(64)), stdout, status)

    def stop(self) -> None:
        """End it and all its venues."""
        self._socket.close()
        assert self._process.wait(LIMIT_S) == 0


def _become_a_venue(arguments: list[str], keys: str, stdout: int) -> NoReturn:
    code = 1
    try:
        from harness.venue.__main__ import main

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(stdout, 1)
        os.environ["VENUE_KEYS"] = keys
        sys.argv[1:] = arguments
        random.seed()
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  # as the interpreter does at the end of a process
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the tidying up of this process is its parent's


def _serve(asked: socket.socket) -> None:
    """Until nobody can ask any more."""
    venues: dict[int, int] = {}  # pid -> where its exit code is told
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        while True:
            readable, _, _ = select.select([asked.fileno(), woken], [], [])
            if woken in readable:
                os.read(woken, 4096)
                _tell_the_ended(venues)
            if asked.fileno() in readable:
                message, ends, _, _ = socket.recv_fds(asked, MESSAGE_BYTES, 2)
                if not message:
                    return
                told = json.loads(message)
                stdout, status = ends
                if (pid := os.fork()) == 0:
                    for one in (asked.fileno(), woken, wake, status, *venues.values()):
                        os.close(one)
                    _become_a_venue(told["arguments"], told["keys"], stdout)
                os.close(stdout)
                venues[pid] = status
                asked.send(str(pid).encode())
    finally:
        for pid in venues:
            os.kill(pid, signal.SIGKILL)


def _tell_the_ended(venues: dict[int, int]) -> None:
    for pid, status in list(venues.items()):
        ended, how = os.waitpid(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(BrokenPipeError):
                os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
            os.close(status)
            del venues[pid]


if __name__ == "__main__":
    # What the first venue would import late is imported here, once.
    import uvloop  # noqa: F401

    import harness.venue.__main__  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as one:
        _serve(one)
