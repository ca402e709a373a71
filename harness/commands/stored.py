"""`nfr judge` and `nfr report`: what can be done with a stored run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from harness.commands.places import MET, NOT_MET, json_option, reports_option, specs_option
from harness.evidence.release import give_back
from harness.record.store import RunFolder, RunStore
from harness.report.report import write_report
from harness.report.terminal import speaks_unicode, summary_lines
from harness.session import judge_recorded
from harness.spec.case import Case
from harness.spec.loader import load_acceptance, load_cases
from harness.target.errors import ProfileError
from harness.target.profile import Profile, load_profile
from harness.verdict.acceptance import Standing, assess
from harness.verdict.provable import refusals
from harness.verdict.verdict import CaseVerdict


@click.command()
@click.argument("run_name", metavar="RUN")
@specs_option
@reports_option
@json_option
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
    give_back()  # before a report wants memory of its own
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


@click.command()
@click.argument("run_name", metavar="RUN")
@specs_option
@reports_option
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
