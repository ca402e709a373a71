"""A large recording is read slice by slice, and every verdict is the one that the whole table gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder
from harness.evidence.records import VENUE, Fact, Mark, Message, Record
from harness.evidence.slices import Slicing
from harness.spec.case import Argument
from harness.verdict.judge import judge
from harness.verdict.metrics.tally import TALLIES
from harness.verdict.verdict import CaseVerdict
from suites.self.verdict.histories import case, criterion

pytestmark = pytest.mark.self

SERIALS = st.integers(1, 12)
TIMES = st.integers(1, 60)
STREAMS = st.sampled_from(("prices", "orders"))
KEYS = st.sampled_from(("A", "B"))
VALUES = st.sampled_from(("1", "2", "3"))
UPDATES = st.builds(
    lambda stream, key, value, serial, sent, late: Message(VENUE, stream, key, value, serial, sent, sent + late),
    STREAMS, KEYS, VALUES, SERIALS, TIMES, st.sampled_from((0, 0, 0, 5)),
)  # fmt: skip
DELIVERIES = st.builds(
    lambda client, stream, key, value, received, subscription, wrong: Message(
        client, stream, key, value, 0, 0, received, subscription, 7, wrong
    ),
    st.sampled_from(("c1", "c2")), st.sampled_from(("prices", "orders", "klines")), KEYS, VALUES, TIMES,
    st.integers(1, 2), st.sampled_from(("", "", "bad")),
)  # fmt: skip
MARKS = st.builds(
    lambda t_ns, name, client, stream, keys: Mark(t_ns, name, {"client": client, "stream": stream, "keys": keys}),
    TIMES, st.sampled_from(("stream.live", "stream.down")), st.sampled_from(("c1", "c2")), STREAMS,
    st.sampled_from(("", "A")),
)  # fmt: skip
IN_W: dict[str, Argument] = {"window": "w"}
FRAME = (Mark(10, "window.begin", {"window": "w"}), Mark(45, "window.end", {"window": "w"}))
OFS: tuple[dict[str, Argument], ...] = ({}, {"client": "c1"}, {"stream": "prices"}, {"symbol_not": "A"}, IN_W)
CRITERIA = [
    criterion(metric, "==", 0, of if metric == "messages.count" else {"client": "*", **of}, id=f"{metric[9:]}-{at}")
    for metric in TALLIES
    for at, of in enumerate(OFS)
]
CRITERIA.append(criterion("messages.count", "==", 0, {"client": VENUE, "stream": "prices", "window": "w"}, id="sent"))


def verdict(evidence: Evidence) -> CaseVerdict:
    return judge(case(*CRITERIA), [evidence], today=date(2026, 11, 22))


def recorded(folder: Path, batches: list[list[Record]]) -> Path:
    with Recorder(folder / "evidence") as recorder:
        for batch in batches:
            for record in batch:
                recorder.append(record)
            recorder.flush()
    return folder / "evidence"


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.lists(st.lists(st.one_of(UPDATES, DELIVERIES, MARKS), max_size=12), min_size=1, max_size=6),
    st.integers(1, 8), st.sampled_from((0, 3, 100)), st.booleans(),
)  # fmt: skip
def test_however_a_history_is_cut_its_verdict_is_that_of_the_whole(
    batches: list[list[Record]], rows: int, lookback_ns: int, polled: bool
) -> None:
    frame: list[Record] = [*FRAME, *([Fact("cadence.polled", 1, "", "orders")] if polled else [])]
    with TemporaryDirectory() as folder:
        path = recorded(Path(folder), [frame, *batches])
        whole, sliced = Evidence.load(path), Evidence.load(path, slices=Slicing(rows, lookback_ns))
        assert verdict(sliced) == verdict(whole)
        assert sliced.span_ns() == whole.span_ns()
        assert sliced.message_clients() == whole.message_clients()
        assert list(sliced.messages) == list(whole.messages)
