"""`nfr soak`: the 24 h case as a command: start it, take it up again after a crash, or see how one stands."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from harness.evidence.clock import now_ns
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.host import git_state, this_host
from harness.record.run import RunInfo
from harness.record.store import RunStore
from harness.soak.asking import finish, judging, status, stop
from harness.soak.broom import swept
from harness.soak.checkpoint import GIVEN_UP, Checkpoint, CheckpointError, Progress, is_given_up
from harness.soak.course import Life
from harness.soak.life import Setting, SoakBroken, live
from harness.soak.outlook import Outlook, judged_calls
from harness.soak.page import LivePage, PortTaken
from harness.soak.plan import SoakPlan, clock, seconds_of
from harness.soak.quay import hold_again
from harness.soak.saying import let_go, say
from harness.soak.schedule import Happening, ScheduleError, read_schedule
from harness.soak.taking_up import resumable, to_take_up
from harness.soak.thrift import be_thrifty
from harness.soak.watch import Watch
from harness.spec.case import Case
from harness.spec.errors import SpecError
from harness.spec.loader import load_cases
from harness.target.choice import choose_launcher
from harness.target.errors import TargetError
from harness.target.leftovers import spared
from harness.target.profile import load_profile

MET, NOT_MET, BROKEN = 0, 1, 3
ROOT = Path(__file__).resolve().parents[2]
CASE = "6.1.1"
CLOSING_LIMIT_S = 900.0
BYTES_PER_UPDATE = 75.0
"""Of evidence, for one price update with its deliveries and all that happens meanwhile, as seen in recorded runs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How it is to be carried out. `early`: stop when it cannot pass any more; `port`: of the live page; None: none."""

    faults: tuple[Happening, ...]
    early: bool
    port: int | None


@click.command()
@click.option("--duration", default="24h", show_default=True, help="Steady time, for example 24h, 10m or 1h30m.")
@click.option("--resume", "resumed", metavar="RUN", help="Take up a soak that was stopped or whose runner died.")
@click.option("--take-up", is_flag=True, help="Resume the latest soak if its services still stand, else start one.")
@click.option("--status", "shown", metavar="RUN", help="How a soak stands (`latest`: the last run), and nothing else.")
@click.option("--stop", "ended", metavar="RUN", help="End a soak for good, also the services of one whose runner died.")
@click.option("--faults", type=click.Path(path_type=Path), help="YAML file: what is to happen meanwhile, and when.")
@click.option("--no-early-stop", is_flag=True, help="Go on even when a required criterion can no longer pass.")
@click.option("--target", default="reference", show_default=True, help="Profile of the target, by name or file.")
@click.option("--launcher", default="auto", show_default=True, type=click.Choice(("auto", "container", "process")))
@click.option("--reports", type=click.Path(path_type=Path), default=ROOT / "reports", help="Where runs are written.")
@click.option("--specs", type=click.Path(path_type=Path), default=ROOT / "specs", help="The cases' YAML files.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of venue and load.")
@click.option("--page", "port", type=int, default=None, help="Live page and Prometheus on this port of localhost.")
@click.option("--json", "as_json", is_flag=True, help="With --status: machine-readable.")
def soak(
    duration: str, resumed: str | None, take_up: bool, shown: str | None, ended: str | None, faults: Path | None,
    no_early_stop: bool, target: str, launcher: str, reports: Path, specs: Path, seed: int, port: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Case 6.1.1: the whole stack trades for a day under load and updates, and everything is watched.

    SIGTERM and Ctrl-C stop it cleanly; everything recorded is kept and judged, and --resume takes it up again. A run
    that is shorter than 24 h gives a projection, never a pass.

    Exit codes: 0 the case passed, 1 it did not, 2 usage, 3 the harness itself failed.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character must not end a soak
    store = RunStore(reports)
    try:
        if shown is not None:
            return status(store.open(shown), as_json=as_json)
        if ended is not None:
            return stop(store.open(ended))
        case = next(one for one in load_cases(specs) if one.id == CASE)
        happening = read_schedule(faults) if faults else ()
        folder = store.open(resumed) if resumed is not None else to_take_up(store) if take_up else None
        previous = resumable(folder) if folder is not None else None
        if folder is not None and previous is not None:
            plan = SoakPlan.lasting(previous.duration_s)
            target, launcher, seed = folder.info.target, folder.info.launcher, folder.info.seed
        else:
            plan = SoakPlan.lasting(seconds_of(duration))
        setting = _setting(store, folder, previous, case, target, launcher, seed)
    except (ValueError, CheckpointError, ScheduleError, TargetError, RecordError, SpecError) as refused:
        raise click.UsageError(str(refused)) from None
    wish = Wish(happening, early=not (no_early_stop or happening), port=port)
    code = _run(setting, case, plan, previous, wish, specs)
    let_go()
    sys.exit(code)


def _setting(
    store: RunStore, folder: RunFolder | None, previous: Checkpoint | None, case: Case, target: str, launcher: str,
    seed: int,
) -> Setting:  # fmt: skip
    profile = load_profile(target)
    if folder is not None and previous is not None:
        hold_again(folder.path, previous)
    for left in swept():
        say(f"nfr: left over by an earlier run and removed: {left}")
    for sentence in spared():
        say(f"nfr: {sentence}")
    launchers = choose_launcher(profile, launcher)
    if folder is None:
        info = RunInfo(
            id="", started_ns=now_ns(), ended_ns=None, harness=git_state(ROOT), target=target,
            target_version=launchers.target_version, launcher=launchers.name, seed=seed, host=this_host(),
            command=("nfr", *sys.argv[1:]), selected=(case.id,),
        )  # fmt: skip
        folder = store.create(info)
    else:
        folder.save_info(replace(folder.info, state="running", ended_ns=None))
    return Setting(folder, profile, launchers, seed, case.id)


def _run(setting: Setting, case: Case, plan: SoakPlan, previous: Checkpoint | None, wish: Wish, specs: Path) -> int:
    folder = setting.folder
    for line in _announced(setting, plan, previous):
        say(line)
    first = Checkpoint.first(plan.duration_s)
    if previous is not None:
        first = replace(
            first, life=previous.life + 1, steady_s=previous.steady_s, serial_base=previous.next_serial_base,
            serial=previous.next_serial_base, calls=previous.calls, failed=previous.failed,
            steady_end_ns=previous.last_steady_ns, stepped_s=previous.stepped_s,
            progress=Progress(lost_for_good=previous.progress.lost_for_good),
        )  # fmt: skip
    try:
        # From now on it is known that somebody is at it, and what it takes over is still named until that is there.
        there = first
        if previous is not None and previous.was_broken_off:
            there = replace(previous, runner_pid=first.runner_pid, runner=first.runner)
        there.write(folder.path)
        be_thrifty()
        with asyncio.Runner() as runner:
            last = runner.run(_lived(setting, case, plan, previous, first, wish))
    except (SoakBroken, PortTaken, RecordError) as broken:
        say(f"nfr: {broken}", err=True)
        say(f"nfr: --resume {folder.info.id} takes it up, `{judging(folder)}` judges what it has", err=True)
        finish(folder, "crashed", str(broken))
        return BROKEN
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("nfr: interrupted twice: stopped at once; --resume takes it up", err=True)
        finish(folder, "interrupted", "interrupted")
        return BROKEN
    finish(folder, "interrupted" if last.state == "stopped" else "finished", _label(plan, last))
    return _closed(folder, specs)


async def _lived(
    setting: Setting, case: Case, plan: SoakPlan, previous: Checkpoint | None, first: Checkpoint, wish: Wish
) -> Checkpoint:
    page = LivePage()
    stopping, mine, loop = asyncio.Event(), asyncio.current_task(), asyncio.get_running_loop()

    def told_to_stop() -> None:
        if stopping.is_set() and mine is not None:
            mine.cancel()
        stopping.set()
        say("nfr: stopping; once more stops at once")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop)

    def keep(checkpoint: Checkpoint) -> None:
        if checkpoint.state == "stopped" and is_given_up(setting.folder.path):
            checkpoint = replace(checkpoint, state=GIVEN_UP)
        page.add(checkpoint)
        checkpoint.write(setting.folder.path)

    life = Life(
        first=first, stop=stopping, tell=say, faults=wish.faults, keep=keep,
        outlook=Outlook(case) if wish.early else None, watch=Watch(judged_calls(case)),
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as open_page:
        if wish.port is not None:
            await open_page.enter_async_context(page.serving(wish.port, say))
        return await live(setting, plan, life, previous)


def _announced(setting: Setting, plan: SoakPlan, previous: Checkpoint | None) -> list[str]:
    left_s = plan.duration_s - (previous.steady_s if previous else 0.0)
    expected = plan.updates_per_s * left_s * BYTES_PER_UPDATE / 1e6
    lines = [
        f"nfr: soak {setting.folder.info.id}, target {setting.profile.name}, {setting.launchers.reason}",
        f"nfr: {clock(left_s)} after a warm-up of {clock(plan.warm_up_s)}; about {expected:.0f} MB of evidence",
        f"nfr: recording to {setting.folder.path}",
    ]
    if previous is not None:
        lines.append(f"nfr: taken up at {clock(previous.steady_s)}, life {previous.life + 1}")
    if plan.projects:
        lines.append("nfr: shorter than 24 h: this gives a projection, never a pass")
    return lines


def _label(plan: SoakPlan, last: Checkpoint) -> str:
    lives = f", in {last.life} lives of the runner" if last.life > 1 else ""
    if plan.projects or last.steady_s < plan.duration_s:
        return f"a projection from {clock(last.steady_s)} of steady time{lives}, no verdict on 24 h"
    return f"{clock(last.steady_s)} of steady time{lives}"


def _closed(folder: RunFolder, specs: Path) -> int:
    """Judged and reported in a process of its own; its exit code, or BROKEN when it did not come to an end."""
    command = [sys.executable, "-m", "harness.soak.closing", str(folder.path.resolve()), str(specs.resolve())]
    let_go()
    try:
        code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=CLOSING_LIMIT_S).returncode
    except subprocess.TimeoutExpired:
        say(f"nfr: judging was not over after {CLOSING_LIMIT_S:g} s: `{judging(folder)}`", err=True)
        return BROKEN
    return code if code in (MET, NOT_MET) else BROKEN


if __name__ == "__main__":
    soak(prog_name="nfr soak")
