"""results.json: a whole run in one document, for programs that do not want to walk its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.record.codec import run_document, verdict_document
from harness.record.documents import Document, Format
from harness.record.run import RunInfo
from harness.spec.case import Case
from harness.verdict.acceptance import GroupStanding, Standing
from harness.verdict.verdict import CaseVerdict

RESULTS = Format("nfr.results", 1)


def save_results(
    path: Path,
    info: RunInfo,
    answer: str,
    standing: Standing,
    verdicts: Mapping[str, CaseVerdict],
    not_run: Sequence[Case],
) -> None:
    """Write the run, the standing of its groups, every verdict and what did not run; RecordError as RunFolder's."""
    body: Document = {
        "run": run_document(info),
        "answer": answer,
        "standing": {
            "met": standing.met,
            "overall": _group(standing.overall),
            "groups": [_group(group) for group in standing.groups],
        },
        "verdicts": [verdict_document(verdict) for verdict in verdicts.values()],
        "not_run": [
            {
                "case": case.id,
                "title": case.title,
                "group": str(case.group),
                "priority": str(case.priority),
                "selected": case.id in info.selected,
                "awaiting": case.awaiting,
            }
            for case in not_run
        ],
    }
    RESULTS.write(path, body)


def _group(standing: GroupStanding) -> Document:
    counts = {str(status): count for status, count in standing.by_status}
    return {**asdict(standing), "by_status": counts}
