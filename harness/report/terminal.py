"""The end of a run in the terminal: standing by group, one line a missed criterion, where the report is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.cells import cell_len, set_cell_size

from harness.report import numbers
from harness.report.wording import ASCII_SIGNS, SIGNS, answer, counted, group_name, main_reason, one_line
from harness.spec.case import Case, Group
from harness.verdict.acceptance import GroupStanding, Standing
from harness.verdict.verdict import CaseVerdict, Finding, Status

_NARROWEST = 40
_BAR = 20
_SHOWN, _LONGEST = 8, 300
"""Criteria told of one case, and characters of one of them: the report has all."""
_COLOURS = {"pass": "32", "fail": "31", "inconclusive": "33", "not measurable": "35", "deferred": "36", "error": "31"}
_BLOCKS, _ASCII_BLOCKS = ("█", "░"), ("#", ".")


def speaks_unicode(stream: TextIO) -> bool:
    """Whether the stream can carry the signs; otherwise the summary keeps to ASCII."""
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def summary_lines(
    standing: Standing,
    verdicts: Mapping[str, CaseVerdict],
    cases: Sequence[Case],
    width: int,
    report_path: Path,
    *,
    unicode: bool = True,
    colour: bool = False,
) -> list[str]:
    """Lines of at most `width` cells (40 at least): groups, what was missed and why, the answer, the report's path.

    Readable without colour: signs and words say the same. The path alone may be longer than a line.
    """
    pen = _Pen(max(width, _NARROWEST), unicode, colour)
    lines = [pen.fit(f"{'group':<13} {'pass':<20} {'rate':>7} {'needed':>7}  gate")]
    lines += [_group(pen, group) for group in (*standing.groups, standing.overall)]
    order = {case.id: index for index, case in enumerate(cases)}
    missed = [verdict for verdict in verdicts.values() if verdict.status is not Status.PASS]
    for verdict in sorted(missed, key=lambda one: order.get(one.case, len(order))):
        lines += ["", *_missed(pen, verdict)]
    lines += ["", *pen.wrap(answer(standing, verdicts).sentence, "", "")]
    return [*lines, pen.plain(f"report: {report_path}")]


class _Pen:
    """What the terminal can take."""

    def __init__(self, width: int, unicode: bool, colour: bool) -> None:
        self.width = width
        self.unicode = unicode
        self.colour = colour

    def plain(self, text: str) -> str:
        """On one line, without terminal escapes of others, in the characters that the terminal has."""
        text = one_line(text)
        return text if self.unicode else text.encode("ascii", "backslashreplace").decode("ascii")

    def fit(self, text: str) -> str:
        """Cut to the width."""
        text = text if self.unicode else text.encode("ascii", "backslashreplace").decode("ascii")
        return text.rstrip() if cell_len(text) <= self.width else set_cell_size(text, self.width).rstrip()

    def wrap(self, text: str, first: str, rest: str) -> list[str]:
        """Broken into lines with these indents; wide characters take two cells, so lines may break early."""
        plain = self.plain(text)
        wide = max((cell_len(character) for character in plain), default=1)
        broken = textwrap.wrap(plain, self.width // max(1, wide), initial_indent=first, subsequent_indent=rest)
        return [self.fit(line) for line in broken]

    def sign(self, status: Status) -> str:
        """The status's sign."""
        return (SIGNS if self.unicode else ASCII_SIGNS)[status]

    def paint(self, text: str, status: Status) -> str:
        """In the status's colour, when there are colours."""
        return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if self.colour else text


def _group(pen: _Pen, group: GroupStanding) -> str:
    rate = "not run" if group.rate is None else numbers.percent(group.rate)
    gate = "not run" if not group.ran else "met" if group.met else "NOT MET"
    row = f"{group_name(group.group):<13} {counted(group):<20} {rate:>7} {numbers.percent(group.needed):>7}  {gate:<7}"
    if pen.width >= cell_len(row) + _BAR + 2:
        full, empty = _BLOCKS if pen.unicode else _ASCII_BLOCKS
        # the bar is full only when nothing is missing
        filled = int(_BAR * (group.rate or 0.0))
        row = f"{row}  {full * filled}{empty * (_BAR - filled)}"
    if not group.ran:
        return pen.fit(row)
    return pen.paint(pen.fit(row), Status.PASS if group.met else Status.FAIL)


def _missed(pen: _Pen, verdict: CaseVerdict) -> list[str]:
    beyond = " (beyond the 29, counted for no gate)" if verdict.group == Group.EXTENSIONS else ""
    title = f"{pen.sign(verdict.status)} {verdict.case} {verdict.title}: {verdict.status}{beyond}"
    head = pen.wrap(title, "", "    ")
    lines = [pen.paint(line, verdict.status) for line in head]
    missed = [finding for finding in verdict.findings if finding.status is not Status.PASS]
    if verdict.status is Status.ERROR:
        # What broke is the news, not each criterion that it left open.
        missed = [finding for finding in missed if finding.status is not Status.INCONCLUSIVE]
    for finding in missed[:_SHOWN]:
        lines += pen.wrap(one_line(_line(pen, finding), _LONGEST), "    ", "      ")
    if len(missed) > _SHOWN:
        lines.append(pen.fit(f"    and {len(missed) - _SHOWN} more criteria: see the report"))
    if not missed or verdict.status is Status.ERROR:
        lines += pen.wrap(one_line(main_reason(verdict), _LONGEST), "    ", "    ")
    for doubt in verdict.doubts:
        lines += pen.wrap(f"doubt: {doubt.says}; what to do: {doubt.hint}", "    ", "      ")
    return lines


def _line(pen: _Pen, finding: Finding) -> str:
    measured = numbers.measured_text(finding)
    needs = numbers.limit_text(finding.op, finding.limit, finding.unit)
    level = "" if finding.level == "required" else f" ({finding.level})"
    reason = f"; {finding.reason}" if finding.reason else ""
    sign = pen.sign(finding.status)
    return f"{sign} {finding.status}: {finding.criterion}{level}: {measured}, needs {needs}{reason}"
