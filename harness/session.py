"""One run from the shell's point of view: refuse, carry out cases, judge them, keep the record, write the report."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import logging
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from harness.client.errors import ConnectFailed
from harness.evidence.clock import now_ns
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder, RecorderError
from harness.record.errors import RecordError
from harness.record.host import git_state, this_host
from harness.record.run import RunInfo
from harness.record.store import RunFolder, RunStore
from harness.report.report import write_report
from harness.report.terminal import speaks_unicode, summary_lines
from harness.spec.acceptance import Acceptance
from harness.spec.binding import bindings, mismatches
from harness.spec.case import Case
from harness.spec.loader import load_acceptance, load_cases
from harness.target.choice import choose_launcher
from harness.target.errors import TargetError
from harness.target.launcher import LauncherFactory
from harness.target.leftovers import spared, sweep
from harness.target.owner import Tag
from harness.target.profile import Profile, load_profile
from harness.trial.sink import Sink
from harness.trial.stack import CLIENTS
from harness.trial.stage import Stage
from harness.trial.trial import CutShort, Trial
from harness.venue.control import ControlError
from harness.verdict.acceptance import Standing, assess
from harness.verdict.deferral import Deferral
from harness.verdict.explain import explain
from harness.verdict.judge import judge
from harness.verdict.provable import refusals
from harness.verdict.verdict import CaseVerdict, Status

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = 6.0
"""A case may take this many times its estimate, and at least SHORTEST_LIMIT_S, before it is given up."""
SHORTEST_LIMIT_S = 180.0


class HarnessBroken(Exception):
    """The harness itself cannot go on; one sentence."""


class CaseMissed(Exception):
    """The verdict is not pass; the text is the explanation."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    target: str
    launcher: str
    reports: Path
    seed: int
    specs: Path
    suites: Path
    command: tuple[str, ...]


@dataclass(eq=False)
class NfrSession:
    """`prepare` loads the specs, `begin` opens the run, `carry_out` and `judge` do a case, `end` closes the run."""

    options: Options
    cases: Mapping[str, Case]
    acceptance: Acceptance
    verdicts: dict[str, CaseVerdict] = field(default_factory=dict)
    folder: RunFolder | None = None
    complaints: list[str] = field(default_factory=list)
    """What the shell has to say at the end."""
    _profile: Profile | None = None
    _launcher: LauncherFactory | None = None
    _swept: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, options: Options) -> NfrSession:
        """Load cases and acceptance. Raises SpecError."""
        cases = {case.id: case for case in load_cases(options.specs)}
        return cls(options, cases, load_acceptance(options.specs / "acceptance.yaml"))

    # -- before -------------------------------------------------------------------------------------

    def unknown_case(self, case_id: str, place: str) -> str:
        """The sentence for a test whose case does not exist."""
        return f"{place}: @case({case_id!r}) names a case that no file under {self.options.specs} defines; mend the id"

    def refusals(self, selected: Sequence[str]) -> list[str]:
        """Why this selection cannot be judged: one sentence each, empty when it can."""
        found = mismatches(tuple(self.cases.values()), bindings(self.options.suites))
        for case_id in selected:
            found += refusals(self.cases[case_id])
        return found

    def begin(self, selected: Sequence[str]) -> None:
        """Clean up after dead runs, choose the launcher, open the run. TargetError, HarnessBroken in one sentence."""
        self._profile = load_profile(self.options.target)
        removed = (f"left over by an earlier run and removed: {one}" for one in sweep())
        self._swept = (*removed, *spared())
        self._launcher = choose_launcher(self._profile, self.options.launcher)
        info = RunInfo(
            id="",
            started_ns=now_ns(),
            ended_ns=None,
            harness=git_state(ROOT),
            target=self._profile.name,
            target_version=self._launcher.target_version,
            launcher=self._launcher.name,
            seed=self.options.seed,
            host=this_host(),
            command=("pytest", *self.options.command),
            selected=tuple(selected),
        )
        try:
            self.folder = RunStore(self.options.reports).create(info)
        except RecordError as refused:
            raise HarnessBroken(str(refused)) from None

    def header(self) -> list[str]:
        """What runs against what, for the terminal."""
        if self.folder is None or self._launcher is None or self._profile is None:
            return []
        lines = [
            f"nfr: run {self.folder.info.id}, target {self._profile.name}, {self._launcher.reason}",
            f"nfr: recording to {self.folder.path}",
        ]
        return lines + [f"nfr: {told}" for told in self._swept]

    # -- one case -----------------------------------------------------------------------------------

    async def carry_out(
        self,
        case: Case,
        body: Callable[..., Coroutine[Any, Any, None]],
        asks_for: Sequence[str],
        fixtures: Mapping[str, object],
        number: int = 1,
    ) -> None:
        """Run a case's body with what it asks for, as its trial of this number; all that happens ends up as evidence.

        Raises only what ends the whole run: an interrupt, or a recording that failed.
        """
        folder, profile, launchers = self._running()
        evidence_path = folder.evidence_path(case.id, number)
        recorder = Recorder(
            evidence_path,
            host=folder.info.host.name,
            target=profile.name,
            plan_digest=_plan_digest(case, self.options.seed),
        )
        sink = Sink(recorder)
        trial = Trial(sink, profile, evidence_path)
        trial.mark("trial.began")
        try:
            launcher = launchers.make(folder.info.id, folder.log_path, sink)
            labels = Tag.of(folder.info.id).environment()
            async with asyncio.timeout(_limit_s(case)):
                async with Stage(trial, launcher, profile, self.options.seed, labels) as stage:
                    stage.case = case
                    try:
                        await body(**await _provide(stage, profile, asks_for), **fixtures)
                    finally:
                        await stage.sampler.stop()  # taking in the ledger holds up this process: no reading meanwhile
                        await trial.finish()
                        sink.is_over = True
        except (asyncio.CancelledError, KeyboardInterrupt):
            if sink.failure is not None:
                raise HarnessBroken(str(sink.failure)) from None
            trial.mark("trial.error", reason="interrupted")
            raise
        except Exception as broken:  # noqa: BLE001  whatever a body raises is evidence
            _write_down(trial, folder, case, _first(broken))
        finally:
            trial.mark("trial.ended")
            with contextlib.suppress(RecorderError):  # the sink has seen it
                recorder.close()
        if sink.failure is not None:
            raise HarnessBroken(str(sink.failure))

    def judge(self, case: Case) -> CaseVerdict:
        """Judge what was recorded, save the verdict. CaseMissed with the explanation unless it is a pass."""
        folder, profile, _ = self._running()
        verdict = judge_recorded(folder, case, profile)
        self.verdicts[case.id] = verdict
        if verdict.status is not Status.PASS:
            raise CaseMissed("\n".join(explain(verdict, str(folder.evidence_path(case.id, 1)))))
        return verdict

    # -- after --------------------------------------------------------------------------------------

    def end(self, *, interrupted: bool) -> None:
        """Close the run and write its report."""
        if self.folder is None:
            return
        self.folder.finish("interrupted" if interrupted else "finished")
        write_report(self.folder, tuple(self.cases.values()), self.folder.verdicts(), self.standing())

    def standing(self) -> Standing:
        """The verdicts so far against acceptance.yaml."""
        return assess(tuple(self.cases.values()), self.verdicts, self.acceptance)

    def summary(self, width: int, stream: TextIO) -> list[str]:
        """Verdicts by group and the report's path, for the terminal."""
        if self.folder is None:
            return []
        known = tuple(self.cases.values())
        report, unicode = self.folder.report_path, speaks_unicode(stream)
        lines = summary_lines(self.standing(), self.verdicts, known, width, report, unicode=unicode)
        return [*lines, *(f"nfr: {complaint}" for complaint in self.complaints)]

    def _running(self) -> tuple[RunFolder, Profile, LauncherFactory]:
        if self.folder is None or self._profile is None or self._launcher is None:
            raise HarnessBroken("no run is open: NfrSession.begin comes first")
        return self.folder, self._profile, self._launcher


