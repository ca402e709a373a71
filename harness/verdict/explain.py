"""The text of a verdict: what was missed, by how much, what is doubtful about it, and where the evidence lies."""

from __future__ import annotations

import math

from harness.verdict.interval import Interval
from harness.verdict.verdict import CaseVerdict, Doubt, Finding, Status

_UNIT_BYTES = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


def explain(verdict: CaseVerdict, evidence_path: str = "") -> tuple[str, ...]:
    """Lines of plain ASCII: the case with its status, one line a criterion, one a doubt, the evidence's path."""
    lines = [f"{verdict.case} {verdict.title}: {str(verdict.status).upper()}"]
    if reason := _beyond_findings(verdict):
        lines.append(f"  {reason}")
    shown = [finding for finding in verdict.findings if not _says_nothing(verdict, finding)]
    lines += [f"  {finding_line(finding)}" for finding in shown]
    if silent := len(verdict.findings) - len(shown):
        lines.append(f"  {silent} criteria could not be judged, as it came to that before there was anything to see")
    lines += [f"  {doubt_line(doubt)}" for doubt in verdict.doubts]
    if evidence_path:
        lines.append(f"  evidence: {evidence_path}")
    return tuple(_ascii(line) for line in lines)


def _says_nothing(verdict: CaseVerdict, finding: Finding) -> bool:
    """A criterion left open by a harness that broke: the breaking is the news, not each one that it left open."""
    return verdict.status is Status.ERROR and finding.status is Status.INCONCLUSIVE


def finding_line(finding: Finding) -> str:
    """`[fail] first-update (required): 12.3 s <= 10 s: ...`; a reported one is held against nothing."""
    if finding.level == "reported" and finding.status is Status.PASS:
        return f"[reported] {finding.criterion}: {finding.says}: {interval_text(finding.interval, finding.unit, '==')}"
    line = (
        f"[{finding.status}] {finding.criterion} ({finding.level}): {finding.says}: "
        f"{_measured(finding)} {finding.op} {_limit(finding)}"
    )
    line += f"; {finding.reason}" if finding.reason else ""
    return line + "".join(f"; {proxy}" for proxy in finding.proxies)


def doubt_line(doubt: Doubt) -> str:
    """`doubt: what; hint: what to do`."""
    return f"doubt: {doubt.name}: {doubt.says}; hint: {doubt.hint}"


def interval_text(interval: Interval | None, unit: str = "", op: str = "<=") -> str:
    """`0.83 s [0.78, 0.83]`: the end that decides against `op`, then the range; `3 s` for one point."""
    if interval is None:
        return "not measured"
    low, high = interval.low, interval.high
    if low == high:
        return number_with_unit(low, unit)
    if math.isinf(low) and math.isinf(high):
        return "unknown"
    if math.isinf(high):
        return f"at least {number_with_unit(low, unit)}"
    if math.isinf(low):
        return f"at most {number_with_unit(high, unit)}"
    scale, shown_unit = _scale(max(abs(low), abs(high)), unit)
    ends = f"[{_number(low / scale)}, {_number(high / scale)}]"
    if op == "==":
        return f"{ends} {shown_unit}".rstrip()
    decides = _number((low if op in (">", ">=") else high) / scale)
    return f"{decides} {shown_unit} {ends}" if shown_unit else f"{decides} {ends}"


def _measured(finding: Finding) -> str:
    """The interval; written out in full where rounding would make a miss look like the limit itself."""
    text, limit = interval_text(finding.interval, finding.unit, finding.op), _limit(finding)
    interval = finding.interval
    if interval is None or math.isinf(interval.low) or math.isinf(interval.high):
        return text
    if text.split(" [")[0] == limit and {interval.low, interval.high} != {finding.limit}:
        return f"[{interval.low!r}, {interval.high!r}] {finding.unit}".rstrip()
    return text


def _limit(finding: Finding) -> str:
    return number_with_unit(finding.limit, finding.unit)


def number_with_unit(value: float, unit: str = "") -> str:
    """`0.83 s`, `64 MiB`, `5`; infinity is `inf`."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    scale, shown_unit = _scale(abs(value), unit)
    return f"{_number(value / scale)} {shown_unit}" if shown_unit else _number(value / scale)


def _beyond_findings(verdict: CaseVerdict) -> str:
    """The part of the reason that the findings' own lines do not tell."""
    rest = verdict.reason
    for finding in verdict.findings:
        told, known = f"{finding.criterion}: {finding.reason}", finding.criterion
        rest = rest.replace(f"not exercised: {told}", f"not exercised: {known}").replace(told, "")
    return rest.strip("; ")


def _scale(size: float, unit: str) -> tuple[float, str]:
    """Bytes are shown in the largest unit that leaves at least one of it; other units as they are."""
    if unit in ("bytes", "B"):
        for name, scale in _UNIT_BYTES:
            if size >= scale:
                return float(scale), name
    return 1.0, unit


def _number(value: float) -> str:
    """Three significant digits, whole numbers in full, never an exponent for ordinary sizes."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if abs(value) >= 1000:
        return f"{value:.0f}"
    if abs(value) >= 0.001:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return f"{value:.2g}"


def _ascii(line: str) -> str:
    return line.encode("ascii", "backslashreplace").decode("ascii")
