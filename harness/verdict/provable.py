"""Refuse before running: criteria with an unknown metric or argument, or that no evidence could meet."""

from __future__ import annotations

from collections.abc import Iterator

from harness.spec.case import Argument, Case, Criterion, Level, Op
from harness.verdict.compare import compare
from harness.verdict.metric import Metric, Parameter
from harness.verdict.registry import METRICS, metric
from harness.verdict.verdict import Status


def refusals(case: Case) -> list[str]:
    """One sentence for each thing that keeps the case from ever being judged; empty when it may run."""
    return [f"{case.id}/{criterion.id}: {why}" for criterion in case.criteria for why in _of_criterion(case, criterion)]


def _of_criterion(case: Case, criterion: Criterion) -> list[str]:
    known = metric(criterion.metric)
    if known is None:
        kind = criterion.metric.split(".", 1)[0]
        near = [one.name for one in METRICS if one.name.startswith(f"{kind}.")]
        return [f"there is no metric {criterion.metric}; of this kind there are {', '.join(near) or 'none'}"]
    found = [*_missing(known, criterion), *_misused(known, criterion)]
    return found or list(_unprovable(known, case, criterion))


def _missing(known: Metric, criterion: Criterion) -> Iterator[str]:
    for parameter in known.parameters:
        if parameter.required and parameter.name not in criterion.of:
            yield f"{known.name} needs `{parameter.name}`: {parameter.says}"


def _misused(known: Metric, criterion: Criterion) -> Iterator[str]:
    parameters = {parameter.name: parameter for parameter in known.parameters}
    for name, value in criterion.of.items():
        if name in parameters:
            yield from _wrong_kind(known, parameters[name], value)
        elif not known.others:
            yield f"{known.name} has no argument `{name}`; it knows {', '.join(sorted(parameters))}"
        elif not isinstance(value, str | tuple | list):
            yield f"{known.name} filters marks by `{name}`, which is text, not {value!r}"


def _wrong_kind(known: Metric, parameter: Parameter, value: Argument) -> Iterator[str]:
    if not _fits_kind(parameter.kind, value):
        yield f"`{parameter.name}` of {known.name} is {_KINDS[parameter.kind]}, not {value!r}"


_KINDS = {
    "text": "one name",
    "texts": "a name or several",
    "number": "a number",
    "quantile": "a number between 0 and 1",
    "flag": "true or false",
}


def _fits_kind(kind: str, value: Argument) -> bool:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "text":
            return isinstance(value, str)
        case "texts":
            return isinstance(value, str) or (isinstance(value, tuple | list) and bool(value))
        case "number":
            return numeric
        case "quantile":
            return numeric and 0 < float(value) < 1  # type: ignore[arg-type]
        case "flag":
            return isinstance(value, bool)
    raise ValueError(f"there is no kind of argument {kind!r}")


def _unprovable(known: Metric, case: Case, criterion: Criterion) -> Iterator[str]:
    if criterion.level is Level.REPORTED or criterion.op in (Op.GE, Op.GT):
        return  # the best evidence for "at least" has no bound: that a fault was felt, for example
    best = known.best(criterion.of, case.load)
    if best is not None and compare(best, criterion.op, criterion.limit) is not Status.PASS:
        planned = ", ".join(f"{number} {name}" for name, number in sorted(case.load.items()))
        yield (
            f"the planned load ({planned}) cannot prove {criterion.metric} {criterion.op} {criterion.limit:g} "
            f"{criterion.unit}".rstrip()
            + f": at best it shows [{best.low:.4g}, {best.high:.4g}]; plan more of it"
        )
