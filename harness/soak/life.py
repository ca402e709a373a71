"""One life of a soak's runner: opens or takes up the recording, carries out the course, leaves it readable."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.client.errors import ConnectFailed
from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.recorder import Recorder, RecorderError
from harness.evidence.records import Mark, Record
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.soak.checkpoint import Checkpoint
from harness.soak.course import AWAY, Course, Life
from harness.soak.numbering import renumbered
from harness.soak.outlook import Standing, uptime_fact
from harness.soak.plan import SoakPlan
from harness.soak.quay import Quay, account_for
from harness.soak.watch import STEADY
from harness.target.errors import TargetError
from harness.target.launcher import LauncherFactory
from harness.target.mooring import Lasting
from harness.target.owner import Tag
from harness.target.profile import Profile
from harness.target.starting import StartingLauncher
from harness.trial.load.run import LoadError
from harness.trial.sink import Sink
from harness.trial.stack import CLIENTS
from harness.trial.stage import Stage
from harness.trial.trial import CutShort, Trial
from harness.venue.control import ControlError

UNWRITTEN_NS = 2 * NS_PER_S
"""What the venue had sent so shortly before a checkpoint may have been on its way."""


BROKEN_OFF = "trial.broken_off"
"""Mark: the harness could not go on. No trial.error, which is for good: the next life makes up for it."""


class SoakBroken(Exception):
    """The harness itself cannot go on; one sentence. Everything recorded so far is kept."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What runs where."""

    folder: RunFolder
    profile: Profile
    launchers: LauncherFactory
    seed: int
    case_id: str

    @property
    def evidence_path(self) -> Path:
        """One folder for all lives: each adds files of its own, and they are read as one timeline."""
        return self.folder.evidence_path(self.case_id, 1)


async def live(setting: Setting, plan: SoakPlan, life: Life, previous: Checkpoint | None) -> Checkpoint:
    """Carry it out to its end; returns the last checkpoint, which is on disk. Raises SoakBroken.

    `previous`: the last checkpoint of the life before, whose recording is taken up.
    """
    path = setting.evidence_path
    shutil.rmtree(path / "load", ignore_errors=True)  # parts of a load whose runner was killed
    try:
        recorder = Recorder(
            path, host=setting.folder.info.host.name, target=setting.profile.name, resume=previous is not None,
            flush_s=plan.checkpoint_s,
        )  # fmt: skip
    except RecorderError as refused:
        raise SoakBroken(str(refused)) from None
    kept = [life.first]
    quay = Quay(setting.folder.path, previous.left() if previous is not None else Lasting.first())
    keep = _keeping(recorder, life, kept, quay)
    life = replace(life, keep=keep, sync=partial(recorder.flush, durable=True))
    sink = Sink(recorder)
    trial = Trial(renumbered(sink, life.first.life), setting.profile, path)
    if previous is not None:
        mark_gap(trial, previous)
    life.watch.listen(trial)
    trial.mark("trial.began", life=str(life.first.life))
    last: Checkpoint | None = None
    why = ""
    try:
        last = await _staged(setting, trial, plan, life, sink, quay, previous)
    except asyncio.CancelledError:
        if sink.failure is None:
            trial.mark(BROKEN_OFF, reason="interrupted")
            _break_off(recorder, life, kept[-1])
            raise
    except RecordError as full:
        raise SoakBroken(str(full)) from None
    except Exception as wrong:  # noqa: BLE001  whatever goes wrong is evidence
        lost = bool(kept[-1].progress.lost_for_good and life.outlook)
        if why := _written_down(trial, setting.folder, wrong, lost=lost):
            _break_off(recorder, life, kept[-1])
    finally:
        trial.mark("trial.ended")
        with contextlib.suppress(RecorderError):  # the sink has seen it
            recorder.close()
    if (failure := sink.failure or recorder.failure) is not None:
        raise SoakBroken(str(failure))
    if why:
        raise SoakBroken(why)
    last = last or replace(kept[-1], state="failed")
    try:
        life.keep(last)
    except RecordError as full:
        raise SoakBroken(str(full)) from None
    return last


