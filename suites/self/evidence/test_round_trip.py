"""What is recorded comes back from disk as it was, in whatever order it was appended."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.columns import EvidenceError
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder
from harness.evidence.records import Record

from . import made

pytestmark = pytest.mark.self


def all_of(evidence: Evidence) -> tuple[list[object], ...]:
    return (
        list(evidence.calls),
        list(evidence.messages),
        [(one.t_ns, one.name, dict(one.detail), one.earliest_ns) for one in evidence.marks],
        list(evidence.readings),
        list(evidence.facts),
    )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.lists(made.records, max_size=8), max_size=4))
def test_records_come_back_from_disk_as_they_were(batches: list[list[Record]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Recorder(Path(folder) / "evidence", host="here", target="reference", plan_digest="d1") as recorder:
            for batch in batches:
                for record in batch:
                    recorder.append(record)
                recorder.flush()
        loaded = Evidence.load(Path(folder) / "evidence")
    direct = Evidence.of(*(record for batch in batches for record in batch))
    assert all_of(loaded) == all_of(direct)
    assert (loaded.host, loaded.target, loaded.plan_digest, loaded.torn) == ("here", "reference", "d1", ())


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(made.records, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_merging_does_not_show(records: list[Record], shuffle: random.Random) -> None:
    shuffled = list(records)
    shuffle.shuffle(shuffled)
    assert all_of(Evidence.of(*shuffled)) == all_of(Evidence.of(*records))


def test_tables_are_in_the_order_of_time() -> None:
    records = made.some_of_each(50)
    random.Random(1).shuffle(records)
    evidence = Evidence.of(*records)
    for times in (evidence.calls.sent_ns, evidence.messages.received_ns, evidence.readings.t_ns):
        assert (times[:-1] <= times[1:]).all()
    assert [mark.t_ns for mark in evidence.marks] == sorted(mark.t_ns for mark in evidence.marks)


def test_columns_cannot_be_changed() -> None:
    evidence = Evidence.of(*made.some_of_each(3))
    with pytest.raises(ValueError, match="read-only"):
        evidence.calls.sent_ns[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        evidence.messages.client.codes[0] = 0


def test_labels_select_by_name_and_by_prefix() -> None:
    client = Evidence.of(*made.some_of_each(3)).messages.client
    assert sorted(client) == ["c1", "c1", "c1", "venue", "venue", "venue"]
    assert client.equal("c1").sum() == client.matching("c*").sum() == client.matching("c1").sum() == 3
    assert client.matching("*").all()
    assert not client.equal("c").any()
    assert client.distinct() == ("c1", "venue")


def test_a_folder_without_evidence_says_so_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"holds no evidence .*run the case first"):
        Evidence.load(tmp_path)


def test_a_recording_is_never_overwritten_but_can_be_taken_up_again(tmp_path: Path) -> None:
    records = made.some_of_each(4)
    with Recorder(tmp_path) as recorder:
        for record in records[:12]:
            recorder.append(record)
    with pytest.raises(Exception, match="holds a recording already"):
        Recorder(tmp_path)
    with Recorder(tmp_path, resume=True) as recorder:
        for record in records[12:]:
            recorder.append(record)
    loaded = Evidence.load(tmp_path)
    assert all_of(loaded) == all_of(Evidence.of(*records))
    assert loaded.torn == ()
