"""What the load's tests share: the null server, one that stalls, a trial to load, Locust by hand."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.evidence.clock import monotonic_s
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder
from harness.evidence.records import Record
from harness.target.choice import choose_launcher
from harness.target.errors import TargetError
from harness.target.owner import Tag
from harness.target.profile import load_profile
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from suites.self.client.measured import Referee, SocketServer, socket_server

ROOT = Path(__file__).resolve().parents[3]
LOCUSTFILE = ROOT / "suites" / "performance" / "locustfile.py"
LIMIT_S = 60.0
STALL_EVERY_S, STALL_S = 1.0, 0.5

Body = Callable[[Stage], Awaitable[None]]


class Pushed:
    def polled_s(self, stream: str) -> float:
        return 0.0


class Carried:
    """A trial that records, and what it recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._recorder = Recorder(folder)
        self.trial = Trial(self._recorder.append, Pushed(), folder)

    def evidence(self) -> Evidence:
        self._recorder.close()
        return Evidence.load(self.folder)


@contextmanager
def null_server(rate_per_s: float = 0) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.reference.null_server", "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "RATE_PER_S": str(rate_per_s)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{json.loads(process.stdout.readline().split(chr(9))[3])['port']}"
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def stalling_server() -> Iterator[SocketServer]:
    """Answers at once, but in the first STALL_S of every second of its life it answers nobody."""
    began_s = monotonic_s()

    def serve(sock: socket.socket, _number: int) -> None:
        referee = Referee(sock)
        while True:
            stream_id = referee.request()
            into_s = (monotonic_s() - began_s) % STALL_EVERY_S
            time.sleep(max(0.0, STALL_S - into_s))  # the planted truth, not a condition
            referee.reply(stream_id, b"")

    with socket_server(serve) as server:
        yield server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def locust_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments]


@contextmanager
def by_hand(folder: Path, *commands: tuple[str, ...], env: Mapping[str, str] | None = None) -> Iterator[list[Path]]:
    """Locust processes started together; their logs. Killed on leaving."""
    ours = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    logs = [folder / f"locust-{number}.log" for number in range(len(commands))]
    with ExitStack() as open_:
        for arguments, log in zip(commands, logs, strict=True):
            out = open_.enter_context(log.open("wb"))
            process = subprocess.Popen(
                locust_command(*arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder, env=ours
            )
            open_.callback(process.wait, 10)
            open_.callback(process.kill)
        yield logs


def by_hand_to_its_end(folder: Path, *commands: tuple[str, ...]) -> list[str]:
    """The same, waited for; what each said. All must end with 0."""
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    logs = [(folder / f"locust-{number}.log").open("w+b") for number in range(len(commands))]
    processes = [
        subprocess.Popen(
            locust_command(*arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=ours
        )
        for arguments, log in zip(commands, logs, strict=True)
    ]
    try:
        codes = [process.wait(LIMIT_S) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
        said = []
        for log in logs:
            log.seek(0)
            said.append(log.read().decode(errors="replace"))
            log.close()
    assert codes == [0] * len(commands), said
    return said


def on_stage(
    folder: Path, body: Body, *, launcher: str = "process", run: str = "", target: str = "reference"
) -> list[Record]:
    """Carry out `body` on a stage of that profile's stack; everything that was recorded."""
    folder.mkdir(exist_ok=True)
    profile = load_profile(target)
    try:
        factory = choose_launcher(profile, launcher)
    except TargetError as refused:
        pytest.skip(str(refused))
    records: list[Record] = []
    run = run or f"self-{uuid.uuid4().hex[:8]}"

    async def play() -> None:
        trial = Trial(records.append, profile, folder)
        made = factory.make(run, lambda name: folder / f"{name}.log", records.append)
        async with Stage(trial, made, profile, 1, Tag.of(run).environment()) as stage:
            await body(stage)
            await trial.finish()

    asyncio.run(asyncio.wait_for(play(), 120))
    return records
