"""A service's log: what is found in it, what is not, and that an unread log is never a clean one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.backoff import CONTRACT_BACKOFF
from harness.evidence.records import Mark, Record
from harness.target.outside import LogPatterns
from harness.target.profile import load_profile
from harness.trial.downtime import deviation_percent, follow_giving_up
from harness.trial.orders import Told
from harness.trial.service_log import ServiceLog, pauses_s
from harness.trial.shutdown import record_shutdown_logs
from suites.self.trial.scenes import new_trial
from suites.self.trial.stacks import (
    BEGAN_NS,
    Outside,
    S,
    Standing,
    Venue,
    as_stack,
    facts,
    judged,
    log_of,
    spoken,
    statuses,
    venue_state,
)  # fmt: skip

pytestmark = pytest.mark.self

OURS = load_profile("reference").services["market_maker"].log
NAMED = {f"OPENSQT_{name}_BIN": "/somewhere" for name in ("CONNECTOR", "MARKET_MAKER", "LIVE_SERVER")}
GO = load_profile("opensqt", NAMED).services["market_maker"].log
FAILED = "failed to connect to exchange_connector at connector:50051 after 10 attempts: UNAVAILABLE"
CONTRACT_S = CONTRACT_BACKOFF.connect_schedule_s()


def zap(level: str, message: str, fields: str = "") -> str:
    """As the console encoder of zap writes it."""
    return f"2026-11-22T10:00:00.000Z\t{level}\tmain/main.go:42\t{message}" + (f"\t{fields}" if fields else "")


def texts(log: ServiceLog, pattern: str) -> list[str]:
    return [line.text for line in log.matching(pattern)]


# -- lines -------------------------------------------------------------------------------------------


def test_a_line_is_known_by_when_it_came(tmp_path: Path) -> None:
    log = log_of(tmp_path, OURS, (0, "first"), (1.5, "second"), (2, "third"))
    assert [(line.t_ns - BEGAN_NS, line.text) for line in log.lines()] == [
        (0, "first"), (1_500_000_000, "second"), (2_000_000_000, "third")
    ]  # fmt: skip
    assert [line.text for line in log.lines(BEGAN_NS + S)] == ["second", "third"]


@pytest.mark.parametrize("break_", ["\r", "\u2028", "\x0b", "\x0c", "\x85"])
def test_nothing_is_lost_behind_an_odd_line_break(tmp_path: Path, break_: str) -> None:
    log = log_of(tmp_path, GO, (0, f"progress 99 %{break_}" + zap("ERROR", "it broke")))
    assert len(log.matching(GO.error)) == 1
    assert {line.t_ns for line in log.lines()} == {BEGAN_NS}


# -- patterns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", [OURS, GO])
@pytest.mark.parametrize("level", ["ERROR", "FATAL"])
def test_an_error_line_is_found_in_colour_too(tmp_path: Path, patterns: LogPatterns, level: str) -> None:
    plain = f"2026-11-22T10:00:00.000Z\t{level}\tit broke\t" + '{"attempt": 1}'
    log = log_of(tmp_path, patterns, (0, plain), (1, plain.replace(level, f"\x1b[31m{level}\x1b[0m")))
    assert len(log.matching(patterns.error)) == 2


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN"])
def test_other_levels_are_no_errors(tmp_path: Path, level: str) -> None:
    line = zap(level, "terror and errors were mentioned", '{"error": "none", "fatality": "no"}')
    assert log_of(tmp_path, GO, (0, line)).matching(GO.error) == []


@pytest.mark.parametrize("line", ["panic: runtime error: index out of range", "fatal error: all goroutines are asleep",
                                  "goroutine 17 [running]:", "Traceback (most recent call last):"])  # fmt: skip
def test_a_panic_is_found(tmp_path: Path, line: str) -> None:
    for patterns in (OURS, GO):
        assert texts(log_of(tmp_path, patterns, (0, line)), patterns.panic)[-1] == line
        assert (
            log_of(tmp_path / "b", patterns, (0, zap("INFO", "no panic: all is well"))).matching(patterns.panic) == []
        )


def test_decisions_are_read_from_the_reference_log_and_none_where_no_pattern_is_given(tmp_path: Path) -> None:
    line = (
        '2026-11-22T10:00:00.000Z\tINFO\torder decided\t{"client_order_id": "mm7", "decided_ns": 1764000000123456789}'
    )
    (decision,) = log_of(tmp_path, OURS, (0, line), (1, line.replace("decided", "placed"))).decisions()
    assert (decision.key, decision.t_ns) == ("mm7", 1764000000123456789)
    assert log_of(tmp_path, GO, (0, line)).decisions() == []


def test_attempts_are_counted_since_the_outage(tmp_path: Path) -> None:
    lines = [
        (at_s, f'T\tINFO\tconnecting to exchange_connector\t{{"attempt": {n}}}') for n, at_s in enumerate((0, 9, 10))
    ]
    failures = [(at_s + 0.1, 'T\tWARN\tconnection attempt failed\t{"attempt": 1}') for at_s, _ in lines]
    log = log_of(tmp_path, OURS, *sorted(lines + failures))
    assert len(log.attempts()) == 3
    assert len(log.attempts(BEGAN_NS + 5 * S)) == 2
    assert pauses_s(log.attempts()) == [9, 1]


def test_a_go_client_s_attempts_are_found(tmp_path: Path) -> None:
    lines = [
        (n, zap("INFO", "connecting to exchange connector", f'{{"attempt": {n}, "max": 10}}')) for n in range(1, 11)
    ]
    log = log_of(tmp_path, GO, (0, zap("INFO", "attempting nothing", '{"attempts": 3}')), *lines)
    assert len(log.attempts()) == 10


def test_the_last_word_is_the_line_asked_for_else_the_last_error_else_the_last_line(tmp_path: Path) -> None:
    error, asked = zap("ERROR", "the venue is gone"), zap("FATAL", FAILED)
    lines = [(0, asked), (1, error), (2, zap("INFO", "good night"))]
    assert log_of(tmp_path / "a", GO, *lines).last_word("failed to connect", "after 10 attempts") == asked
    assert log_of(tmp_path / "b", GO, *lines[1:]).last_word("failed to connect") == error
    assert log_of(tmp_path / "c", GO, lines[2]).last_word("failed to connect") == lines[2][1]
    assert log_of(tmp_path / "d", GO).last_word("failed to connect") == ""


# -- what was not seen -------------------------------------------------------------------------------


def test_an_empty_log_is_neither_free_of_errors_nor_of_panics(tmp_path: Path) -> None:
    trial, records = new_trial(tmp_path)
    log = log_of(tmp_path, OURS)
    log.record_errors(trial, "connector")
    log.record_panics(trial, "connector")
    assert facts(records, "log.error_lines") == facts(records, "log.panics") == {}
    assert facts(records, "unmeasurable") == {"log of connector": 1}


def test_case_4_1_1_does_not_pass_with_a_log_that_nobody_read(tmp_path: Path) -> None:
    trial, records = new_trial(tmp_path)
    for name, lines in (("connector", [(0.0, "T\tINFO\tserving")]), ("market_maker", [(0.0, "T\tINFO\thello")])):
        log_of(tmp_path, OURS, *lines, name=name).record_errors(trial, name)
    log_of(tmp_path, OURS, name="live_server").record_errors(trial, "live_server")
    found = statuses(judged("4.1.1", records))
    assert found["logs-read"] != "pass"


def test_an_error_line_is_a_fact_and_a_mark_at_its_time(tmp_path: Path) -> None:
    trial, records = new_trial(tmp_path)
    log_of(tmp_path, GO, (1, zap("ERROR", "one")), (2, zap("INFO", "two")), (3, zap("FATAL", "three"))).record_errors(
        trial, "connector"
    )
    assert facts(records, "log.error_lines") == {"connector": 2}
    assert [(one.t_ns - BEGAN_NS) // S for one in records if isinstance(one, Mark)] == [1, 3]


def test_a_graceful_shutdown_counts_only_once_it_was_asked_for(tmp_path: Path) -> None:
    trial, records = new_trial(tmp_path)
    early = zap("INFO", "graceful shutdown enabled", '{"limit_s": 5}')
    said = zap("INFO", "Graceful Shutdown", '{"signal": "terminated"}')
    clients = {
        name: Outside(
            name, log_of(tmp_path, GO, *lines, name=name), spoken(tmp_path, name=f"{name}2"), Told(records.append)
        )
        for name, lines in {"market_maker": [(0.0, early)], "live_server": [(0.0, early), (10.0, said)]}.items()
    }
    record_shutdown_logs(trial, as_stack(Standing(trial, Venue(venue_state()), clients, stopped_ns=BEGAN_NS + 9 * S)))
    assert facts(records, "log.says_graceful_shutdown") == {"market_maker": 0, "live_server": 1}
    assert facts(records, "log.panics") == {"market_maker": 0, "live_server": 0}


# -- back-off ----------------------------------------------------------------------------------------


def test_the_contract_s_own_pauses_do_not_stray() -> None:
    assert CONTRACT_S == (1, 2, 4, 8, 16, 32, 60, 60, 60)
    assert deviation_percent(CONTRACT_S) == 0


@given(st.integers(0, 8), st.floats(-0.99, 3), st.sampled_from([1.0, 0.02]))
def test_one_pause_that_strays_is_the_deviation(place: int, by: float, scale: float) -> None:
    pauses = [pause * scale for pause in CONTRACT_S]
    pauses[place] *= 1 + by
    assert deviation_percent(pauses, scale) == pytest.approx(abs(by) * 100, abs=1e-6)


def test_a_constant_pause_strays_far() -> None:
    assert deviation_percent([1.0] * 9) == pytest.approx(100 * 59 / 60)


# -- case 4.2.2, from the logs on --------------------------------------------------------------------


def gave_up(
    pauses: Sequence[float] = CONTRACT_S,
    last: str = f"T\tFATAL\t{FAILED}",
    attempt: str = "connecting to exchange_connector",
) -> list[tuple[float, str]]:
    """The log of a client that lost its connector at BEGAN_NS."""
    lines, at_s = [(-5.0, "T\tINFO\tconnecting to exchange_connector\t{}")], 0.1
    for pause in (*pauses, 60.0):
        lines += [(at_s, f"T\tINFO\t{attempt}\t{{}}")]
        lines += [(at_s, 'T\tWARN\tconnection attempt failed\t{"cause": "failed to connect to all addresses"}')]
        at_s += pause
    return [*lines, (at_s, last)]


def downtime(folder: Path, lines: list[tuple[float, str]], code: int | None = 1) -> list[Record]:
    """The facts that are gathered of two such clients, and the marks that the launcher would have made."""
    trial, records = new_trial(folder)
    clients = {}
    for name in ("market_maker", "live_server"):
        service = spoken(folder, *lines, name=name, code=code)
        clients[name] = Outside(name, ServiceLog(service, OURS), service, Told(records.append))  # type: ignore[arg-type]
    stack = Standing(trial, Venue(venue_state()), clients, lost_ns=BEGAN_NS)
    trial.mark("fault.bit", t_ns=BEGAN_NS, kind="kill", subject="connector")
    trial.mark("process.died", t_ns=BEGAN_NS, service="connector")
    asyncio.run(follow_giving_up(trial, as_stack(stack), 1.0))
    if code is not None:
        for name in clients:
            trial.mark("process.died", t_ns=BEGAN_NS + round(lines[-1][0] * S), service=name)
    trial.mark("trial.settled", t_ns=BEGAN_NS + 700 * S)
    return records


def misses(records: list[Record]) -> set[str]:
    """Of one client; the other's are the same."""
    found = statuses(judged("4.2.2", records))
    return {
        one.removeprefix("live-server-") for one, status in found.items() if status == "fail" and one.startswith("live")
    }


