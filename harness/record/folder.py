"""RunFolder: one run on disk, and the only place that knows what its files are called."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from harness.evidence.clock import now_ns
from harness.record.codec import (
    CASE,
    RUN,
    VERDICT,
    case_document,
    case_of,
    run_document,
    run_of,
    verdict_document,
    verdict_of,
)
from harness.record.errors import RecordError, cannot_read, cannot_write
from harness.record.names import case_folder, is_case_id, log_name
from harness.record.run import RunInfo, RunState
from harness.spec.case import Case
from harness.verdict.verdict import CaseVerdict

_TRIAL = re.compile(r"trial-(\d+)")


class RunFolder:
    """One run: its facts (`info`), its evidence, its verdicts and its reports, all under `path`.

    Every method that touches the disk raises RecordError, one sentence, when the disk does not oblige.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self._info = info

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """The run in this folder; RecordError when run.json is missing, damaged or of a newer harness."""
        file = path / "run.json"
        return cls(path, run_of(RUN.read(file), file))

    @property
    def info(self) -> RunInfo:
        """What the run was; the value that save_info wrote last."""
        return self._info

    @property
    def report_path(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    @property
    def summary_path(self) -> Path:
        """Markdown for a job summary."""
        return self.path / "summary.md"

    @property
    def junit_path(self) -> Path:
        """JUnit XML for CI."""
        return self.path / "junit.xml"

    @property
    def results_path(self) -> Path:
        """Everything that the report shows, for programs."""
        return self.path / "results.json"

    def case_path(self, case_id: str) -> Path:
        """The folder of one case."""
        return self.path / "cases" / case_folder(case_id)

    def evidence_path(self, case_id: str, trial: int) -> Path:
        """Where trial number `trial` (from 1) is recorded. The folders above it exist afterwards, it itself may not."""
        if trial < 1:
            raise RecordError(f"case {case_id} has no trial {trial}: trials count from 1")
        return _with_parents(self.case_path(case_id) / "evidence" / f"trial-{trial}")

    def evidence_paths(self, case_id: str) -> tuple[Path, ...]:
        """The trials recorded so far, in their order."""
        folder = self.case_path(case_id) / "evidence"
        if not folder.is_dir():
            return ()
        trials = [(int(match[1]), path) for path in folder.iterdir() if (match := _TRIAL.fullmatch(path.name))]
        return tuple(path for _, path in sorted(trials))

    def log_path(self, service: str) -> Path:
        """Where the output of `service` goes; the folder exists afterwards."""
        return _with_parents(self.path / "logs" / log_name(service))

    def log_paths(self) -> tuple[Path, ...]:
        """The logs kept so far."""
        return tuple(sorted((self.path / "logs").glob("*.log")))

    def save_info(self, info: RunInfo) -> None:
        """Replace run.json; the id stays what it is."""
        if info.id != self._info.id:
            raise RecordError(f"run {self._info.id} cannot become run {info.id}; a run keeps its id")
        RUN.write(self.path / "run.json", run_document(info))
        self._info = info

    def finish(self, state: RunState, note: str = "") -> RunInfo:
        """Write down that the run ended now, and how; `note` replaces the old note unless empty."""
        self.save_info(replace(self._info, state=state, ended_ns=now_ns(), note=note or self._info.note))
        return self._info

    def save_case(self, case: Case) -> None:
        """Write the case as it is judged, so that a limit edited later does not rewrite what was asked then."""
        CASE.write(self.case_path(case.id) / "case.json", case_document(case))

    def save_verdict(self, verdict: CaseVerdict, case: Case | None = None) -> None:
        """Write a case's verdict, in the place of an earlier one, and the case it was judged by, when given."""
        if case is not None:
            if case.id != verdict.case:
                raise RecordError(f"the verdict on case {verdict.case} was not judged by case {case.id}")
            self.save_case(case)
        VERDICT.write(self.case_path(verdict.case) / "verdict.json", verdict_document(verdict))

    def verdicts(self) -> dict[str, CaseVerdict]:
        """The verdicts written so far by case id, in the order of ids; a case that did not run has none."""
        found = {case_id: self.verdict(case_id) for case_id in self.case_ids()}
        return {case_id: verdict for case_id, verdict in found.items() if verdict is not None}

    def cases(self) -> dict[str, Case]:
        """The cases as they were judged by case id, in the order of ids."""
        files = {case_id: self.case_path(case_id) / "case.json" for case_id in self.case_ids()}
        return {case_id: case_of(CASE.read(file), file) for case_id, file in files.items() if file.is_file()}

    def case_ids(self) -> tuple[str, ...]:
        """Every case that left anything here."""
        try:
            names = [path.name for path in (self.path / "cases").iterdir() if path.is_dir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise cannot_read(self.path / "cases", error) from error
        return tuple(sorted(filter(is_case_id, names), key=_by_number))

    def verdict(self, case_id: str) -> CaseVerdict | None:
        """The verdict on one case; None when it has none."""
        file = self.case_path(case_id) / "verdict.json"
        if not file.is_file():
            return None
        verdict = verdict_of(VERDICT.read(file), file)
        if verdict.case != case_id:
            raise RecordError(f"{file} is the verdict on case {verdict.case}; the folder was copied or renamed")
        return verdict


def _with_parents(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    return path


def _by_number(case_id: str) -> tuple[tuple[int, int, str], ...]:
    """3.1.10 comes after 3.1.9, and the extensions (x.…) after the numbers."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in case_id.split("."))
