"""The words and signs of a status, and the answer of a run in one sentence; computes no status itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.spec.case import Case, Group
from harness.verdict.acceptance import GroupStanding, Standing
from harness.verdict.verdict import CaseVerdict, Status

NOT_RUN = "not run"

Tone = Literal["ready", "not-ready", "open"]

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not measurable": "⊘", "deferred": "»", "error": "!"}
ASCII_SIGNS = {"pass": "+", "fail": "x", "inconclusive": "?", "not measurable": "o", "deferred": ">", "error": "!"}

GROUP_NAMES = {
    "integration": "Integration",
    "e2e": "End to end",
    "performance": "Performance",
    "stability": "Stability",
    "extensions": "Beyond the 29",
    "all": "All together",
}
_ENDS = {
    Status.FAIL: ("fails", "fail"),
    Status.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    Status.NOT_MEASURABLE: ("cannot be measured", "cannot be measured"),
    Status.DEFERRED: ("is deferred", "are deferred"),
    Status.ERROR: ("broke the harness", "broke the harness"),
}
_NAMED = 4
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the release may go, in one word and one sentence."""

    tone: Tone
    word: str
    says: str

    @property
    def sentence(self) -> str:
        """Both together."""
        return f"{self.word}: {self.says}"


def answer(standing: Standing, verdicts: Mapping[str, CaseVerdict]) -> Answer:
    """Ready when every gate is met; not ready when a case that ran missed; else not yet shown.

    Cases beyond the 29 (extensions) have no say in it.
    """
    passed = _listed([_passed(group) for group in standing.groups if group.ran])
    missed = [one for one in verdicts.values() if one.status is not Status.PASS and one.group != Group.EXTENSIONS]
    unmet = [group for group in standing.groups if not group.met and group.ran]
    idle = [group_name(group.group).lower() for group in standing.groups if not group.ran]
    if standing.met:
        return Answer("ready", "Ready", f"{passed}; every acceptance rate is met.")
    if not verdicts:
        return Answer("open", "Not yet shown", "no case has run.")
    parts = [passed or "only cases outside the release's groups ran", *_misses(missed)]
    if not missed and unmet:
        parts.append(f"not every case of {_listed([group_name(group.group).lower() for group in unmet])} has run")
    if idle:
        parts.append(f"{_listed(idle)} did not run")
    says = "; ".join(parts) + "."
    return Answer("not-ready", "Not ready", says) if missed else Answer("open", "Not yet shown", says)


def group_name(group: str) -> str:
    """The group's name for people."""
    return GROUP_NAMES.get(group, group)


def counted(group: GroupStanding) -> str:
    """`9 of 10 cases`."""
    return f"{group.passed} of {group.total} {group.counts if group.total != 1 else group.counts[:-1]}"


def not_run(cases: Sequence[Case], verdicts: Mapping[str, CaseVerdict]) -> tuple[Case, ...]:
    """The cases without a verdict, in the order given."""
    return tuple(case for case in cases if case.id not in verdicts)


def main_reason(verdict: CaseVerdict) -> str:
    """Why the case is not a pass: its own reason, else that of the first criterion that shares its status."""
    if verdict.reason:
        return verdict.reason
    matching = [one for one in verdict.findings if one.status is verdict.status] or [
        one for one in verdict.findings if one.status is not Status.PASS
    ]
    return next((f"{one.criterion}: {one.reason or one.says}" for one in matching), "")


def printable(text: str) -> str:
    """Text from anywhere without what no document may hold: control characters, terminal escapes, half surrogates."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("\ufffd", text))


def one_line(text: str, longest: int = 0) -> str:
    """Printable text on one line, cut with an ellipsis when `longest` is given and exceeded."""
    line = " ".join(printable(text).split())
    return line if not longest or len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _passed(group: GroupStanding) -> str:
    noun = group.counts if group.total != 1 else group.counts[:-1]
    verb = "pass" if group.passed != 1 else "passes"
    return f"{group.passed} of {group.total} {group_name(group.group).lower()} {noun} {verb}"


def _misses(missed: Sequence[CaseVerdict]) -> list[str]:
    """One clause a status: `3.2.5 fails (All exchange backends)`, `3.1.1 and 3.1.2 are inconclusive`."""
    clauses = []
    for status, (one, several) in _ENDS.items():
        of_status = [verdict for verdict in missed if verdict.status is status]
        if len(of_status) == 1:
            # with more than one miss the list below the sentence has room for titles, the sentence has not
            title = f" ({one_line(of_status[0].title, 80)})" if len(missed) == 1 else ""
            clauses.append(f"{of_status[0].case} {one}{title}")
        elif of_status:
            ids = [verdict.case for verdict in of_status[:_NAMED]]
            more = len(of_status) - len(ids)
            clauses.append(f"{_listed([*ids, f'{more} more'] if more else ids)} {several}")
    return clauses


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
