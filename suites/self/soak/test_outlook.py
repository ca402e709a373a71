"""Whether a soak can still pass, judged slice by slice: what is lost for good is seen, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import VENUE, Call, Mark, Message, Outcome, Reading
from harness.soak.outlook import Standing, judged_calls, lost_for_good
from harness.soak.watch import Slice, Watch
from harness.spec.loader import load_cases

pytestmark = pytest.mark.self

SOAK = next(one for one in load_cases(Path(__file__).resolve().parents[3] / "specs") if one.id == "6.1.1")
T0 = 1_000 * NS_PER_S
SOUND = Standing(uptime_percent=100.0, error_percent=0.0)


def price(client: str, number: int, t_s: float) -> Message:
    t_ns = T0 + int(t_s * NS_PER_S)
    venue = client == VENUE
    sent_ns = t_ns if venue else 0
    return Message(client, "prices", "ETHUSDT", str(3000 + number), number + 1 if venue else 0, sent_ns, t_ns, 1)


def mark(name: str, t_s: float, **detail: str) -> Mark:
    return Mark(T0 + int(t_s * NS_PER_S), name, detail)


def steady() -> Watch:
    watch = Watch()
    watch.hear(mark("stream.live", -1, client="watcher", stream="prices", subscription="1"))
    watch.begin_steady(T0)
    return watch


def trade(watch: Watch, from_s: int, to_s: int, *, lost: frozenset[int] = frozenset(), twice: int = -1) -> None:
    for second in range(from_s, to_s):
        watch.hear(price(VENUE, second, second + 0.1))
        for _ in range(2 if second == twice else 1):
            if second not in lost:
                watch.hear(price("watcher", second, second + 0.2))


def looked(watch: Watch, until_s: float, ledger_s: float = 1_000) -> tuple[str, ...]:
    part = watch.next_slice(T0 + int(until_s * NS_PER_S), T0 + int(ledger_s * NS_PER_S))
    assert isinstance(part, Slice)
    return lost_for_good(SOAK, part.records, SOUND)


def test_a_sound_run_has_lost_nothing() -> None:
    watch = steady()
    for begin in range(0, 100, 20):
        trade(watch, begin, begin + 20)
        assert looked(watch, begin + 10) == ()


@settings(deadline=None)
@given(st.integers(0, 89), st.sampled_from([7, 13, 20]))
def test_an_update_that_never_came_is_lost_for_good_in_just_one_slice(lost: int, step: int) -> None:
    watch, told = steady(), []
    for begin in range(0, 100, step):
        trade(watch, begin, begin + step, lost=frozenset({lost}))
        told.append(looked(watch, begin + step - 5))
    assert sum(any(one.startswith("lost:") for one in found) for found in told) == int(lost + 0.1 < begin + step - 5)


def test_an_update_that_came_twice_is_seen() -> None:
    watch = steady()
    trade(watch, 0, 20, twice=4)
    (found,) = looked(watch, 10)
    assert found.startswith("duplicated:")


def test_a_dead_service_and_one_started_again_are_seen() -> None:
    watch = steady()
    trade(watch, 0, 20)
    watch.hear(mark("process.died", 3, service="connector", code="-9"))
    watch.hear(mark("process.restarted_serving", 4, service="connector"))
    assert [one.split(":")[0] for one in looked(watch, 10)] == ["crashes", "restarts"]


def test_an_update_under_way_is_not_lost_yet() -> None:
    watch = steady()
    trade(watch, 0, 20, lost=frozenset({15}))
    assert looked(watch, 10) == ()
    watch.hear(price("watcher", 15, 24))
    trade(watch, 20, 40)
    assert looked(watch, 30) == ()


def test_a_stream_that_was_down_is_owed_nothing_meanwhile() -> None:
    watch = steady()
    trade(watch, 0, 5)
    watch.hear(mark("stream.down", 5, client="watcher", stream="prices", subscription="1"))
    trade(watch, 5, 9, lost=frozenset(range(5, 9)))
    watch.hear(mark("stream.live", 9, client="watcher", stream="prices", subscription="2"))
    trade(watch, 9, 30)
    assert looked(watch, 20) == ()


@pytest.mark.parametrize(
    ("standing", "lost"),
    [
        (Standing(100.0, 0.0), []),
        (Standing(99.9, 0.0), ["uptime"]),
        (Standing(100.0, 0.009), []),
        (Standing(100.0, 0.02), ["errors"]),
        (Standing(None, None), []),
    ],
)
def test_a_share_that_cannot_recover_is_lost(standing: Standing, lost: list[str]) -> None:
    watch = steady()
    trade(watch, 0, 20)
    part = watch.next_slice(T0 + 10 * NS_PER_S, T0 + 20 * NS_PER_S)
    assert part is not None
    assert [one.split(":")[0] for one in lost_for_good(SOAK, part.records, standing)] == lost


def test_progress_tells_what_changed_since_the_warm_up() -> None:
    watch = Watch(judged_calls(SOAK))
    for value in (100.0, 120.0):
        watch.hear(Reading(T0, "connector.rss", value, "bytes"))
    watch.begin_steady(T0)
    watch.hear(Reading(T0, "connector.rss", 121.5, "bytes"))
    for seq in range(1, 101):
        late = T0 + seq * NS_PER_S
        watch.hear(Call(seq, "load-1", "GetAccount", late, late, late + seq * 1_000_000, Outcome.OK, "OK"))
    watch.hear(Call(1, "market_maker", "CancelOrder", T0 + 1, T0 + 1, T0 + 2, Outcome.FAIL, "NOT_FOUND"))
    watch.hear(Call(2, "market_maker", "PlaceOrder", T0 + 1, T0 + 1, T0 + 2, Outcome.FAIL, "UNAVAILABLE"))
    told = watch.progress(())
    assert (told.rss_bytes, told.rss_grown_bytes) == (121.5, 1.5)
    assert (told.calls, told.failed) == (101, 1), "a cancel that came too late is an answer"
    assert 45 < told.p50_ms < 55 < 95 < told.p99_ms <= 100


def test_a_look_before_there_is_anything_to_see_changes_nothing() -> None:
    watch = steady()
    watch.hear(price(VENUE, 0, -3))  # of the warm-up, taken in late: who got it then is not known any more
    assert watch.next_slice(T0 - 9 * NS_PER_S, T0) is None
    trade(watch, 1, 20)
    assert looked(watch, 10) == ()


def test_a_delivery_whose_update_is_not_known_yet_is_not_taken_for_an_earlier_one() -> None:
    watch = steady()
    trade(watch, 0, 20)
    again = price("watcher", 12, 21.0)  # the price is back where it was, and the ledger is a second behind
    watch.hear(again)
    assert looked(watch, 15, ledger_s=20.0) == ()
    watch.hear(replace(price(VENUE, 12, 20.9), serial=99))
    trade(watch, 21, 40)
    assert looked(watch, 30) == ()


@pytest.mark.parametrize(
    ("method", "code", "failed"),
    [
        ("CancelOrder", "NOT_FOUND", 0),
        ("CancelOrder", "FAILED_PRECONDITION", 0),
        ("SetLeverage", "UNIMPLEMENTED", 0),
        ("PlaceOrder", "UNAVAILABLE", 1),
        ("GetAccount", "DEADLINE_EXCEEDED", 1),
    ],
)
def test_only_a_call_that_the_criterion_on_errors_is_about_can_end_a_soak(method: str, code: str, failed: int) -> None:
    watch = Watch(judged_calls(SOAK))
    watch.begin_steady(T0)
    watch.hear(Call(1, "market_maker", method, T0 + 1, T0 + 1, T0 + 2, Outcome.FAIL, code))
    assert (watch.calls, watch.failed) == (failed, failed)
