"""Delivery times: lateness shows, what the instrument was late itself is not blamed on the target, losses count."""

from __future__ import annotations

import math

import pytest

from harness.evidence.records import Mark, Reading, Record
from harness.spec.case import Argument

from .histories import MS, S, deliveries, ends, live, status, updates, window

pytestmark = pytest.mark.self

SENT = range(1, 1001)
P99: dict[str, Argument] = {"quantile": 0.99, "client": "c1"}
SETTLED = Mark(3 * S, "trial.settled")


def delivered(late_ms: float, *more: Record, client: str = "c1", sent: range = SENT) -> list[Record]:
    return [*live(client), *updates(SENT), *deliveries(sent, client, late_ns=int(late_ms * MS)), SETTLED, *more]


def test_a_late_target_fails_a_prompt_one_passes() -> None:
    assert ends("messages.delivery_ms", P99, delivered(3)) == (3, 3)
    assert status("messages.delivery_ms", "<=", 10, P99, delivered(3)) == "pass"
    assert status("messages.delivery_ms", "<=", 10, P99, delivered(12)) == "fail"


def test_what_the_instrument_was_late_itself_is_not_blamed_on_the_target() -> None:
    late = [Reading((at + 1) * S, "instrument.lag", 0.008, "s") for at in range(3)]
    low, high = ends("messages.delivery_ms", P99, delivered(12, *late))
    assert low == pytest.approx(4)
    assert high == 12
    assert status("messages.delivery_ms", "<=", 10, P99, delivered(12, *late)) == "inconclusive"
    assert status("messages.delivery_ms", "<=", 10, P99, delivered(20, *late)) == "fail"


def test_what_the_kernel_stamped_was_not_late_by_the_instruments_doing() -> None:
    late = [Reading((at + 1) * S, "instrument.lag", 0.008, "s") for at in range(3)]
    told = [
        Mark(one.t_ns, one.name, {**one.detail, "received_by": "kernel"})
        if isinstance(one, Mark) and one.name == "stream.opened"
        else one
        for one in delivered(12, *late)
    ]
    assert ends("messages.delivery_ms", P99, told) == (12, 12)
    assert status("messages.delivery_ms", "<=", 10, P99, told) == "fail"


def test_only_the_lag_around_a_delivery_counts() -> None:
    elsewhere = [Reading(2 * S, "instrument.lag", 0.0, "s"), Reading(3 * S, "instrument.lag", 0.5, "s")]
    assert ends("messages.delivery_ms", P99, delivered(12, *elsewhere)) == (12, 12)


def test_dropping_the_slow_ones_does_not_help() -> None:
    dropped = delivered(1, sent=range(1, 951))
    low, high = ends("messages.delivery_ms", P99, dropped)
    assert low > 1000
    assert high == math.inf
    assert status("messages.delivery_ms", "<=", 100, P99, dropped) == "fail"


def test_too_few_samples_cannot_pass() -> None:
    few = [*live(), *updates(range(1, 299)), *deliveries(range(1, 299)), SETTLED]
    assert status("messages.delivery_ms", "<=", 1000, P99, few) == "inconclusive"


def test_a_state_from_before_the_client_was_live_is_no_late_delivery() -> None:
    snapshot = deliveries([1], late_ns=800 * MS)
    history = [*live(at_ns=100 * MS), *updates(SENT), *deliveries(range(101, 1001)), *snapshot, SETTLED]
    assert ends("messages.delivery_ms", P99, history)[1] < 1


def test_a_doubled_update_counts_by_its_first_delivery() -> None:
    again = delivered(1, *deliveries(SENT, late_ns=1500 * MS))
    assert ends("messages.delivery_ms", P99, again)[1] == pytest.approx(1)


def test_every_client_must_keep_the_limit() -> None:
    both = [*delivered(1), *live("c2"), *deliveries(SENT, "c2", late_ns=500 * MS)]
    assert status("messages.delivery_ms", "<=", 100, {"quantile": 0.99, "client": "c*"}, both) == "fail"


def paused(late_ms: float) -> list[Record]:
    """Prompt in the first half second, which is the window clean; in the second, paused, as late as given."""
    prompt, late = range(1, 501), range(501, 1001)
    return [
        *live(), *updates(SENT), *window("clean", 0, 500 * MS), *window("paused", 501 * MS, 1000 * MS), SETTLED,
        *deliveries(prompt, late_ns=MS), *deliveries(late, late_ns=int(late_ms * MS)),
    ]  # fmt: skip


def test_time_added_by_a_disturbance_is_the_difference_of_two_windows() -> None:
    of: dict[str, Argument] = {**P99, "window": "paused", "baseline": "clean"}
    assert ends("messages.delivery_added_ms", of, paused(51)) == (50, 50)
    assert status("messages.delivery_added_ms", "<=", 100, of, paused(51)) == "pass"
    assert status("messages.delivery_added_ms", "<=", 100, of, paused(151)) == "fail"


def test_a_ratio_is_taken_over_a_baseline_of_at_least_the_resolution() -> None:
    of: dict[str, Argument] = {**P99, "window": "paused", "baseline": "clean"}
    assert ends("messages.delivery_ratio", of, paused(4)) == (4, 4)
    assert status("messages.delivery_ratio", "<=", 2, of, paused(4)) == "fail"
    assert ends("messages.delivery_ratio", {**of, "resolution_ms": 20}, paused(4)) == (0.2, 0.2)
    assert status("messages.delivery_ratio", "<=", 2, {**of, "resolution_ms": 20}, paused(50)) == "fail"


def test_a_message_belongs_to_the_window_in_which_it_was_sent() -> None:
    # Otherwise a reader stalled to the window's end would hide its own worst deliveries.
    of: dict[str, Argument] = {**P99, "window": "paused"}
    assert ends("messages.delivery_ms", of, paused(900)) == (900, 900)
