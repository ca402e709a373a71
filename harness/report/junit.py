"""junit.xml: a test suite for each group, a test case for each criterion, for CI servers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from harness.evidence.clock import NS_PER_S
from harness.record.run import RunInfo
from harness.report.facts import git_text
from harness.report.numbers import limit_text, measured_text
from harness.report.wording import main_reason, not_run, one_line, printable
from harness.spec.case import Case
from harness.verdict.verdict import CaseVerdict, Finding, Status

WHOLE_CASE = "verdict"
"""Name of the test case that stands for a whole case, where none of its criteria says why it does not pass."""

_LONGEST = 500
INFORMING = ("advisory", "reported")
"""Criteria of these levels decide nothing."""


def render_junit(info: RunInfo, cases: Sequence[Case], verdicts: Mapping[str, CaseVerdict]) -> bytes:
    """The document. Only a pass has no result; a missed advisory criterion is skipped, for it decides nothing."""
    xml: Any = JUnitXml("non-functional requirements")
    missing = [case for case in not_run(cases, verdicts) if case.id in info.selected]
    groups = list(dict.fromkeys([*(verdict.group for verdict in verdicts.values()), *(str(c.group) for c in missing)]))
    for group in groups:
        suite: Any = TestSuite(one_line(group))
        suite.hostname = one_line(info.host.name) or "localhost"
        suite.timestamp = f"{datetime.fromtimestamp(info.started_ns // NS_PER_S, tz=UTC):%Y-%m-%dT%H:%M:%S}"
        suite.append(_properties(info))
        for verdict in verdicts.values():
            if verdict.group == group:
                for case in _test_cases(verdict):
                    suite.append(case)
        for unjudged in missing:
            if str(unjudged.group) == group:
                suite.append(_unjudged(unjudged))
        suite.update_statistics()
        xml.append(suite)
    xml.update_statistics()
    # the usual schema knows no such attribute on the root
    xml._elem.attrib.pop("skipped", None)
    buffer = io.BytesIO()
    xml.write(buffer)
    return bytes(buffer.getvalue())


def _test_cases(verdict: CaseVerdict) -> list[Any]:
    class_name = one_line(f"{verdict.case} {verdict.title}")
    cases: list[Any] = []
    for finding in verdict.findings:
        case: Any = TestCase(one_line(finding.criterion), class_name, 0.0)
        result = _result(finding)
        if result is not None:
            case.append(result)
        case.system_out = _told(finding)
        cases.append(case)
    deciding = [finding for finding in verdict.findings if finding.level not in INFORMING]
    if verdict.status is not Status.PASS and all(finding.status is Status.PASS for finding in deciding):
        case = TestCase(WHOLE_CASE, class_name, 0.0)
        case.append(_of(verdict.status, main_reason(verdict) or f"the case is {verdict.status}"))
        cases.append(case)
    if not cases:
        cases.append(TestCase(WHOLE_CASE, class_name, 0.0))
    # the case ran once for all its criteria, so its time is on the first only and the sums are right
    cases[0].time = round(verdict.duration_s, 3)
    if verdict.doubts:
        cases[-1].system_err = "\n".join(
            printable(f"doubt: {doubt.name}: {doubt.says}; what to do: {doubt.hint}") for doubt in verdict.doubts
        )
    return cases


def _result(finding: Finding) -> FinalResult | None:
    if finding.status is Status.PASS:
        return None
    message = f"{finding.says}: {measured_text(finding)}, needs {_limit(finding)}"
    message += f"; {finding.reason}" if finding.reason else ""
    if finding.level in INFORMING:
        return Skipped(one_line(f"{finding.level}, {finding.status}: {message}", _LONGEST), finding.level)
    return _of(finding.status, message)


def _of(status: Status, message: str) -> FinalResult:
    """Inconclusive is a failure of its own type: a run that could not say must not look green."""
    kind = str(status)
    text = one_line(message, _LONGEST)
    if status is Status.ERROR:
        return Error(text, kind)
    if status in (Status.NOT_MEASURABLE, Status.DEFERRED):
        return Skipped(f"{kind}: {text}", kind)
    return Failure(text, kind)


def _unjudged(case: Case) -> Any:
    test_case: Any = TestCase(WHOLE_CASE, one_line(f"{case.id} {case.title}"), 0.0)
    test_case.append(Error("selected, but the run ended before it was judged", "not run"))
    return test_case


def _told(finding: Finding) -> str:
    lines = [f"{finding.says} ({finding.level}): {measured_text(finding)}, needs {_limit(finding)}"]
    return "\n".join(printable(line) for line in [*lines, *finding.proxies])


def _limit(finding: Finding) -> str:
    return limit_text(finding.op, finding.limit, finding.unit)


def _properties(info: RunInfo) -> Any:
    facts = {
        "run": info.id,
        "state": info.state,
        "target": info.target,
        "target_version": info.target_version,
        "launcher": info.launcher,
        "seed": str(info.seed),
        "harness": git_text(info.harness),
        "host": info.host.name,
        "os": info.host.os,
        "cpus": str(info.host.cpus),
        "cpu_model": info.host.cpu_model,
        "python": info.host.python,
        "command": " ".join(info.command),
    }
    new: Any = Properties  # the library leaves its containers untyped
    properties = new()
    for name, value in facts.items():
        properties.add_property(Property(name, one_line(value)))
    return properties