def judge_recorded(folder: RunFolder, case: Case, profile: Profile | None) -> CaseVerdict:
    """Judge a recorded case by the spec as it is now, and save the verdict."""
    evidences = [Evidence.load(path) for path in folder.evidence_paths(case.id)]
    deferrals = [
        Deferral(one.case, one.criterion, one.reason, one.owner, one.until)
        for one in (profile.deferred if profile else ())
    ]
    today = datetime.datetime.now(datetime.UTC).date()
    verdict = judge(case, evidences, deferrals=deferrals, today=today)
    began = [mark.t_ns for one in evidences for mark in one.marks if mark.name == "trial.began"]
    ended = [mark.t_ns for one in evidences for mark in one.marks if mark.name == "trial.ended"]
    if began and ended:
        verdict = replace(verdict, duration_s=(max(ended) - min(began)) / 1e9)
    folder.save_verdict(verdict, case)
    return verdict


async def _provide(stage: Stage, profile: Profile, asks_for: Sequence[str]) -> dict[str, object]:
    """What the body's parameters name, started in the order that makes sense."""
    exchange = profile.venue.exchange
    provided: dict[str, object] = {"trial": stage.trial, "stage": stage}
    if ("venue" in asks_for or "connector" in asks_for) and exchange != "mock":
        provided["venue"] = await stage.venue(exchange)
    if "stack" in asks_for:
        provided["stack"] = stack = await stage.stack(exchange, *CLIENTS)
        provided["venue"], provided["connector"] = stack.venue, stack.connector
    elif "connector" in asks_for:
        provided["connector"] = await stage.connector(exchange)
    return {name: value for name, value in provided.items() if name in asks_for}


def _plan_digest(case: Case, seed: int) -> str:
    return hashlib.sha256(f"{case.model_dump_json()}:{seed}".encode()).hexdigest()[:16]


def _first(error: BaseException) -> BaseException:
    """What was raised first in a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _write_down(trial: Trial, folder: RunFolder, case: Case, error: BaseException) -> None:
    """The mark that says why the body did not come to its end, and for the unforeseen its place in the log."""
    if isinstance(error, CutShort | ConnectFailed):
        trial.mark("trial.cut_short", reason=str(error))
    elif isinstance(error, TimeoutError):
        trial.mark("trial.cut_short", reason=f"the case was not over after {_limit_s(case):g} s")
    elif isinstance(error, TargetError | ControlError):
        trial.mark("trial.error", reason=str(error))
    else:
        _log_traceback(folder, case, error)
        trial.mark("trial.error", reason=f"{type(error).__name__}: {error}")


def _limit_s(case: Case) -> float:
    return max(SHORTEST_LIMIT_S, SLOWEST * case.estimate_s)


def _log_traceback(folder: RunFolder, case: Case, broken: BaseException) -> None:
    text = "".join(traceback.format_exception(broken))
    logging.getLogger("harness").error("case %s: %s", case.id, text)
    with folder.log_path("harness").open("a", encoding="utf-8") as log:
        log.write(f"case {case.id}\n{text}\n")
