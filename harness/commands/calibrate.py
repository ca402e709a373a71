"""`nfr calibrate`: the instrument alone, against a null server in the target's place: its floor, ceiling and noise."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.evidence.records import Fact, Record
from harness.record.host import this_host
from harness.target.choice import LAUNCHERS, choose_launcher
from harness.target.errors import TargetError
from harness.target.launcher import LauncherFactory
from harness.target.leftovers import spared, sweep
from harness.target.owner import Tag
from harness.target.profile import Profile, load_profile
from harness.trial.calibration import CALLS, MESSAGES, Ceiling, measure_ceiling, measure_floor, spread
from harness.trial.load.plan import LoadPlan
from harness.trial.load.run import LoadError, LoadResult
from harness.trial.stage import Stage
from harness.trial.trial import CutShort, Trial
from harness.verdict.load_doubts import FLOOR_SHARE
from harness.verdict.performance import STAMPS
from harness.verdict.saturation import CEILING_SHARE

USAGE, BROKEN = 2, 3
FLOORS = ((CALLS, "GetAccount", 200.0), (MESSAGES, "SubscribePrice", 200.0))
"""Subject, method and rate: those of cases 5.1.1 and 5.1.3, about."""
TIMES = 3
"""So often a floor is measured: what lies between the answers is noise."""
PROCESSES = {CALLS: 2, MESSAGES: 1}
_PRICES = {"symbols": ["BTCUSDT"]}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Floor:
    """What the instrument alone takes. `noise`: how far the repetitions' p50 lie apart, as a share of it."""

    subject: str
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    noise: float
    samples: int

    @classmethod
    def of(cls, subject: str, rate_per_s: float, results: list[LoadResult]) -> Floor:
        """The middle one of the repetitions' p50, and the highest of their p99."""
        middles = sorted(one.quantile_ms(0.5) for one in results)
        highest = max(one.quantile_ms(0.99) for one in results)
        samples = sum(len(one.samples_ms) for one in results)
        return cls(subject, rate_per_s, middles[len(middles) // 2], highest, spread(middles), samples)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that is known of the instrument here and now."""

    place: str
    stamps: str
    """Whose clock stamps what is received: kernel or user."""
    floors: tuple[Floor, ...]
    ceilings: tuple[Ceiling, ...]


@click.command()
@click.option("--target", default="reference", show_default=True, help="Profile: a name, or a YAML file.")
@click.option("--launcher", type=click.Choice(LAUNCHERS), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def calibrate(target: str, launcher: str, as_json: bool) -> None:
    """Measure the instrument alone, against a null server in the target's place; nothing is judged or stored.

    Floor: what a call or message takes when the target takes no time. Ceiling: how many of them a second the
    instrument can make or receive at all. Noise: how far repeated measurements lie apart.

    Exit codes: 0 measured, 2 usage, 3 the instrument could not be measured.
    """
    say: Say = lambda what: click.echo(f"nfr: {what} ...", err=True)  # noqa: E731
    try:
        profile = load_profile(target)
        factory = choose_launcher(profile, launcher)
    except TargetError as refused:
        click.echo(f"nfr: {refused}", err=True)
        sys.exit(USAGE)
    sweep()
    for sentence in spared():
        click.echo(f"nfr: {sentence}", err=True)
    try:
        measured = _interruptible(lambda folder: _measure(profile, factory, folder, say))
    except (TargetError, CutShort, LoadError) as failed:
        click.echo(f"nfr: the instrument could not be measured: {failed}", err=True)
        sys.exit(BROKEN)
    if as_json:
        click.echo(json.dumps(_document(profile, measured), indent=2, allow_nan=False))
    else:
        _say(profile, measured)


def _interruptible(measure: Callable[[Path], Awaitable[Calibration]]) -> Calibration:
    """To its end, or until Ctrl-C or SIGTERM; either way nothing of it is left."""

    async def run() -> Calibration:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with tempfile.TemporaryDirectory(prefix="nfr-calibrate-") as folder:
            return await measure(Path(folder))

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise click.Abort from None


async def _measure(profile: Profile, factory: LauncherFactory, folder: Path, say: Say) -> Calibration:
    records: list[Record] = []
    trial = Trial(records.append, profile, folder)
    run = f"calibrate-{os.getpid()}"
    launcher = factory.make(run, lambda service: folder / f"{service}.log", records.append)
    floors: list[Floor] = []
    ceilings: list[Ceiling] = []
    async with Stage(trial, launcher, profile, 1, Tag.of(run).environment()) as stage:
        for subject, method, rate_per_s in FLOORS:
            request = _PRICES if subject == MESSAGES else {}
            plan = LoadPlan("", method, rate_per_s, 1.0, request=request, window=subject)
            results = []
            for number in range(1, TIMES + 1):
                say(f"floor at {rate_per_s:g} {subject}/s, {number} of {TIMES}")
                results.append(await measure_floor(stage, plan))
            floors.append(Floor.of(subject, rate_per_s, results))
        for subject in (CALLS, MESSAGES):
            say(f"ceiling in {subject}/s")
            ceilings.append(await measure_ceiling(stage, subject, PROCESSES[subject]))
        say("stopping the null server")
    stamped = [one.value for one in records if isinstance(one, Fact) and one.name == STAMPS]
    stamps = "kernel" if stamped and all(stamped) else "user"
    return Calibration(launcher.kind, stamps, tuple(floors), tuple(ceilings))


def _say(profile: Profile, measured: Calibration) -> None:
    console = Console(highlight=False)
    host = this_host()
    console.print(f"instrument on {host.name} ({host.cpus} CPUs), null server as {measured.place} for {profile.name}")
    console.print(f"receipts are stamped by the {'kernel' if measured.stamps == 'kernel' else 'user-space clock'}\n")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("floor", "at", "p50", "p99", "noise", "judges latency limits from"):
        table.add_column(name, justify="left" if name == "floor" else "right")
    for one in measured.floors:
        table.add_row(
            one.subject, f"{one.rate_per_s:g}/s", f"{one.p50_ms:.3f} ms", f"{one.p99_ms:.3f} ms", f"{one.noise:.0%}",
            f"p50 {one.p50_ms / FLOOR_SHARE:.2g} ms, p99 {one.p99_ms / FLOOR_SHARE:.2g} ms",
        )  # fmt: skip
    console.print(table)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("ceiling", "a second", "processes", "judges rates up to"):
        table.add_column(name, justify="left" if name == "ceiling" else "right")
    for limit in measured.ceilings:
        highest = f"{CEILING_SHARE * limit.per_s:,.0f}/s"
        table.add_row(limit.subject, f"{limit.per_s:,.0f}", str(limit.processes), highest)
    console.print(table)
    console.print("\nnoise: how far repeated measurements of the same floor lie apart (p50, as a share of it).")


def _document(profile: Profile, measured: Calibration) -> dict[str, object]:
    return {
        "schema": "nfr.calibrate",
        "version": 1,
        "host": this_host().name,
        "target": profile.name,
        "place": measured.place,
        "stamps": measured.stamps,
        "floors": [
            {"subject": one.subject, "rate_per_s": one.rate_per_s, "p50_ms": one.p50_ms, "p99_ms": one.p99_ms,
             "noise": one.noise, "samples": one.samples}
            for one in measured.floors
        ],
        "ceilings": [
            {"subject": one.subject, "per_s": one.per_s, "processes": one.processes} for one in measured.ceilings
        ],
    }  # fmt: skip
