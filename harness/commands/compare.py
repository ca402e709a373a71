"""`nfr compare`: run B against run A, metric by metric, for people and for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.commands.pair import NotComparable, PairOfRuns, pair_of
from harness.evidence.columns import EvidenceError
from harness.record.store import RunStore
from harness.report.numbers import quantity
from harness.report.terminal import speaks_unicode
from harness.verdict.comparison import Answer, Comparison
from harness.verdict.interval import Interval

NONE_PROVEN, SLOWER, USAGE, BROKEN = 0, 1, 2, 3
ROOT = Path(__file__).resolve().parents[2]
WORSE = (Answer.SLOWER, Answer.MORE_ERRORS)
_NARROWEST = 104
"""A table is never cut to fit a narrower terminal: its lines are broken there instead."""
COLUMNS = (("    metric", 11), ("A", 9), ("B", 9), ("B / A", 22), ("B larger", 8), ("noise", 6), ("answer", 19))
"""With their least widths, so that the tables of one comparison stand below each other."""
_SIGNS = {Answer.SLOWER: "red", Answer.MORE_ERRORS: "red", Answer.FASTER: "green", Answer.FEWER_ERRORS: "green"}
LEGEND = """\
B / A: the value in run B over that in run A, and the range the true ratio lies in; 1 means alike.
B larger: how often a sample of B exceeds one of A; 50 % means that they are alike.
noise: the least change that these trials could have told from two runs of the same thing.
A change is only called one when its whole range lies beyond 1 and it is at least 5 %. typical: geometric mean."""


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option("--case", "wanted", metavar="ID", multiple=True, help="Only this case; may be given several times.")
@click.option("--force", is_flag=True, help="Compare runs of different hosts, profiles or launchers all the same.")
@click.option(
    "--reports", type=click.Path(path_type=Path), default=ROOT / "reports", help="Where the runs were written."
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def compare(run_a: str, run_b: str, wanted: tuple[str, ...], force: bool, reports: Path, as_json: bool) -> None:
    """Is RUN_B slower than RUN_A? Names as for `judge`: a name, path, unique beginning, or `latest`.

    Every metric's ratio comes with the range it lies in; "no difference proven" is an answer too.

    Exit codes: 0 nothing is proven slower, 1 something is slower or fails more, 2 usage, 3 the harness itself failed.
    """
    store = RunStore(reports)
    try:
        pair = pair_of(store.open(run_a), store.open(run_b), tuple(dict.fromkeys(wanted)), force=force)
    except NotComparable as refused:
        click.echo(f"nfr: {refused}", err=True)
        sys.exit(USAGE)
    except EvidenceError as damaged:
        click.echo(f"nfr: {damaged}", err=True)
        sys.exit(BROKEN)
    if as_json:
        click.echo(json.dumps(_document(pair), indent=2, allow_nan=False))
    else:
        _say(pair)
    sys.exit(SLOWER if any(one.answer in WORSE for case in pair.cases for one in case.comparisons) else NONE_PROVEN)


def _say(pair: PairOfRuns) -> None:
    console = Console(highlight=False)
    wide = Console(highlight=False, width=max(_NARROWEST, console.width))
    plus_minus = "±" if speaks_unicode(sys.stdout) else "+-"
    for name, run in (("A", pair.a), ("B", pair.b)):
        console.print(f"{name}: run {run.id}, target {escape(run.target)} {escape(run.target_version)}".rstrip())
    if pair.forced:
        console.print(f"[yellow]compared although {escape(pair.forced)}[/]")
    for case in pair.cases:
        console.print(
            f"\n[bold]{case.case_id} {escape(case.title)}[/]: {_coloured(case.answer)}"
            f" ({case.trials[0]} and {case.trials[1]} trials)"
        )
        for note in case.notes:
            console.print(f"  note: {escape(note)}")
        for subject in dict.fromkeys(one.subject for one in case.comparisons):
            console.print(f"  {escape(subject)}")
            wide.print(_table([one for one in case.comparisons if one.subject == subject], plus_minus))
    for run, ids in ((pair.a, pair.only_a), (pair.b, pair.only_b)):
        if ids:
            console.print(f"\nonly in run {run.id}, not compared: {', '.join(ids)}")
    console.print(f"\n{LEGEND}\n")
    console.print(f"[bold]{_sentence(pair)}[/]")


def _table(comparisons: Sequence[Comparison], plus_minus: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, width in COLUMNS:
        justify: Literal["left", "right"] = "left" if name in ("    metric", "answer") else "right"
        table.add_column(name, justify=justify, no_wrap=True, min_width=width)
    for one in comparisons:
        table.add_row(f"    {one.metric}", *_values(one, plus_minus), _coloured(one.answer))
    return table


def _values(one: Comparison, plus_minus: str) -> tuple[str, ...]:
    """A, B, ratio, effect, noise."""
    effect = "" if one.effect is None else f"{one.effect:.0%}"
    noise = "" if math.isinf(one.noise) else f"{plus_minus}{one.noise:.0%}"
    return quantity(one.a, one.unit), quantity(one.b, one.unit), _ratio(one), effect, noise


def _ratio(one: Comparison) -> str:
    if one.ratio is None:
        return "unknown"
    if one.a == one.b == 0:
        return "both none"
    middle = "" if one.a <= 0 else f"{one.b / one.a:.2f} "
    return f"{middle}({_end(one.ratio.low)} to {_end(one.ratio.high)})"


def _end(value: float) -> str:
    return "any" if math.isinf(value) else f"{value:.2f}"


def _coloured(answer: Answer) -> str:
    colour = _SIGNS.get(answer)
    return f"[{colour}]{answer.value}[/]" if colour else answer.value


def _sentence(pair: PairOfRuns) -> str:
    worse = list(_named(pair, *WORSE))
    if worse:
        return f"Run B is worse than run A: {'; '.join(worse)}."
    better = list(_named(pair, Answer.FASTER, Answer.FEWER_ERRORS))
    if better:
        return f"Nothing got slower. Run B is better than run A: {'; '.join(better)}."
    if pair.answer is Answer.TOO_LITTLE:
        return "Too little data for any answer: see the notes."
    return "No difference is proven between the runs."


def _named(pair: PairOfRuns, *answers: Answer) -> Iterator[str]:
    for case in pair.cases:
        for answer in answers:
            metrics = [f"{one.metric} of {one.subject}" for one in case.comparisons if one.answer is answer]
            if metrics:
                more = f" and {len(metrics) - 1} more" if len(metrics) > 1 else ""
                yield f"{case.case_id} {answer.value} ({escape(metrics[0])}{more})"


def _document(pair: PairOfRuns) -> dict[str, object]:
    return {
        "schema": "nfr.compare",
        "version": 1,
        "a": pair.a.id,
        "b": pair.b.id,
        "forced": pair.forced or None,
        "answer": pair.answer.value,
        "only_a": list(pair.only_a),
        "only_b": list(pair.only_b),
        "cases": [
            {
                "case": case.case_id,
                "title": case.title,
                "trials": {"a": case.trials[0], "b": case.trials[1]},
                "answer": case.answer.value,
                "notes": list(case.notes),
                "metrics": [_metric(one) for one in case.comparisons],
            }
            for case in pair.cases
        ],
    }


def _metric(one: Comparison) -> dict[str, object]:
    return {
        "subject": one.subject,
        "metric": one.metric,
        "unit": one.unit,
        "a": _finite(one.a),
        "b": _finite(one.b),
        "ratio": _ends(one.ratio),
        "b_larger": one.effect,
        "noise": _finite(one.noise),
        "answer": one.answer.value,
    }


def _ends(ratio: Interval | None) -> dict[str, float | None] | None:
    return None if ratio is None else {"low": _finite(ratio.low), "high": _finite(ratio.high)}


def _finite(value: float) -> float | None:
    """Infinity is null."""
    return value if math.isfinite(value) else None
