"""A recording that was cut off anywhere is still readable up to its last complete batch, and says that it is torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.columns import KINDS
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder
from harness.evidence.records import Mark, Message

from . import made

pytestmark = pytest.mark.self


@pytest.mark.parametrize("kind", ["calls", "messages", "marks", "readings", "facts"])
def test_a_file_cut_at_every_byte_of_its_last_batch_keeps_the_batches_before(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"{kind}.arrows"
    with Recorder(tmp_path) as recorder:
        sizes = []
        for rounds in (4, 3):
            for record in made.some_of_each(rounds):
                if KINDS[type(record)].name == kind:
                    recorder.append(record)
            recorder.flush()
            sizes.append(file.stat().st_size)
        first_bytes, second_bytes = sizes
    whole = file.read_bytes()
    rows = {size: len(getattr(loaded_after(file, whole[:size]), kind)) for size in (first_bytes, second_bytes)}
    assert rows[second_bytes] > rows[first_bytes] > 0
    for size in range(first_bytes, len(whole)):
        evidence = loaded_after(file, whole[:size])
        # The batch counts from the moment its last byte that carries anything is there.
        assert len(getattr(evidence, kind)) in ((rows[second_bytes],) if size >= second_bytes else tuple(rows.values()))
        assert any(sentence.startswith(f"{kind}.arrows") for sentence in evidence.torn)


def loaded_after(file: Path, content: bytes) -> Evidence:
    file.write_bytes(content)
    return Evidence.load(file.parent)


def test_a_recording_that_is_not_closed_yet_is_read_and_says_so(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.append(Mark(5, "trial.began"))
        recorder.flush()
        evidence = Evidence.load(tmp_path)
    assert [mark.name for mark in evidence.marks] == ["trial.began"]
    assert evidence.torn == (
        "marks.arrows: it stops without an end mark; a last batch may be lost",
        "the recording was never closed: the harness was stopped while it recorded, or is still at it",
    )


@pytest.mark.parametrize("size", [0, 1, 8, 100])
def test_a_file_cut_within_its_head_is_empty_and_torn(tmp_path: Path, size: int) -> None:
    with Recorder(tmp_path) as recorder:
        for record in made.some_of_each(4):
            recorder.append(record)
    file = tmp_path / "calls.arrows"
    evidence = loaded_after(file, file.read_bytes()[:size])
    assert len(evidence.calls) == 0
    assert any(sentence.startswith("calls.arrows") for sentence in evidence.torn)
    assert len(evidence.messages) == 8


def test_a_lost_file_is_told_from_the_number_of_records_that_were_written(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for record in made.some_of_each(4):
            recorder.append(record)
    (tmp_path / "calls.arrows").unlink()
    assert Evidence.load(tmp_path).torn == ("calls.arrows: 4 records are gone with the file",)


def test_a_spoilt_meta_file_costs_the_names_but_not_the_records(tmp_path: Path) -> None:
    with Recorder(tmp_path, host="here") as recorder:
        recorder.append(Mark(5, "trial.began"))
    (tmp_path / "meta.json").write_text("{")
    evidence = Evidence.load(tmp_path)
    assert [mark.name for mark in evidence.marks] == ["trial.began"]
    assert evidence.host == ""
    assert any(sentence.startswith("meta.json cannot be read") for sentence in evidence.torn)


def test_a_flipped_byte_in_the_middle_never_yields_other_records_unnoticed(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for record in made.some_of_each(40):
            recorder.append(record)
    file = tmp_path / "messages.arrows"
    whole = file.read_bytes()
    expected = list(Evidence.load(tmp_path).messages)
    assert all(isinstance(one, Message) for one in expected)
    unnoticed = []
    for at in range(0, len(whole), 11):
        evidence = loaded_after(file, whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        if list(evidence.messages) != expected and not evidence.torn:
            unnoticed.append(at)
    assert not unnoticed, f"changed without a word at {unnoticed[:5]} of {len(whole)} bytes"


@pytest.mark.parametrize("lost_bytes", [0, 1, 50, 400, 100_000])
def test_a_recording_that_is_taken_up_again_keeps_its_whole_batches_and_is_torn_no_more(
    tmp_path: Path, lost_bytes: int
) -> None:
    file = tmp_path / "messages.arrows"
    recorder = Recorder(tmp_path)
    for rounds in (4, 3, 5):
        for record in made.some_of_each(rounds):
            recorder.append(record)
        recorder.flush()
    raw = file.read_bytes()
    left = len(loaded_after(file, raw[: max(0, len(raw) - lost_bytes)]).messages)
    with Recorder(tmp_path, resume=True) as again:
        again.append(Mark(9, "again"))
    evidence = Evidence.load(tmp_path)
    assert len(evidence.messages) == left
    assert "again" in [mark.name for mark in evidence.marks]
    assert evidence.torn == ()
