"""Two stored runs side by side: may they be compared, and what does each of their common cases come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.record.errors import RecordError
from harness.record.run import RunInfo
from harness.record.store import RunFolder
from harness.spec.case import Case
from harness.verdict.comparison import TRIALS, Answer, Comparison, Setting, comparable, compared, overall


class NotComparable(Exception):
    """The runs cannot be compared as asked; one sentence."""


@dataclass(frozen=True, slots=True)
class CaseComparison:
    """One case of both runs. `trials`: how many run A and run B have of it. `notes`: a sentence each."""

    case_id: str
    title: str
    trials: tuple[int, int]
    comparisons: tuple[Comparison, ...]
    answer: Answer
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairOfRuns:
    """Run B against run A. `forced`: why they should not be compared, when somebody insisted; else empty."""

    a: RunInfo
    b: RunInfo
    forced: str
    cases: tuple[CaseComparison, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def answer(self) -> Answer:
        """The worst that is proven of any case."""
        return overall([one for case in self.cases for one in case.comparisons])


def setting_of(info: RunInfo) -> Setting:
    """What of a run must be alike."""
    host = info.host
    return Setting(host.name, host.cpu_model, host.cpus, host.kernel, info.target, info.launcher)


def pair_of(a: RunFolder, b: RunFolder, wanted: Sequence[str], *, force: bool) -> PairOfRuns:
    """Compare what both hold, or of it the `wanted` cases.

    Raises NotComparable; EvidenceError and RecordError where a run cannot be read.
    """
    if a.path.resolve() == b.path.resolve():
        raise NotComparable(f"{a.info.id} is given twice; name two runs: nfr compare BEFORE AFTER")
    differing = comparable(setting_of(a.info), setting_of(b.info))
    if differing and not force:
        raise NotComparable(f"{differing}; repeat one of them in the other's place, or insist with --force")
    in_a, in_b = (tuple(one for one in run.case_ids() if run.evidence_paths(one)) for run in (a, b))
    for case_id in wanted:
        missing = [run.info.id for run, held in ((a, in_a), (b, in_b)) if case_id not in held]
        if missing:
            raise NotComparable(f"case {case_id} has no evidence in run {' and in run '.join(missing)}")
    common = tuple(one for one in in_a if one in in_b and (not wanted or one in wanted))
    if not common:
        held = "; ".join(f"{run.info.id} has {_listed(ids)}" for run, ids in ((a, in_a), (b, in_b)))
        raise NotComparable(f"the runs have no case in common: {held}")
    return PairOfRuns(
        a=a.info,
        b=b.info,
        forced=differing,
        cases=tuple(_compare(a, b, one) for one in common),
        only_a=() if wanted else tuple(one for one in in_a if one not in in_b),
        only_b=() if wanted else tuple(one for one in in_b if one not in in_a),
    )


def _compare(a: RunFolder, b: RunFolder, case_id: str) -> CaseComparison:
    loaded = [[Evidence.load(path) for path in run.evidence_paths(case_id)] for run in (a, b)]
    comparisons = compared(*loaded)
    known = [_case_of(run, case_id) for run in (a, b)]
    trials = (len(loaded[0]), len(loaded[1]))
    notes = [f"{run.info.id}: {told}" for run, all_of in zip((a, b), loaded, strict=True)
             for one in all_of for told in one.torn]  # fmt: skip
    if None not in known and known[0] != known[1]:
        notes.append("the case itself was changed between the two runs: see case.json of each")
    if min(trials) < TRIALS:
        notes.append(f"{min(trials)} trials are too few to tell a difference from chance: {TRIALS} at least, better 5")
    if not comparisons:
        notes.append("nothing to compare: no window in which both runs made the same calls or followed the same stream")
    title = next((one.title for one in reversed(known) if one is not None), "")
    return CaseComparison(case_id, title, trials, comparisons, overall(comparisons), tuple(notes))


def _case_of(run: RunFolder, case_id: str) -> Case | None:
    try:
        return run.cases().get(case_id)
    except RecordError:
        return None  # the evidence is what counts


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids) or "none"
