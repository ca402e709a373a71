"""Writes the reports of a recorded run into its folder: report.html, summary.md, junit.xml, results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.evidence.columns import EvidenceError
from harness.evidence.evidence import LARGE_BYTES, Evidence
from harness.evidence.parts import load_marks, size_bytes
from harness.record.files import write_whole
from harness.record.folder import RunFolder
from harness.record.results import save_results
from harness.report.case_view import Trials
from harness.report.html import render_html
from harness.report.junit import render_junit
from harness.report.markdown import render_markdown
from harness.report.page import page
from harness.report.soak_section import is_soak
from harness.report.wording import not_run
from harness.spec.case import Case
from harness.verdict.acceptance import Standing
from harness.verdict.verdict import CaseVerdict

_LARGEST_BYTES = 256 << 20
"""Evidence larger than this is not read again only to draw it, but for a soak's, which is read in parts."""


def write_report(
    folder: RunFolder,
    cases: Sequence[Case],
    verdicts: Mapping[str, CaseVerdict],
    standing: Standing,
    trials: Trials | None = None,
) -> None:
    """Write all four files, each whole or not at all. RecordError (one sentence) when the disk refuses.

    `trials`: the evidence of a case's trials, for timelines, logs and plots; None reads what was recorded.
    """
    view = page(folder, cases, verdicts, standing, trials or (lambda case_id: recorded(folder, case_id)))
    # the machine-readable ones first: they are what is left when a disk runs full
    save_results(folder.results_path, folder.info, view.answer.sentence, standing, verdicts, not_run(cases, verdicts))
    write_whole(folder.junit_path, render_junit(folder.info, cases, verdicts))
    write_whole(folder.summary_path, render_markdown(view).encode())
    write_whole(folder.report_path, render_html(view).encode())


def recorded(folder: RunFolder, case_id: str) -> list[Evidence]:
    """The evidence of every trial on disk; of a large soak its marks alone. A trial that cannot be read, or is too
    large, is empty."""
    return [_load(path) for path in folder.evidence_paths(case_id)]


def _load(path: Path) -> Evidence:
    try:
        size = size_bytes(path)
        if size > LARGE_BYTES and is_soak(marks := load_marks(path)):
            return Evidence.of(*marks)
        if size > _LARGEST_BYTES:
            return Evidence.of()
        evidence = Evidence.load(path)
        return replace(evidence, stored=evidence.messages)  # everything that is drawn looks at all of them
    except (EvidenceError, OSError):
        return Evidence.of()
