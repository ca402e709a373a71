"""nfr: the command line shell: list the cases, run them, judge a stored run again, write its report, compare two."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.commands.calibrate import calibrate
from harness.commands.compare import compare
from harness.record.errors import RecordError
from harness.record.store import RunFolder, RunStore
from harness.report.report import write_report
from harness.report.terminal import speaks_unicode, summary_lines
from harness.session import judge_recorded
from harness.soak.command import soak
from harness.spec.binding import bindings
from harness.spec.case import Case
from harness.spec.errors import SpecError
from harness.spec.loader import load_acceptance, load_cases
from harness.target.errors import ProfileError
from harness.target.profile import Profile, load_profile
from harness.venue.command import venue
from harness.verdict.acceptance import Standing, assess
from harness.verdict.provable import refusals
from harness.verdict.verdict import CaseVerdict

MET, NOT_MET, USAGE, BROKEN = 0, 1, 2, 3
"""Exit codes: gates met, not met, usage, the harness itself failed."""

ROOT = Path(__file__).resolve().parent.parent
PYTEST_TO_NFR = {0: MET, 1: NOT_MET, 2: BROKEN, 3: BROKEN, 4: USAGE, 5: USAGE}
"""pytest: passed, failed, interrupted, internal error, usage, nothing collected."""

WIDE = 110
"""Columns of a terminal that has room for everything about a case in one line."""

_specs = click.option("--specs", type=click.Path(path_type=Path), default=ROOT / "specs", help="The cases' YAML files.")
_reports = click.option(
    "--reports", type=click.Path(path_type=Path), default=ROOT / "reports", help="Where runs are written."
)
_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="opensqt-nfr-harness", prog_name="nfr")
def cli() -> None:
    """Qualify an OpenSQT exchange connector against its 29 non-functional cases.

    Exit codes: 0 gates met, 1 not met, 2 usage, 3 the harness itself failed.
    """


cli.add_command(venue)
cli.add_command(compare)
cli.add_command(calibrate)
cli.add_command(soak)


@cli.command()
@_specs
@_reports
@_json
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


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """Run cases: everything is handed to pytest, for example `nfr run -m integration --launcher process`."""
    import pytest

    sys.exit(PYTEST_TO_NFR.get(int(pytest.main(["--rootdir", str(ROOT), *arguments])), BROKEN))


@cli.command()
@click.argument("run_name", metavar="RUN")
@_specs
@_reports
@_json
def judge(run_name: str, specs: Path, reports: Path, as_json: bool) -> None:
    """Judge a stored RUN (name, path, unique beginning, or `latest`) again, by the specs as they are now."""
    folder = RunStore(reports).open(run_name)
    known = load_cases(specs)
    before = folder.verdicts()
    profile = _profile_of(folder)
    recorded = [case for case in known if folder.evidence_paths(case.id)]
    for case in recorded:
        sentences = refusals(case)
        if sentences:
            raise click.UsageError("; ".join(sentences))
    verdicts = {case.id: judge_recorded(folder, case, profile) for case in recorded}
    standing = _write_report(folder, known, specs)
    if as_json:
        rows = [
            {"case": name, "before": before[name].status.value if name in before else None, "now": one.status.value}
            for name, one in verdicts.items()
        ]
        click.echo(json.dumps({"schema": "nfr.judge", "version": 1, "run": folder.info.id, "cases": rows}, indent=2))
    else:
        for name, verdict in verdicts.items():
            old = before[name].status if name in before else None
            changed = f"  (was {old.value})" if old is not None and old is not verdict.status else ""
            click.echo(f"{name}  {verdict.status.value}{changed}")
        _say(folder, known, standing, verdicts)
    sys.exit(_exit_code(standing))


@cli.command()
@click.argument("run_name", metavar="RUN")
@_specs
@_reports
def report(run_name: str, specs: Path, reports: Path) -> None:
    """Write report.html, summary.md, junit.xml and results.json of a stored RUN again."""
    folder = RunStore(reports).open(run_name)
    known = load_cases(specs)
    standing = _write_report(folder, known, specs)
    _say(folder, known, standing, folder.verdicts())
    sys.exit(_exit_code(standing))


def _profile_of(folder: RunFolder) -> Profile | None:
    """The run's profile for its deferrals; a run of a profile that is gone has none."""
    try:
        return load_profile(folder.info.target)
    except ProfileError:
        return None


def _write_report(folder: RunFolder, known: Sequence[Case], specs: Path) -> Standing:
    verdicts = folder.verdicts()
    standing = assess(known, verdicts, load_acceptance(specs / "acceptance.yaml"))
    write_report(folder, known, verdicts, standing)
    return standing


def _say(folder: RunFolder, known: Sequence[Case], standing: Standing, verdicts: dict[str, CaseVerdict]) -> None:
    for line in summary_lines(
        standing, verdicts, known, Console().width, folder.report_path, unicode=speaks_unicode(sys.stdout)
    ):
        click.echo(line)


def _exit_code(standing: Standing) -> int:
    """By the groups that ran: a run of one group is not blamed for the others."""
    ran = [group for group in standing.groups if group.ran]
    return MET if ran and all(group.met for group in ran) else NOT_MET


def _short(place: str) -> str:
    return place.removeprefix(f"{ROOT}/")


def main() -> None:
    """Entry point of `nfr`."""
    try:
        cli.main(prog_name="nfr", standalone_mode=False)
    except click.ClickException as refused:
        refused.show()
        sys.exit(USAGE)
    except click.Abort:
        click.echo("nfr: interrupted", err=True)
        sys.exit(BROKEN)
    except (SpecError, RecordError, ProfileError) as refused:
        click.echo(f"nfr: {refused}", err=True)
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
