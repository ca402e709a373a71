"""Logs of a case that did not pass: the right file, the right lines, errors first, nothing that becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.evidence.records import Mark
from harness.report.logs import LogView, case_logs
from harness.report.report import write_report

from . import made

pytestmark = pytest.mark.self

BEGIN_S = made.START_NS // 1_000_000_000


def stamp(at_s: float) -> str:
    return f"{datetime.fromtimestamp(BEGIN_S + at_s, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def line(at_s: float, text: str) -> str:
    return f"{stamp(at_s)} {text}\n"


def trial(begin_s: float, end_s: float, *more: Mark) -> list[Mark]:
    return [made.mark(begin_s, "trial.began"), *more, made.mark(end_s, "trial.ended")]


def logs(tmp_path: Path, case_id: str, *trials: list[Mark]) -> tuple[LogView, ...]:
    return case_logs(case_id, tmp_path, sorted((tmp_path / "logs").glob("*.log")), trials)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / "logs" / f"{name}.log").write_text("".join(lines), encoding="utf-8")


def test_of_several_logs_of_a_service_the_one_of_the_case_s_time_is_shown(folder: Path) -> None:
    write(folder, "connector", line(1, "INFO first case"), line(9, "INFO bye"))
    write(folder, "connector-2", line(21, "INFO second case"), line(30.5, "INFO stopped"))
    write(folder, "venue-binance", line(2, "up"), line(22, "still up"))
    seen = {one.path: one for one in logs(folder, "4.1.1", trial(20, 30))}
    assert list(seen) == ["logs/connector-2.log", "logs/venue-binance.log"]
    assert seen["logs/connector-2.log"].service == "connector"
    texts = [(one.at, one.text) for one in seen["logs/connector-2.log"].lines]
    assert texts == [("1.000 s", "INFO second case"), ("10.500 s", "INFO stopped")]
    assert [one.text for one in seen["logs/venue-binance.log"].lines] == ["still up"]


def test_the_logs_of_several_trials_say_which(folder: Path) -> None:
    write(folder, "connector", line(1, "INFO one"))
    write(folder, "connector-2", line(21, "INFO two"))
    write(folder, "venue-binance", line(1, "up"), line(29, "down"))
    seen = [(one.service, one.summary) for one in logs(folder, "5.1.1", trial(0, 10), trial(20, 30))]
    assert seen == [
        ("connector", "trial 1, 1 line"),
        ("venue-binance", "from trial 1 on, 2 lines"),
        ("connector", "trial 2, 1 line"),
    ]


def test_a_long_log_ends_with_its_end_and_keeps_the_errors_before_it(folder: Path) -> None:
    write(
        folder,
        "market_maker",
        line(1, f"{stamp(1)}\tINFO\tstarting\t{{}}"),
        line(2, f"{stamp(2)}\tERROR\torder lost\t{{}}"),
        *(line(3 + at / 100, f"INFO {at}") for at in range(100)),
        line(5, "WARN retrying"),
    )
    (seen,) = logs(folder, "4.1.1", trial(0, 10))
    assert [one.kind for one in seen.lines[:3]] == ["gap", "error", "gap"]
    assert seen.lines[1].text == "ERROR order lost {}"
    assert seen.lines[2].text == "61 lines left out"
    assert seen.lines[-1].kind == "warn"
    assert len([one for one in seen.lines if one.kind != "gap"]) == 41
    assert (seen.summary, seen.errors) == ("103 lines, 1 of them errors", 1)


def test_a_line_that_the_trial_recorded_as_an_error_is_one_whatever_it_looks_like(folder: Path) -> None:
    write(folder, "connector", line(1, "something odd happened"), "  with a second line\n")
    odd = made.mark(1, "log.error", service="connector", line="something odd happened")
    (seen,) = logs(folder, "4.1.1", trial(0, 10, odd))
    assert [(one.kind, one.text) for one in seen.lines] == [
        ("error", "something odd happened"),
        ("", "with a second line"),
    ]


def test_what_the_harness_wrote_about_the_case_is_shown_and_of_no_other(folder: Path) -> None:
    write(folder, "harness", "case 3.1.1\nTraceback (most recent call last):\nKeyError: 'a'\n\ncase 4.1.1\nother\n")
    (seen,) = logs(folder, "3.1.1", trial(0, 10))
    assert [one.text for one in seen.lines] == ["Traceback (most recent call last):", "KeyError: 'a'"]
    assert seen.errors == 1


def test_no_trial_or_no_line_in_its_time_no_log(folder: Path) -> None:
    write(folder, "connector", line(1, "INFO"), "no stamp\n", "2026-13-99T99:99:99.000000Z odd\n")
    assert logs(folder, "4.1.1") == ()
    assert logs(folder, "4.1.1", []) == ()
    assert logs(folder, "4.1.1", trial(100, 110)) == ()


def test_the_page_shows_logs_of_misses_only_and_escapes_them(tmp_path: Path) -> None:
    run = made.run(tmp_path)
    run.log_path("connector").write_text(line(2, made.HOSTILE.replace("\ud800", "")), encoding="utf-8")
    write_report(run, made.CASES, made.VERDICTS, made.standing(made.VERDICTS), made.trials)
    text = run.report_path.read_text(encoding="utf-8")
    assert text.count("What the services said") == 2  # 3.1.3 and 3.2.5 have marks and did not pass
    assert "<script>alert" not in text
    passed = {"3.1.3": made.verdict("3.1.3")}
    write_report(run, made.CASES, passed, made.standing(passed), made.trials)
    assert "What the services said" not in run.report_path.read_text(encoding="utf-8")
