"""`nfr cases`: the list of the cases and how they stand."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.commands.places import ROOT, json_option, reports_option, specs_option
from harness.record.store import RunStore
from harness.spec.binding import bindings
from harness.spec.loader import load_cases

WIDE = 110
"""Columns of a terminal that has room for everything about a case in one line."""


@click.command()
@specs_option
@reports_option
@json_option
def cases(specs: Path, reports: Path, as_json: bool) -> None:
    """The 29 cases: group, priority, criteria, whether a test is bound, last verdict."""
    known = load_cases(specs)
    bound = {binding.case_id: binding.place for binding in bindings(ROOT / "suites")}
    last = RunStore(reports).last_verdicts()
    if as_json:
        documents = [
            {
                "id": case.id,
                "title": case.title,
                "group": case.group.value,
                "priority": case.priority.value,
                "criteria": len(case.criteria),
                "required": sum(criterion.level.value == "required" for criterion in case.criteria),
                "test": _short(bound.get(case.id, "")),
                "awaiting": case.awaiting,
                "last_run": last[case.id][0] if case.id in last else None,
                "last_verdict": last[case.id][1].value if case.id in last else None,
            }
            for case in known
        ]
        click.echo(json.dumps({"schema": "nfr.cases", "version": 1, "cases": documents}, indent=2))
        return
    rows = [
        (
            case.id, case.title, case.group, case.priority, str(len(case.criteria)),
            "bound" if case.id in bound else "awaiting",
            last[case.id][1].value if case.id in last else "never run",
        )
        for case in known
    ]  # fmt: skip
    names = ("case", "title", "group", "priority", "criteria", "test", "last verdict")
    console = Console()
    # In a narrow terminal the two columns that hardly ever change make room for the titles.
    shown = [name for name in names if console.width >= WIDE or name not in ("criteria", "test")]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in shown:
        table.add_column(name, justify="right" if name == "criteria" else "left", no_wrap=name != "title")
    for row in rows:
        table.add_row(*(cell for name, cell in zip(names, row, strict=True) if name in shown))
    console.print(table)
    console.print(f"\n{len(known)} cases, {len(bound)} with a test", highlight=False)
    for reason in dict.fromkeys(case.awaiting for case in known if case.awaiting):
        waiting = ", ".join(case.id for case in known if case.awaiting == reason)
        console.print(f"awaiting {reason}: {waiting}", highlight=False)


def _short(place: str) -> str:
    return place.removeprefix(f"{ROOT}/")