def test_clients_that_keep_the_contract_pass_4_2_2(tmp_path: Path) -> None:
    assert str(judged("4.2.2", downtime(tmp_path, gave_up())).status) == "pass"


def test_clients_with_constant_pauses_fail_4_2_2_by_their_back_off_alone(tmp_path: Path) -> None:
    assert misses(downtime(tmp_path, gave_up([1.0] * 9))) == {"back-off"}


@pytest.mark.parametrize("attempts", [9, 11, 12])
def test_any_other_number_of_attempts_fails_4_2_2(tmp_path: Path, attempts: int) -> None:
    assert "attempts" in misses(downtime(tmp_path, gave_up([*CONTRACT_S, 60.0, 60.0][: attempts - 1])))


@pytest.mark.parametrize(
    ("last", "missed"),
    [
        ("T\tINFO\tstopped", {"says-failed", "says-attempts"}),
        ("T\tFATAL\tfailed to connect after 12 attempts", {"says-attempts"}),
        ("T\tFATAL\tgave up after 10 attempts", {"says-failed"}),
    ],
)
def test_the_words_of_an_attempt_are_not_those_of_the_end(tmp_path: Path, last: str, missed: set[str]) -> None:
    assert misses(downtime(tmp_path, gave_up(last=last))) == missed


@pytest.mark.parametrize("code", [0, 2, -9, None])
def test_any_other_end_than_exit_code_1_fails_4_2_2(tmp_path: Path, code: int | None) -> None:
    assert "exit" in misses(downtime(tmp_path, gave_up(), code))


def test_attempts_that_no_pattern_finds_are_no_pass(tmp_path: Path) -> None:
    verdict = judged("4.2.2", downtime(tmp_path, gave_up(attempt="dialling")))
    assert str(verdict.status) != "pass"
    assert statuses(verdict)["pauses-measured"] != "pass"


def test_a_client_that_says_nothing_at_all_is_no_pass(tmp_path: Path) -> None:
    verdict = judged("4.2.2", downtime(tmp_path, [(-1.0, "T\tINFO\thello")]))
    found = statuses(verdict)
    assert str(verdict.status) != "pass"
    assert found["market-maker-says-failed"] == found["market-maker-says-attempts"] == "fail"
    assert found["market-maker-back-off"] != "pass"
