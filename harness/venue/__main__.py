"""`python -m harness.venue`: one simulated exchange as a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import resource
import signal
import sys
from typing import NoReturn

from harness.venue.acts import Acts
from harness.venue.control_server import ControlServer
from harness.venue.core import instruments, keys
from harness.venue.dialects import DIALECTS
from harness.venue.server import VenueServer
from harness.venue.venue import PROFILES, Setup, Venue

EXIT_USAGE = 2
TICK_S = 1.0
MAX_OPEN_FILES = 65_536


def port(text: str) -> int:
    """A TCP port, 0 for any; argparse names the option when it is none."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process."""
        sys.exit(_refused(f"{message} (--help tells the options)"))


def known_venue(name: str) -> str:
    """A venue's name; ValueError with one sentence for any other."""
    if name not in DIALECTS:
        raise ValueError(f"there is no venue {name!r}; known are {', '.join(sorted(DIALECTS))}")
    return name


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="python -m harness.venue", description=__doc__)
    parser.add_argument("--venue", default="binance", help=f"one of {', '.join(sorted(DIALECTS))}")
    parser.add_argument("--profile", choices=PROFILES, default="strict")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=port, default=0, help="0: any free one; the ready line says which")
    parser.add_argument("--control-host", default="", help="default: the same as --host")
    parser.add_argument("--control-port", type=port, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME:KEY:SECRET[:PASSPHRASE]",
        help="an account and a key set for it; better by environment: VENUE_KEYS, a JSON list of "
        '{"name", "key", "secret", "passphrase"}; with neither, one is made from the seed',
    )
    parser.add_argument("--symbols", nargs="*", default=[], help="default: all")
    parser.add_argument("--tick-s", type=float, default=TICK_S, help="period of the slow price walk, 0: none")
    parser.add_argument(
        "--while-stdin", action="store_true", help="end also when stdin does: with whatever started this process"
    )
    return parser.parse_args(arguments)


def setup_of(options: argparse.Namespace, environment_keys: str) -> Setup:
    """ValueError with one sentence for a bad key or symbol."""
    known_venue(options.venue)
    given = keys.from_json(environment_keys) if environment_keys else ()
    given += tuple(keys.from_flag(text) for text in options.key)
    if len({one.key for one in given}) < len(given):
        raise ValueError("two key sets have the same key: give each its own")
    symbols = tuple(name for text in options.symbols for name in text.split(",") if name)
    return Setup(
        options.venue,
        options.profile,
        options.seed,
        given or (keys.generated(options.venue, options.seed),),
        instruments.chosen(symbols),
    )


async def serve(options: argparse.Namespace, setup: Setup) -> int:
    """Until SIGTERM or SIGINT."""
    venue = Venue(setup)
    dialect = DIALECTS[setup.venue](venue)
    server = VenueServer(venue, dialect)
    try:
        await server.start(options.host, options.port)
    except OSError as error:
        await server.stop()
        return _refused(f"cannot listen on {options.host}:{options.port} ({error.strerror}): choose another --port")
    control = ControlServer(venue, Acts(venue, dialect), options.host, server.port)
    host = options.control_host or options.host
    try:
        await control.start(host, options.control_port)
    except OSError as error:
        await control.stop()
        await server.stop()
        return _refused(
            f"cannot listen on {host}:{options.control_port} ({error.strerror}): choose another --control-port"
        )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if options.while_stdin:
        loop.add_reader(sys.stdin.fileno(), lambda: stopping.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    venue.tick.every(options.tick_s)
    # What was imported stays for ever: the collector need not look at it again, and looks less often at the rest,
    # since each of its pauses delays whatever the venue is about to send.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    ready = {
        "ready": True,
        "venue": setup.venue,
        "port": server.port,
        "control_port": control.port,
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    await stopping.wait()
    if options.while_stdin:
        loop.remove_reader(sys.stdin.fileno())
    venue.tick.every(0)
    venue.feed.stop()
    await server.stop()
    await control.stop()
    return 0


def allow_many_sockets() -> None:
    """As many open files as this user may have: the usual soft limit ends at a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Exit code 0: stopped by a signal; 2: bad usage or a port that is taken."""
    options = parsed(sys.argv[1:])
    allow_many_sockets()
    # Garbage from clients is what a venue is for: answered and metered, never a traceback in the log.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    try:
        setup = setup_of(options, os.environ.pop("VENUE_KEYS", ""))
    except ValueError as error:
        return _refused(str(error))
    try:
        import uvloop
    except ImportError:
        return asyncio.run(serve(options, setup))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(options, setup))


def _refused(sentence: str) -> int:
    print(f"harness.venue: {sentence}", file=sys.stderr, flush=True)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