async def _staged(
    setting: Setting, trial: Trial, plan: SoakPlan, life: Life, sink: Sink, quay: Quay, previous: Checkpoint | None
) -> Checkpoint:
    launcher = setting.launchers.make(setting.folder.info.id, setting.folder.log_path, sink, quay.lasting)
    quay.launcher = launcher if isinstance(launcher, StartingLauncher) else None
    labels = Tag.of(setting.folder.info.id).environment()
    async with Stage(trial, launcher, setting.profile, setting.seed, labels) as stage:
        try:
            if previous is not None and await quay.reclaim():
                life = _going_on(life, previous)
                trial.ledger_from = previous.serial - previous.serial_base
                stage.path_ports = previous.paths
            quay.stack = stack = await stage.stack(setting.profile.venue.exchange, *CLIENTS)
            if previous is not None and (lost := _lost(trial, quay, life, previous)):
                trial.mark("soak.stopped_early", reason="; ".join(lost))
                return replace(life.first, state="failed", t_ns=now_ns())
            return await Course(trial, stack, plan, life).run()
        finally:
            await stage.sampler.stop()
            await trial.finish()
            sink.is_over = True


def _going_on(life: Life, previous: Checkpoint) -> Life:
    """The same venue counts on."""
    first = replace(life.first, serial_base=previous.serial_base, serial=previous.serial)
    return replace(life, first=first, adopts=True)


def _lost(trial: Trial, quay: Quay, life: Life, previous: Checkpoint) -> tuple[str, ...]:
    """Services that died while the runner was away go into evidence; the criteria that are lost with them, where a
    run is to end then."""
    if quay.launcher is None or not (died := account_for(trial, quay.launcher.lost, previous)):
        return ()
    if life.outlook is None or not previous.last_steady_ns:
        return ()
    return life.outlook((Mark(previous.last_steady_ns, "window.begin", {"window": STEADY}), *died), Standing())


def mark_gap(trial: Trial, previous: Checkpoint) -> None:
    """End what the life before had begun at its last checkpoint, and mark the time from there to now as a gap.

    A life that ended by itself has written that down already.
    """
    if previous.was_broken_off:
        for record in _ends(previous):
            trial.record(record)
    if previous.began_ns:  # healed when everything flows again; no trend is drawn through it
        trial.mark("fault.begin", t_ns=previous.t_ns, kind=AWAY, subject="harness")
    gap_s = (now_ns() - previous.t_ns) / NS_PER_S
    trial.mark("soak.gap", t_ns=previous.t_ns, life=str(previous.life), seconds=f"{gap_s:.1f}")
    trial.mark("soak.resumed", life=str(previous.life + 1))


def _ends(at: Checkpoint) -> tuple[Record, ...]:
    """Of what a life had begun at its last checkpoint, and did not come to end itself."""
    ends: list[Record] = []
    for client, stream, since_ns in at.live:
        quiet_ns = max(since_ns, at.ledger_ns - UNWRITTEN_NS)
        ends.append(Mark(quiet_ns, "stream.quiet", {"client": client, "stream": stream}))
    if at.began_ns and not at.window_end_ns:
        ends.append(Mark(at.t_ns, "window.end", {"window": STEADY}))
        ends.append(uptime_fact(at.looks, at.serving, at.life))
    return tuple(ends)


def _break_off(recorder: Recorder, life: Life, last: Checkpoint) -> None:
    """The harness could not go on: what it had begun ends at its last checkpoint, from which it can be taken up."""
    with contextlib.suppress(RecorderError, RecordError):  # then the next life does it
        for record in _ends(last):
            recorder.append(record)
        recorder.flush(durable=True)
        life.keep(replace(last, state="broken"))


def _keeping(recorder: Recorder, life: Life, kept: list[Checkpoint], quay: Quay) -> Callable[[Checkpoint], None]:
    """A checkpoint is written when everything before it is on the disk."""
    keep, steady_end_ns = life.keep, life.first.steady_end_ns

    def both(checkpoint: Checkpoint) -> None:
        kept[:] = [checkpoint]
        with contextlib.suppress(RecorderError):  # the sink has seen it, or it is closed already
            recorder.flush()
        keep(quay.named(checkpoint, steady_end_ns))

    return both


def _written_down(trial: Trial, folder: RunFolder, error: BaseException, *, lost: bool) -> str:
    """The mark that says why the course did not come to its end, and for the unforeseen its place in the log.

    Returns why the harness broke off a run that may still pass; empty where nothing can be made good: the target did
    not do its part, or something required is `lost` anyway.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, CutShort | ConnectFailed):
        trial.mark("trial.cut_short", reason=str(error))
        return ""
    foreseen = isinstance(error, TargetError | ControlError | LoadError)
    reason = str(error) if foreseen else f"{type(error).__name__}: {error}"
    trial.mark("trial.error" if lost else BROKEN_OFF, reason=reason)
    if not foreseen:
        with folder.log_path("harness").open("a", encoding="utf-8") as log:
            log.write("".join(traceback.format_exception(error)) + "\n")
    return "" if lost else reason
