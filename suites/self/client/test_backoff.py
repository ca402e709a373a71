"""The retry timetable is the contract's: 1 s doubling to 60 s for connections, to 30 s for streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.backoff import CONTRACT_BACKOFF, Backoff

pytestmark = pytest.mark.self


def test_connection_timetable_of_the_contract() -> None:
    assert CONTRACT_BACKOFF.attempts == 10
    waits = tuple(CONTRACT_BACKOFF.connect_delay_s(failures) for failures in range(1, 11))
    assert waits == (1, 2, 4, 8, 16, 32, 60, 60, 60, 60)
    assert CONTRACT_BACKOFF.connect_schedule_s() == waits[:9]  # nothing follows the tenth attempt


def test_stream_timetable_of_the_contract() -> None:
    waits = tuple(CONTRACT_BACKOFF.stream_delay_s(failures) for failures in range(1, 9))
    assert waits == (1, 2, 4, 8, 16, 30, 30, 30)


@pytest.mark.parametrize(
    "fields",
    [{"first_s": 0}, {"first_s": -1}, {"attempts": 0}, {"first_s": 2, "connect_limit_s": 1}, {"stream_limit_s": 0.5}],
)
def test_a_timetable_without_waits_or_attempts_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is no back-off"):
        Backoff(**fields)  # type: ignore[arg-type]


def test_there_is_no_wait_before_a_failure() -> None:
    with pytest.raises(ValueError, match="failures is 0"):
        CONTRACT_BACKOFF.stream_delay_s(0)


backoffs = st.builds(
    lambda first, connect, stream, attempts: Backoff(first, first * connect, first * stream, attempts),
    st.floats(0.001, 10), st.floats(1, 100), st.floats(1, 100), st.integers(1, 20),
)  # fmt: skip


@given(backoffs, st.integers(1, 100_000))
def test_waits_never_shrink_and_never_pass_the_limit(backoff: Backoff, failures: int) -> None:
    for delay_s, limit_s in (
        (backoff.connect_delay_s, backoff.connect_limit_s),
        (backoff.stream_delay_s, backoff.stream_limit_s),
    ):
        assert backoff.first_s <= delay_s(failures) <= delay_s(failures + 1) <= limit_s
        assert delay_s(failures + 1) in (2 * delay_s(failures), limit_s)


@given(backoffs, st.floats(0.001, 1))
def test_scaling_keeps_the_shape(backoff: Backoff, factor: float) -> None:
    scaled = backoff.scaled(factor)
    assert scaled.attempts == backoff.attempts
    expected = tuple(wait_s * factor for wait_s in backoff.connect_schedule_s())
    assert scaled.connect_schedule_s() == pytest.approx(expected)
