"""How calls end, and which code each condition must have, are the contract's tables."""

from __future__ import annotations

import grpc
import pytest

from harness.client import methods
from harness.client.codes import EXPECTED_CODE, Condition, outcome_of
from harness.client.methods import Method
from harness.evidence.records import Outcome

pytestmark = pytest.mark.self

UNDECIDED = {"DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"}


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_has_an_outcome(code: grpc.StatusCode) -> None:
    read, write = outcome_of(code, writes=False), outcome_of(code, writes=True)
    if code is grpc.StatusCode.OK:
        assert (read, write) == (Outcome.OK, Outcome.OK)
    else:
        assert read is Outcome.FAIL
        assert write is (Outcome.UNKNOWN if code.name in UNDECIDED else Outcome.FAIL)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("insufficient funds", "RESOURCE_EXHAUSTED"),
        ("rate limit exceeded", "RESOURCE_EXHAUSTED"),
        ("order not found", "NOT_FOUND"),
        ("invalid order parameter", "INVALID_ARGUMENT"),
        ("invalid symbol", "INVALID_ARGUMENT"),
        ("authentication failed at the venue", "UNAUTHENTICATED"),
        ("venue overloaded", "UNAVAILABLE"),
        ("network failure", "UNAVAILABLE"),
        ("venue maintenance", "UNAVAILABLE"),
        ("order rejected by the venue", "FAILED_PRECONDITION"),
        ("duplicate order", "ALREADY_EXISTS"),
        ("anything else", "UNKNOWN"),
    ],
)
def test_the_code_of_each_condition(words: str, code: str) -> None:
    assert EXPECTED_CODE[Condition(words)].name == code


def test_the_table_has_every_condition() -> None:
    assert set(EXPECTED_CODE) == set(Condition)


def test_which_methods_change_the_venue() -> None:
    table = [value for value in vars(methods).values() if isinstance(value, Method)]
    assert len(table) == 22
    writes = {method.name for method in table if method.writes}
    assert writes == {"PlaceOrder", "BatchPlaceOrders", "CancelOrder", "BatchCancelOrders", "CancelAllOrders"}
