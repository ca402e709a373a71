"""The Recorder: cheap from any thread, at most a second behind, and honest when it cannot write."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.evidence.columns import META
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import BATCH_RECORDS, Recorder, RecorderError
from harness.evidence.records import Fact, Mark, Record

from . import made

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 20.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not happen within {LIMIT_S:g} s"
        time.sleep(0.01)


def test_appends_of_many_threads_all_arrive(tmp_path: Path) -> None:
    def append(recorder: Recorder, thread: int) -> None:
        for at in range(3000):
            recorder.append(Fact("one", float(at), "", f"thread {thread}"))

    with Recorder(tmp_path) as recorder:
        threads = [threading.Thread(target=append, args=(recorder, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seen = {(fact.subject, fact.value) for fact in Evidence.load(tmp_path).facts}
    assert seen == {(f"thread {thread}", float(at)) for thread in range(4) for at in range(3000)}


def test_a_lonely_record_reaches_the_disk_while_appends_have_stopped(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.append(Mark(1, "trial.began"))
        wait_until(lambda: bool(Evidence.load(tmp_path).marks), "writing the record")


def test_a_full_batch_does_not_wait_for_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.evidence.recorder.FLUSH_S", 3600.0)
    with Recorder(tmp_path) as recorder:
        for at in range(BATCH_RECORDS):
            recorder.append(Fact("one", float(at), ""))
        wait_until(lambda: len(Evidence.load(tmp_path).facts) == BATCH_RECORDS, "writing the batch")


KILLED = """
import os, sys, signal
from pathlib import Path
from harness.evidence.recorder import Recorder
from suites.self.evidence import made
recorder = Recorder(Path(sys.argv[1]), host="here")
for record in made.some_of_each(500):
    recorder.append(record)
recorder.flush()
for record in made.some_of_each(3):
    recorder.append(record)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_kill_9_everything_flushed_is_there_and_the_loss_is_reported(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "evidence")], cwd=ROOT, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    evidence = Evidence.load(tmp_path / "evidence")
    # Three more records of each kind were under way: the flusher may have caught them or not.
    assert 500 <= len(evidence.calls) <= 503
    assert 1000 <= len(evidence.messages) <= 1006
    assert evidence.host == "here"
    assert any("never closed" in sentence for sentence in evidence.torn)


FULL_DISK = """
import sys
from pathlib import Path
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder, RecorderFullError
from suites.self.evidence import made
recorder = Recorder(Path(sys.argv[1]) / "evidence")
written = 0
try:
    for _ in range(1000):
        for record in made.some_of_each(200):
            recorder.append(record)
        recorder.flush()
        written += 200
except RecorderFullError as full:
    print(full)
assert recorder.failure is not None
for again in (lambda: recorder.append(record), recorder.flush, recorder.close):
    try:
        again()
    except RecorderFullError as same:
        assert same is recorder.failure
    else:
        raise AssertionError("the failure was forgotten")
evidence = Evidence.load(Path(sys.argv[1]) / "evidence")
assert written > 0 and len(evidence.facts) >= written, (written, len(evidence.facts))
assert any("never closed" in sentence for sentence in evidence.torn), evidence.torn
assert not any("the end is torn" in sentence for sentence in evidence.torn), "half a batch was left behind"
"""


def may_mount() -> bool:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0


def test_a_full_disk_ends_the_recording_with_one_sentence_and_loses_nothing_written(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this user may not mount a small file system of its own")
    mounted = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1"'
    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, "sh", str(tmp_path), sys.executable, FULL_DISK],
        cwd=ROOT, timeout=60, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("the disk is full under ")
    assert "free some space" in ended.stdout
    assert len(ended.stdout.splitlines()) == 1


def fail_with(record: Record, folder: Path, spoil: Callable[[], object]) -> RecorderError:
    recorder = Recorder(folder)
    recorder.append(record)
    recorder.flush()
    spoil()
    wait_until(lambda: recorder.failure is not None, "noticing the spoilt folder")
    with pytest.raises(RecorderError) as raised:
        recorder.append(record)
    assert raised.value is recorder.failure
    with pytest.raises(RecorderError):
        recorder.close()
    return raised.value


def test_a_vanished_folder_is_noticed_even_when_nothing_is_appended(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    failure = fail_with(Fact("one", 1.0, ""), folder, lambda: shutil.rmtree(folder))
    assert "vanished while recording" in str(failure)
    assert str(folder) in str(failure)


def test_a_file_deleted_under_the_recorder_is_noticed(tmp_path: Path) -> None:
    failure = fail_with(Fact("one", 1.0, ""), tmp_path, lambda: os.unlink(tmp_path / "facts.arrows"))
    assert "facts.arrows vanished while recording" in str(failure)


def test_a_record_that_fits_no_column_ends_the_recording_loudly(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.append(Fact("kept", 1.0, ""))
    recorder.flush()
    recorder.append(Fact("broken", 1.0, "", subject=5))  # type: ignore[arg-type]
    with pytest.raises(RecorderError, match="does not fit its columns"):
        recorder.close()
    assert [fact.name for fact in Evidence.load(tmp_path).facts] == ["kept"]


def test_nothing_can_be_recorded_after_close(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.close()
    recorder.close()
    with pytest.raises(RecorderError, match="is closed"):
        recorder.append(Fact("late", 1.0, ""))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Name, and size at that time, of everything that is brought to the disk."""
    seen: list[tuple[str, int]] = []

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        seen.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, os.fstat(descriptor).st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_durable_flush_brings_everything_so_far_to_the_disk_and_another_does_not(
    tmp_path: Path, synced: list[tuple[str, int]]
) -> None:
    with Recorder(tmp_path, flush_s=3600.0) as recorder:
        synced.clear()
        for record in made.some_of_each(20):
            recorder.append(record)
        recorder.flush()
        assert synced == []
        recorder.append(Mark(1, "checkpoint"))
        recorder.flush(durable=True)
        sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.arrows")}
        assert len(sizes) == 5
        assert dict(synced[:-1]) == sizes
        assert synced[-1][0] == tmp_path.name, "a file whose name is lost is lost"


def test_what_says_that_a_recording_is_whole_reaches_the_disk_after_the_recording(
    tmp_path: Path, synced: list[tuple[str, int]]
) -> None:
    recorder = Recorder(tmp_path, flush_s=3600.0)
    recorder.append(Mark(1, "trial.began"))
    synced.clear()
    recorder.close()
    told = [name for name, _ in synced]
    assert told == ["marks.arrows", tmp_path.name, f"{META}.new", tmp_path.name]
    assert synced[0][1] == (tmp_path / "marks.arrows").stat().st_size


def test_a_disk_that_fails_to_keep_what_was_written_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    recorder = Recorder(tmp_path)
    recorder.append(Mark(1, "trial.began"))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RecorderError, match="Input/output error"):
        recorder.flush(durable=True)
    with pytest.raises(RecorderError, match="Input/output error"):
        recorder.close()


def test_no_thread_is_left_after_close(tmp_path: Path) -> None:
    before = threading.active_count()
    Recorder(tmp_path / "one").close()
    assert threading.active_count() == before
