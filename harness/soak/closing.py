"""Closing: judge a soak that is over and write its report, `python -m harness.soak.closing RUN SPECS`.

In a process of its own, which ends again: judging takes more memory than the runner may ever have.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.store import RunStore
from harness.report.report import write_report
from harness.report.terminal import speaks_unicode, summary_lines
from harness.session import judge_recorded
from harness.soak.saying import let_go, say
from harness.spec.loader import load_acceptance, load_cases
from harness.target.errors import TargetError
from harness.target.profile import load_profile
from harness.verdict.acceptance import assess
from harness.verdict.verdict import Status

MET, NOT_MET, BROKEN = 0, 1, 3
CASE = "6.1.1"
COLUMNS = 100


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("specs", type=click.Path(path_type=Path))
def close(run: Path, specs: Path) -> None:
    """Exit codes: 0 the case passed, 1 it did not, 3 the harness itself failed."""
    try:
        status = closed(RunStore(run.parent).open(str(run)), specs)
    except (RecordError, TargetError) as broken:
        say(f"nfr: {broken}", err=True)
        sys.exit(BROKEN)
    let_go()
    sys.exit(MET if status is Status.PASS else NOT_MET)


def closed(folder: RunFolder, specs: Path) -> Status:
    """Judge, write the report, say what came out."""
    known = load_cases(specs)
    case = next(one for one in known if one.id == CASE)
    verdict = judge_recorded(folder, case, load_profile(folder.info.target))
    verdicts = folder.verdicts()
    standing = assess(known, verdicts, load_acceptance(specs / "acceptance.yaml"))
    write_report(folder, known, verdicts, standing)
    for finding in verdict.findings:
        reason = f": {finding.reason}" if finding.reason else ""
        say(f"  [{finding.status.value}] {finding.criterion} ({finding.level}): {finding.says}{reason}")
    unicode = speaks_unicode(sys.stdout)
    for line in summary_lines(standing, verdicts, known, COLUMNS, folder.report_path, unicode=unicode):
        say(line)
    say(f"nfr: {CASE} {verdict.status.value}; {folder.info.note}")
    return verdict.status


if __name__ == "__main__":
    close()
