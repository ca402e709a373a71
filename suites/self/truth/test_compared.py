"""`nfr compare` on measured runs: two of the same server never differ, one that is 15 % slower is found.

Real loads over real sockets, the two servers in turn. Only on request, on a machine with nothing else to do:

    NFR_TRUTH=1 pytest suites/self/truth/test_compared.py -s
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.trial.load.plan import LoadPlan, Shape
from harness.verdict.comparison import Answer, compared, overall
from suites.self.truth.loaded import evidence_of, serving

pytestmark = [
    pytest.mark.self,
    pytest.mark.skipif(os.environ.get("NFR_TRUTH") != "1", reason="takes minutes: set NFR_TRUTH=1"),
]

SAME, SLOWER = "steady:6", "steady:7"
"""The server's own 6 ms and what grpcio adds to them, about half a millisecond; and 15 % more of all that."""
RUNS, SLOWER_RUNS = 7, 3
"""21 pairs of equals, 21 of unequals."""
TRIALS = 5


def run(kind: str, folder: Path) -> list[Evidence]:
    """One run of five trials, each against a server of its own."""
    trials = []
    for trial in range(TRIALS):
        with serving(kind) as server:
            plan = LoadPlan(
                server.address, "PlaceOrder", 200, 2.2, users=8, shape=Shape.POISSON, seed=trial + 1, warm_s=0.5,
                request={"symbol": "BTCUSDT", "client_order_id": "{n}"},
            )  # fmt: skip
            trials.append(evidence_of(folder / str(trial), plan))
    return trials


def test_equals_never_differ_and_fifteen_percent_are_found(tmp_path: Path) -> None:
    kinds = [SAME, SLOWER] * SLOWER_RUNS + [SAME] * (RUNS - SLOWER_RUNS)
    runs = [(kind, run(kind, tmp_path / str(number))) for number, kind in enumerate(kinds)]
    equals, slower = ([made for kind, made in runs if kind == wanted] for wanted in (SAME, SLOWER))
    of_equals = [overall(compared(a, b)) for a, b in itertools.combinations(equals, 2)]
    of_unequals = [overall(compared(a, b)) for a, b in itertools.product(equals, slower)]
    print(f"\n{of_equals.count(Answer.NO_DIFFERENCE)} of {len(of_equals)} pairs of equals: no difference proven")  # noqa: T201
    print(f"{of_unequals.count(Answer.SLOWER)} of {len(of_unequals)} pairs with one 15 % slower: found")  # noqa: T201
    assert set(of_equals) == {Answer.NO_DIFFERENCE}
    assert of_unequals.count(Answer.SLOWER) >= 0.9 * len(of_unequals)
