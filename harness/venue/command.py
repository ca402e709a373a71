"""`nfr venue`: starts one or several simulated venues by hand, each a process of its own, and stops them together."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import click

from harness.venue.core import keys
from harness.venue.core.keys import ApiKey
from harness.venue.dialects import DIALECTS
from harness.venue.venue import PROFILES

USAGE, BROKEN = 2, 3
READY_LIMIT_S = 20.0
STOP_LIMIT_S = 10.0
KEYS_VARIABLE = "VENUE_KEYS"


class VenueFailed(Exception):
    """One sentence; `code` is the process's exit code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Started:
    """A venue process that is ready."""

    name: str
    port: int
    control_port: int


@dataclass(frozen=True, slots=True)
class Child:
    """A venue process. `said`: what it wrote to stderr; a file, since nobody empties a pipe while all is well."""

    name: str
    process: subprocess.Popen[str]
    said: IO[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all venues of one command share. Ports 0: any free one; else the first venue's, the next one up each."""

    profile: str
    host: str
    port: int
    control_port: int
    seed: int
    keys: tuple[ApiKey, ...]


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="First venue's port, the next ones count up.")
@click.option("--control-port", type=click.IntRange(0, 65535), default=0, help="The same for control and page.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where they listen.")
@click.option("--profile", type=click.Choice(PROFILES), default="strict", show_default=True)
@click.option(
    "--key",
    "given",
    multiple=True,
    metavar="NAME:KEY:SECRET[:PASSPHRASE]",
    help=f"An account and its key; may be repeated. Better by {KEYS_VARIABLE}, a JSON list. Neither: one is made up.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed: the same prices, ids and keys.")
def venue(
    names: tuple[str, ...], port: int, control_port: int, host: str, profile: str, given: tuple[str, ...], seed: int
) -> None:
    """Start simulated venues (binance when no NAME is given) until Ctrl-C.

    Prints the address of each for REST and WebSocket, its page with book, sockets and switches for faults, and the
    API key to use.
    """
    wanted_names = names or ("binance",)
    try:
        _check_names(wanted_names)
        wanted = Wanted(profile, host, port, control_port, seed, _given_keys(given))
    except ValueError as error:
        raise SystemExit(_refused(str(error), USAGE)) from None
    with _interruptible():
        raise SystemExit(_run(wanted_names, wanted))


def _check_names(names: tuple[str, ...]) -> None:
    known = ", ".join(sorted(DIALECTS))
    for name in names:
        if name not in DIALECTS:
            raise ValueError(f"there is no venue {name!r}; known are {known}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"venue {twice[0]!r} is named twice: name each once")


def _given_keys(flags: tuple[str, ...]) -> tuple[ApiKey, ...]:
    text = os.environ.get(KEYS_VARIABLE, "")
    return (keys.from_json(text) if text else ()) + tuple(keys.from_flag(flag) for flag in flags)


def _run(names: tuple[str, ...], wanted: Wanted) -> int:
    children: list[Child] = []
    try:
        for index, name in enumerate(names):
            children.append(_spawned(name, index, wanted))
        for started in [_ready(child) for child in children]:
            _show(started, wanted)
        click.echo("Ctrl-C stops " + ("it." if len(names) == 1 else "them all."))
        _watch(children)
    except VenueFailed as failed:
        return _refused(str(failed), failed.code)
    except KeyboardInterrupt:
        click.echo("stopping")
    finally:
        _stop(children)
    return 0


def _spawned(name: str, index: int, wanted: Wanted) -> Child:
    ports = [str(first and first + index) for first in (wanted.port, wanted.control_port)]
    environment = {one: text for one, text in os.environ.items() if one != KEYS_VARIABLE}
    if wanted.keys:
        # By environment: a command line is readable by everybody on the machine.
        environment[KEYS_VARIABLE] = json.dumps(
            [
                {"name": one.name, "key": one.key, "secret": one.secret, "passphrase": one.passphrase}
                for one in wanted.keys
            ]
        )
    said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed with the process)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "harness.venue", "--venue", name, "--profile", wanted.profile, "--host", wanted.host,
            "--port", ports[0], "--control-port", ports[1], "--seed", str(wanted.seed), "--while-stdin",
        ],
        # Nothing is ever written there: it ends when this process does, even if it is killed.
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=environment,
        # Ctrl-C comes to this process alone, which then stops them in order.
        start_new_session=True,
    )  # fmt: skip
    return Child(name, process, said)


def _ready(child: Child) -> Started:
    out = child.process.stdout
    assert out is not None
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        if not selector.select(READY_LIMIT_S):
            raise VenueFailed(f"{child.name} was not ready within {READY_LIMIT_S:g} s: is the machine busy?", BROKEN)
    line = out.readline()
    if not line:
        raise _failed(child)
    ready = json.loads(line)
    return Started(child.name, ready["port"], ready["control_port"])


def _failed(child: Child) -> VenueFailed:
    code = child.process.wait(STOP_LIMIT_S)
    child.said.seek(0)
    said = child.said.read().strip()
    if code == USAGE and said:
        return VenueFailed(f"{child.name}: {said.splitlines()[-1].removeprefix('harness.venue: ')}", USAGE)
    ending = said.splitlines()[-1] if said else "without a word"
    return VenueFailed(f"{child.name} ended with exit code {code}: {ending}", BROKEN)


def _show(one: Started, wanted: Wanted) -> None:
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    click.echo(f"{one.name} ({wanted.profile})")
    click.echo(f"  REST       http://{host}:{one.port}")
    click.echo(f"  WebSocket  ws://{host}:{one.port}")
    click.echo(f"  page       http://{host}:{one.control_port}/")
    for key in wanted.keys:
        click.echo(f"  account    {key.name}, with the key that was given")
    if not wanted.keys:
        made = keys.generated(one.name, wanted.seed)
        click.echo(f"  account    {made.name}, with a key made up from the seed:")
        click.echo(f"  key        {made.key}")
        click.echo(f"  secret     {made.secret}")
        click.echo(f"  passphrase {made.passphrase}")


def _watch(children: list[Child]) -> None:
    """Until one of them ends by itself."""
    with selectors.DefaultSelector() as selector:
        for child in children:
            assert child.process.stdout is not None
            selector.register(child.process.stdout, selectors.EVENT_READ, child)
        while True:
            for key, _ in selector.select():
                child = key.data
                # A venue says nothing after its first line: what is readable is its end.
                if not child.process.stdout.readline():
                    raise _failed(child)


def _stop(children: list[Child]) -> None:
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
    until_s = time.monotonic() + STOP_LIMIT_S
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, until_s - time.monotonic()))
        if child.process.poll() is None:
            child.process.kill()
            child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout, child.said):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, so that no venue is left behind."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refused(sentence: str, code: int) -> int:
    click.echo(f"nfr venue: {sentence}", err=True)
    return code
