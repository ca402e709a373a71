"""The answer in one sentence, and the summary at the end of a run in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.report.terminal import speaks_unicode, summary_lines
from harness.report.wording import answer
from harness.spec.case import Case
from harness.verdict.verdict import CaseVerdict, Status

from . import made

pytestmark = pytest.mark.self

INTEGRATION = tuple(case for case in made.CASES if case.id[0] == "3")
REPORT = Path("reports/run/report.html")


def verdicts(missed: dict[str, Status], cases: tuple[Case, ...] = INTEGRATION) -> dict[str, CaseVerdict]:
    return {case.id: made.verdict(case.id, missed.get(case.id, Status.PASS)) for case in cases}


def said(given_verdicts: dict[str, CaseVerdict]) -> str:
    return answer(made.standing(given_verdicts), given_verdicts).sentence


def test_one_miss_is_named_with_its_title() -> None:
    assert said(verdicts({"3.2.5": Status.FAIL})) == (
        "Not ready: 9 of 10 integration cases pass; 3.2.5 fails (All exchange backends); "
        "end to end, performance and stability did not run."
    )


def test_several_misses_are_named_by_status() -> None:
    missed = dict.fromkeys(("3.1.1", "3.1.2", "3.1.3", "3.1.4", "3.1.5"), Status.INCONCLUSIVE) | {"3.2.1": Status.ERROR}
    sentence = said(verdicts(missed))
    assert "3.1.1, 3.1.2, 3.1.3, 3.1.4 and 1 more are inconclusive; 3.2.1 broke the harness" in sentence


def test_a_selection_that_passed_is_not_ready_but_not_yet_shown() -> None:
    assert said(verdicts({})) == (
        "Not yet shown: 10 of 10 integration cases pass; end to end, performance and stability did not run."
    )
    part = {case_id: one for case_id, one in verdicts({}).items() if case_id != "3.1.1"}
    assert "not every case of integration has run" in said(part)


def test_cases_beyond_the_29_have_no_say() -> None:
    beyond = {"x.pause": made.verdict("x.pause", Status.FAIL)}
    assert said(verdicts({}, made.CASES) | beyond) == said(verdicts({}, made.CASES))
    assert said(beyond).startswith("Not yet shown: only cases outside the release's groups ran")
    judged = verdicts({}) | beyond
    told = "\n".join(summary_lines(made.standing(judged), judged, made.CASES, 100, REPORT))
    assert "x.pause A case of its own: fail (beyond the 29, counted for no gate)" in told


def test_everything_passed_is_ready() -> None:
    assert said(verdicts({}, made.CASES)).startswith("Ready: 10 of 10 integration cases pass, 3 of 3 end to end cases")
    assert said({}) == "Not yet shown: no case has run."


@given(st.dictionaries(st.sampled_from([case.id for case in made.CASES]), st.sampled_from(Status)))
def test_only_a_met_standing_is_called_ready(statuses: dict[str, Status]) -> None:
    judged = {case_id: made.verdict(case_id, status) for case_id, status in statuses.items()}
    standing = made.standing(judged)
    told = answer(standing, judged)
    assert (told.tone == "ready") == standing.met
    assert (told.tone == "not-ready") == (not standing.met and any(s is not Status.PASS for s in statuses.values()))


def lines(width: int, unicode: bool = True, colour: bool = False) -> list[str]:
    standing = made.standing(made.VERDICTS)
    return summary_lines(standing, made.VERDICTS, made.CASES, width, REPORT, unicode=unicode, colour=colour)


def test_the_terminal_shows_groups_misses_and_the_report() -> None:
    text = "\n".join(lines(100))
    for part in (
        "Integration   4 of 10 cases           40 %   100 %  NOT MET",
        "End to end    0 of 3 cases         not run   100 %  not run",
        "✗ 3.1.3 Reconnect after a connector restart: fail",
        "✗ fail: first-update: 12.5 s or more, needs at most 10 s",
        "? inconclusive: neighbour: 61 to 183 ms, needs at most 100 ms",
        "what to do: run on a host with",
        "Not ready: 4 of 10 integration cases pass",
        "report: reports/run/report.html",
    ):
        assert part in text
    assert "3.1.1 Account" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [0, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(width: int, unicode: bool) -> None:
    assert [line for line in lines(width, unicode) if cell_len(line) > max(width, 40)] == []


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = "\n".join(lines(100, unicode=False))
    assert text.isascii()
    assert "x 3.1.3 Reconnect" in text
    assert not speaks_unicode(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert speaks_unicode(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


def test_colour_says_nothing_that_words_do_not() -> None:
    coloured = lines(100, colour=True)
    assert any("\x1b[31m" in line for line in coloured)
    plain = [line.replace("\x1b[0m", "") for line in coloured]
    for code in ("31", "32", "33", "35", "36"):
        plain = [line.replace(f"\x1b[{code}m", "") for line in plain]
    assert plain == lines(100)


@given(st.text(max_size=200), st.text(max_size=100), st.integers(40, 120), st.booleans())
def test_any_text_fits_and_carries_no_escape(title: str, reason: str, width: int, unicode: bool) -> None:
    one = replace(made.verdict("3.1.1", Status.FAIL), title=title, reason=reason)
    shown = summary_lines(made.standing({"3.1.1": one}), {"3.1.1": one}, made.CASES, width, REPORT, unicode=unicode)
    assert [line for line in shown if cell_len(line) > width] == []
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for line in shown for character in line)
