"""What a well-formed case must be besides: able to fail, able to pass, and impossible to pass by doing nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.spec.case import Case, Criterion, Group, Level, Op

_CHAPTERS = {
    "3": Group.INTEGRATION,
    "4": Group.E2E,
    "5": Group.PERFORMANCE,
    "6": Group.STABILITY,
    "x": Group.EXTENSIONS,
}
SAMPLES = ("calls", "messages")
"""What `load` may plan."""
_COUNTS = frozenset({
    "messages.count", "messages.missing", "messages.duplicates", "messages.reordered", "messages.unknown",
    "messages.wrong", "messages.complete_clients", "messages.sequence_differences", "messages.payload_differences",
    "marks.count", "marks.order", "calls.count", "calls.failed", "facts.count", "facts.failing",
    "facts.passing_groups",
})  # fmt: skip
"""Metrics that are never below 0."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Something unsound at `place`, a path into the case such as ("criteria", 2, "limit")."""

    place: tuple[str | int, ...]
    what: str
    mend: str


def objections(case: Case) -> Iterator[Objection]:
    """Everything that is unsound about the case, in the order of its fields."""
    chapter = _CHAPTERS[case.id.split(".")[0]]
    if case.group is not chapter:
        yield Objection(
            ("group",), f"case {case.id} belongs to group {chapter}, not {case.group}", f"write group: {chapter}"
        )
    for name, samples in case.load.items():
        if name not in SAMPLES:
            yield Objection(("load", name), f"load {name!r} is not one of {', '.join(SAMPLES)}", "plan one of these")
        elif samples < 1:
            yield Objection(("load", name), f"load {name!r} plans {samples} samples", "plan at least 1")
    yield from _over_all_criteria(case)
    for number, criterion in enumerate(case.criteria):
        yield from _of_criterion(case, criterion, ("criteria", number))


def _over_all_criteria(case: Case) -> Iterator[Objection]:
    seen: Counter[str] = Counter()
    for number, criterion in enumerate(case.criteria):
        seen[criterion.id] += 1
        if seen[criterion.id] == 2:
            what = f"criterion id {criterion.id!r} stands twice in case {case.id}"
            yield Objection(("criteria", number, "id"), what, "give one of the two another id")
    levels = [criterion.level for criterion in case.criteria]
    if Level.REQUIRED not in levels:
        yield Objection(("criteria",), f"case {case.id} has no required criterion", "make one required")
    absences = [n for n, criterion in enumerate(case.criteria) if _asks_for_absence(criterion)]
    if absences and Level.PROOF not in levels:
        what = f"criterion {case.criteria[absences[0]].id!r}: holds when nothing happens at all"
        yield Objection(
            ("criteria", absences[0]), what, "add a proof criterion that says when the case has been exercised"
        )


def _of_criterion(case: Case, criterion: Criterion, place: tuple[str | int, ...]) -> Iterator[Objection]:
    if criterion.metric in _COUNTS:
        can_pass, can_fail = _possible(criterion.op, criterion.limit)
        wanted = f"criterion {criterion.id!r}: {criterion.metric} {criterion.op} {criterion.limit:g}"
        if not can_pass:
            yield Objection((*place, "limit"), f"{wanted} can never hold", "a count is 0, 1, 2 and so on")
        elif not can_fail:
            yield Objection((*place, "limit"), f"{wanted} can never be missed", "ask for at least 1")
    quantile = criterion.of.get("quantile")
    if quantile is None:
        return
    if not isinstance(quantile, (int, float)) or isinstance(quantile, bool) or not 0 < quantile < 1:
        what = f"criterion {criterion.id!r}: quantile {quantile!r} does not lie between 0 and 1"
        yield Objection((*place, "of", "quantile"), what, "write 0.99 for the 99th percentile")
        return
    family = criterion.metric.split(".")[0]
    if family in SAMPLES and family not in case.load:
        what = f"criterion {criterion.id!r}: judges a quantile, but the case plans no {family}"
        yield Objection((*place, "of", "quantile"), what, f"add load: {{{family}: N}} with the planned samples")


def _possible(op: Op, limit: float) -> tuple[bool, bool]:
    """Whether some count satisfies the comparison, and whether some count misses it."""
    match op:
        case Op.EQ:
            return limit >= 0 and limit == int(limit), True
        case Op.LE:
            return limit >= 0, True
        case Op.LT:
            return limit > 0, True
        case Op.GE:
            return True, limit > 0
        case Op.GT:
            return True, limit >= 0


def _asks_for_absence(criterion: Criterion) -> bool:
    """Whether a criterion that decides the case would hold on evidence in which nothing happened."""
    if criterion.level in (Level.PROOF, Level.REPORTED) or criterion.metric not in _COUNTS:
        return False
    return {
        Op.EQ: criterion.limit == 0, Op.LE: criterion.limit >= 0, Op.LT: criterion.limit > 0,
        Op.GE: False, Op.GT: False,
    }[criterion.op]  # fmt: skip
