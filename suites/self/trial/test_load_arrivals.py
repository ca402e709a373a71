"""A timetable: all users' calls together are what the plan says, and nothing in it is random that should not be."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.clock import NS_PER_S
from harness.trial.load.arrivals import SPIKE, dues_ns, left_out, offsets_s, planned, problem
from harness.trial.load.plan import LoadPlan, Shape

pytestmark = pytest.mark.self

rates = st.floats(1, 2000)
crews = st.integers(1, 40)


def plan(shape: Shape = Shape.CONSTANT, rate: float = 100, seconds: float = 2, **others: object) -> LoadPlan:
    return LoadPlan("127.0.0.1:1", "GetAccount", rate, seconds, shape=shape, **others)  # type: ignore[arg-type]


def all_offsets_s(made: LoadPlan, users: int) -> list[float]:
    return sorted(itertools.chain.from_iterable(offsets_s(made, index, users) for index in range(users)))


@given(rates, crews)
def test_all_users_together_are_an_even_grid(rate: float, users: int) -> None:
    together = all_offsets_s(plan(rate=rate), users)
    assert len(together) == pytest.approx(2 * rate, abs=1)
    assert np.diff(together) == pytest.approx(1 / rate, rel=1e-6)
    assert together[0] == pytest.approx(0.5 / rate)


@given(rates, crews, st.integers(0, 39))
def test_one_user_calls_with_one_period_and_no_drift(rate: float, users: int, index: int) -> None:
    mine = list(itertools.islice(offsets_s(plan(rate=rate, seconds=math.inf), index % users, users), 300))
    expected = (index % users + 0.5 + users * np.arange(300)) / rate
    assert mine == pytest.approx(expected, rel=1e-9)


@given(rates, crews, st.sampled_from([Shape.CONSTANT, Shape.STEP, Shape.SPIKE]), st.integers(1, 6))
def test_the_number_of_arrivals_does_not_depend_on_the_users(rate: float, users: int, shape: Shape, steps: int) -> None:
    made = plan(shape, rate, steps=steps)
    assert all_offsets_s(made, users) == pytest.approx(all_offsets_s(made, 1))
    assert len(all_offsets_s(made, users)) == pytest.approx(planned(made), abs=1)


def test_steps_grow_to_the_rate() -> None:
    made = np.array(all_offsets_s(plan(Shape.STEP, 100, 4, steps=4), 3))
    assert np.histogram(made, [0, 1, 2, 3, 4])[0].tolist() == [25, 50, 75, 100]


def test_a_spike_is_in_the_middle_fifth() -> None:
    made = np.array(all_offsets_s(plan(Shape.SPIKE, 100, 5), 7))
    assert np.histogram(made, [0, 1, 2, 3, 4, 5])[0].tolist() == [100, 100, 100 * SPIKE, 100, 100]


@given(st.integers(0, 1000), crews)
def test_poisson_arrivals_have_the_mean_and_the_spread_of_it(seed: int, users: int) -> None:
    made = plan(Shape.POISSON, 500, 10, seed=seed)
    together = all_offsets_s(made, users)
    assert len(together) == pytest.approx(5000, abs=6 * math.sqrt(5000))
    assert together == all_offsets_s(made, users), "the seed decides"
    gaps = np.diff(together)
    assert float(gaps.std() / gaps.mean()) == pytest.approx(1, abs=0.1)


@given(st.sampled_from(list(Shape)), st.floats(0.5, 3))
def test_the_warm_up_goes_before_the_window(shape: Shape, warm_s: float) -> None:
    made = plan(shape, 200, 2, warm_s=warm_s, steps=2)
    together = all_offsets_s(made, 5)
    assert all(one < warm_s + 2 for one in together)
    if shape is not Shape.CLOSED:
        inside = sum(one >= warm_s for one in together)
        spread = 6 * math.sqrt(400) if shape is Shape.POISSON else 1
        assert inside == pytest.approx(planned(made), abs=spread)


def test_dues_are_absolute_and_a_closed_load_has_none() -> None:
    assert next(dues_ns(plan(rate=100), 0, 1, 7 * NS_PER_S)) == 7 * NS_PER_S + 5_000_000
    assert list(itertools.islice(dues_ns(plan(Shape.CLOSED, 0), 0, 1, 7), 3)) == [0, 0, 0]


@given(st.lists(st.integers(0, 2000), max_size=50), st.integers(0, 2000), st.integers(1, 100))
def test_every_arrival_left_out_is_somebodys(dues: list[int], free_ns: int, took_ns: int) -> None:
    unsent, held = left_out(iter(sorted(dues)), free_ns, took_ns, 1000)
    assert unsent + held == sum(due < 1000 for due in dues)
    if free_ns >= 1000:
        assert unsent == 0


def test_an_idle_user_owes_what_was_not_sent_and_a_waiting_one_does_not() -> None:
    assert left_out(iter([100, 200, 300, 1000]), 0, 10, 1000) == (3, 0)
    assert left_out(iter([100, 200, 300, 1000]), 5000, 10, 1000) == (0, 3)
    assert left_out(iter([100, 200, 300, 400]), 0, 450, 1000) == (2, 2), "two answers of 450 fill the time"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (plan(rate=0), "rate_per_s is 0"),
        (plan(rate=math.nan), "rate_per_s is nan"),
        (plan(seconds=0), "duration_s is 0"),
        (plan(users=0), "0 users"),
        (plan(processes=3, users=2), "3 processes for 2 users"),
        (plan(Shape.STEP, steps=0), "0 steps"),
        (plan(Shape.SPIKE, seconds=math.inf), "needs an end"),
        (plan(warm_s=-1), "warm_s is -1"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_sentence(wrong: LoadPlan, says: str) -> None:
    assert says in problem(wrong)
    assert "\n" not in problem(wrong)


def test_a_plan_survives_the_way_to_another_process() -> None:
    made = plan(Shape.SPIKE, 50, 3, metadata=(("x-api-key", "k"),), request={"symbols": ["BTCUSDT"]})
    assert LoadPlan.from_json(made.to_json()) == made
    assert problem(made) == ""
