"""summary.md: the run in GitHub-flavoured Markdown, short enough for a job summary."""

from __future__ import annotations

import re

from harness.report.case_view import CaseView
from harness.report.page import Page
from harness.report.wording import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@&-])")
_LONGEST = 300
_MOST_CRITERIA = 12


def render_markdown(page: Page) -> str:
    """The answer, the standing, one line a missed criterion, then all cases folded away."""
    sign = {"ready": "✅", "not-ready": "❌", "open": "⚠️"}[page.answer.tone]
    parts = [
        f"## {sign} {_text(page.answer.sentence, 0)}",
        _text(page.subtitle),
        f"> ⚠️ {_text(page.warning)}" if page.warning else "",
        _standing(page),
        _missing(page),
        _cases(page),
        _facts(page),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _standing(page: Page) -> str:
    rows = ["| group | pass | rate | needed | gate |", "| --- | ---: | ---: | ---: | --- |"]
    for group in page.groups:
        gate = "– not run" if not group.ran else "✓ met" if group.met else "✗ not met"
        rows.append(f"| {_text(group.name)} | {group.counted} | {group.rate} | {group.needed} | {gate} |")
    return "\n".join(rows)


def _missing(page: Page) -> str:
    lines = ["### What is missing", ""] if page.missing or page.missing_groups else []
    for case in page.missing:
        lines.append(
            f"- **{case.badge.sign} {_text(case.id)} {_text(case.title)}**: {case.badge.word}. {_text(case.reason)}"
        )
        lines += _missed_criteria(case)
    lines += [f"- {_text(group)}" for group in page.missing_groups]
    lines += ["", "### Beyond the 29, counted for no gate", ""] if page.beyond else []
    for case in page.beyond:
        lines.append(f"- **{case.badge.sign} {_text(case.id)} {_text(case.title)}**: {case.badge.word}")
        lines += _missed_criteria(case)
    return "\n".join(lines).strip()


def _missed_criteria(case: CaseView) -> list[str]:
    missed = [one for one in case.criteria if one.badge.style != "pass"]
    lines = [
        f"  - {one.badge.sign} {one.badge.word}: {_text(one.name)} ({_text(one.level)}): "
        f"{_text(one.measured)}, {_text(one.limit)}"
        for one in missed[:_MOST_CRITERIA]
    ]
    if len(missed) > _MOST_CRITERIA:
        lines.append(f"  - and {len(missed) - _MOST_CRITERIA} more")
    return lines + [f"  - doubt: {_text('; '.join(one.says))}; what to do: {_text(one.hint)}" for one in case.doubts]


def _cases(page: Page) -> str:
    if not page.cases:
        return ""
    rows = ["| case | title | status | criteria | took |", "| --- | --- | --- | --- | ---: |"]
    for _, cases in page.cases:
        for case in cases:
            status = f"{case.badge.sign} {case.badge.word}"
            aside = f" ({_text(case.tag)})" if case.tag else ""
            rows.append(f"| {_text(case.id)} | {_text(case.title)}{aside} | {status} | {case.passed} | {case.took} |")
    count = sum(len(cases) for _, cases in page.cases)
    noun = "case" if count == 1 else "cases"
    idle = f", {len(page.not_run)} not run" if page.not_run else ""
    table = "\n".join(rows)
    return f"<details><summary>{count} {noun} judged{idle}</summary>\n\n{table}\n\n</details>"


def _facts(page: Page) -> str:
    rows = "\n".join(f"| {_text(name)} | {_text(value)} |" for name, value in page.facts)
    command = f"\n| Command | {_text(page.command)} |" if page.command else ""
    return f"<details><summary>The run</summary>\n\n| | |\n| --- | --- |\n{rows}{command}\n\n</details>"


def _text(text: str, longest: int = _LONGEST) -> str:
    """Text that stays text: on one line, nothing in it is Markdown, HTML or a mention."""
    return _SPECIAL.sub(_escaped, one_line(text, longest))


def _escaped(match: re.Match[str]) -> str:
    # as entities: a backslash does not stop a mention, and table cells treat it in their own way
    return match[1] if match[1] in "-()+" else f"&#{ord(match[1])};"
