"""A disk that refuses costs the newest write only, and the sentence says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.record.errors import RecordError
from harness.record.files import write_whole
from harness.record.host import git_state, this_host
from harness.record.run import GitState
from harness.record.store import RunStore
from harness.verdict.verdict import Status

from . import made

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]
FILL = """
    import pathlib, sys
    from harness.record.errors import RecordError
    from harness.record.store import RunStore
    from harness.record.files import write_whole
    from suites.self.record import made
    {before}
    store = RunStore(pathlib.Path(sys.argv[1]))
    folder = store.create(made.INFO)
    folder.save_verdict(made.verdict())
    try:
        write_whole(folder.report_path, b"x" * 400_000)
    except RecordError as full:
        print(full)
    print(sorted(path.name for path in folder.path.iterdir()))
    print(store.latest().verdicts() == {{"3.1.1": made.verdict()}})
"""


def filled(script: str, *command: str) -> list[str]:
    done = subprocess.run(
        [*command, sys.executable, "-c", textwrap.dedent(script), "disk"],
        cwd=os.environ.get("FILLED_CWD"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, timeout=20, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no private mounts here (unshare -rm): no small disk to fill")
def test_a_full_disk_is_one_sentence_and_earlier_files_are_intact(tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=128k tmpfs "{tmp_path}" && cd "{tmp_path}" && exec "$@"'
    sentence, files, intact = filled(FILL.format(before=""), "unshare", "-rm", "sh", "-c", mount, "sh")
    assert "report.html: the disk is full; free some space or choose another folder with --reports" in sentence
    assert files == "['cases', 'run.json']"
    assert intact == "True"


def test_a_file_over_the_limit_is_one_sentence_and_earlier_files_are_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILLED_CWD", str(tmp_path))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    sentence, files, intact = filled(FILL.format(before=limit))
    assert "report.html: the file would be larger than this system allows" in sentence
    assert files == "['cases', 'run.json']"
    assert intact == "True"


def test_a_write_cut_short_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "verdict.json"
    write_whole(file, b"old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"new and longer")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_reports_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")
    for root in (tmp_path / "reports", tmp_path / "reports" / "below"):
        with pytest.raises(RecordError, match="--reports"):
            RunStore(root).create(made.INFO)


def test_a_verdict_judged_again_replaces_the_old_one(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    folder.save_verdict(made.verdict(status=Status.FAIL))
    folder.save_verdict(made.verdict(status=Status.PASS))
    assert folder.verdicts()["3.1.1"].status is Status.PASS
    assert [path.name for path in folder.case_path("3.1.1").iterdir()] == ["verdict.json"]


def test_the_host_is_described() -> None:
    host = this_host()
    assert host.cpus >= 1
    assert host.memory_bytes > 1 << 20
    assert all((host.os, host.kernel, host.python))


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def test_the_checkout_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == git_state(tmp_path / "missing") == GitState()
    git(tmp_path, "init", "-q", "-b", "trunk")
    assert git_state(tmp_path) == GitState()  # no commit yet
    (tmp_path / ".gitignore").write_text("venv\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    clean = git_state(tmp_path)
    assert (len(clean.commit), clean.branch, clean.dirty) == (40, "trunk", False)
    (tmp_path / "new").write_text("", encoding="utf-8")
    assert git_state(tmp_path) == GitState(clean.commit, "trunk", dirty=True)
    (tmp_path / "venv").mkdir()
    assert git_state(tmp_path / "venv") == GitState()
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) == GitState()
