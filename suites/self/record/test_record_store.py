"""Runs are created without collisions and found by id, prefix, path or age."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.clock import NS_PER_S
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.names import log_name, new_run_id
from harness.record.store import RunStore
from harness.verdict.verdict import Status

from . import made

pytestmark = pytest.mark.self


def started(store: RunStore, second: int, run_id: str = "") -> RunFolder:
    return store.create(made.info(started_ns=made.START_NS + second * NS_PER_S, id=run_id))


def test_a_run_is_called_by_its_start(tmp_path: Path) -> None:
    folder = RunStore(tmp_path / "not" / "there" / "yet").create(made.INFO)
    assert re.fullmatch(r"2026-11-22T16-05-03Z-[0-9a-f]{4}", folder.info.id)
    assert folder.path == tmp_path / "not" / "there" / "yet" / folder.info.id


@given(st.lists(st.integers(0, 4_000_000_000), min_size=2, unique=True))
def test_ids_sort_by_start(seconds: list[int]) -> None:
    ids = [new_run_id(second * NS_PER_S) for second in sorted(seconds)]
    assert ids == sorted(ids)


def test_runs_that_start_at_once_do_not_collide(tmp_path: Path) -> None:
    taken = started(RunStore(tmp_path), 0).info.id
    folders: list[RunFolder] = []
    together = threading.Barrier(20)

    def begin() -> None:
        together.wait(timeout=10)
        folders.append(started(RunStore(tmp_path), 0, taken))

    threads = [threading.Thread(target=begin) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    ids = {folder.info.id for folder in folders}
    assert len(ids) == 20
    assert taken not in ids
    assert {RunFolder.read(tmp_path / run_id).info.id for run_id in ids} == ids


def test_a_run_is_found_by_id_prefix_path_file_or_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    first, second = started(store, 0), started(store, 60)
    monkeypatch.chdir(tmp_path)
    for name in (
        first.info.id,
        first.info.id[:17],
        str(first.path),
        f"./{first.info.id}/",
        str(first.path / "run.json"),
    ):
        assert store.open(name).info == first.info
    assert store.open("latest").info == store.latest().info == second.info
    elsewhere = RunStore(tmp_path / "elsewhere")
    assert elsewhere.open(str(first.path)).info == first.info


def test_an_unknown_run_names_the_nearest(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    runs = [started(store, 86_400 * day) for day in range(5)]
    wrong = runs[2].info.id[:-1] + "x"
    with pytest.raises(RecordError, match=rf"no run {wrong} in .*; the nearest are {runs[2].info.id}"):
        store.open(wrong)
    with pytest.raises(RecordError, match=f"the nearest are {runs[3].info.id}"):
        store.open(runs[3].info.id[11:])
    with pytest.raises(RecordError, match=f"the newest are {runs[4].info.id}, {runs[3].info.id}"):
        store.open("###")
    with pytest.raises(RecordError, match=r"2026-11-2 could be 5 runs: .* and 2 more; give more of the id"):
        store.open("2026-11-2")
    for name in ("", "..", "/", str(tmp_path), "a\0b", "x" * 5000):
        with pytest.raises(RecordError, match="no run"):
            store.open(name)


@pytest.mark.parametrize("ask", [lambda s: s.latest(), lambda s: s.open("latest"), lambda s: s.open("2026")])
def test_an_empty_store_says_how_to_make_a_run(tmp_path: Path, ask: object) -> None:
    with pytest.raises(RecordError, match="nfr run"):
        ask(RunStore(tmp_path / "none"))  # type: ignore[operator]


def test_the_list_is_newest_first_and_an_unreadable_run_is_told_apart(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    old, broken, new = (started(store, second) for second in range(3))
    (broken.path / "run.json").write_text("{", encoding="utf-8")
    (tmp_path / "README.md").write_text("not a run", encoding="utf-8")
    (tmp_path / "notes").mkdir()
    assert [run.info for run in store.list()] == [new.info, old.info]
    assert len(store.unreadable()) == 1
    assert str(broken.path) in store.unreadable()[0]


def test_last_verdicts_takes_the_newest_readable_one_of_each_case(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first, second, third = (started(store, second) for second in range(3))
    first.save_verdict(made.verdict("3.1.1", Status.PASS))
    first.save_verdict(made.verdict("3.1.2", Status.FAIL))
    second.save_verdict(made.verdict("3.1.1", Status.INCONCLUSIVE))
    third.save_verdict(made.verdict("3.1.1", Status.PASS))
    (third.case_path("3.1.1") / "verdict.json").write_text("{", encoding="utf-8")
    assert store.last_verdicts() == {
        "3.1.1": (second.info.id, Status.INCONCLUSIVE),
        "3.1.2": (first.info.id, Status.FAIL),
    }
    assert RunStore(tmp_path / "none").last_verdicts() == {}


def test_the_layout_is_the_one_users_rely_on(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    evidence = [folder.evidence_path("3.1.1", trial) for trial in (10, 1, 2)]
    for path in evidence:
        path.mkdir()
    folder.log_path("connector").write_text("up", encoding="utf-8")
    folder.save_verdict(made.verdict(), made.case())
    files = sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*"))
    assert files == [
        "cases",
        "cases/3.1.1",
        "cases/3.1.1/case.json",
        "cases/3.1.1/evidence",
        "cases/3.1.1/evidence/trial-1",
        "cases/3.1.1/evidence/trial-10",
        "cases/3.1.1/evidence/trial-2",
        "cases/3.1.1/verdict.json",
        "logs",
        "logs/connector.log",
        "run.json",
    ]
    assert [path.name for path in folder.evidence_paths("3.1.1")] == ["trial-1", "trial-2", "trial-10"]
    assert folder.evidence_paths("3.1.2") == ()
    assert [path.name for path in folder.log_paths()] == ["connector.log"]
    assert folder.cases() == {"3.1.1": made.case()}
    pages = [folder.report_path, folder.junit_path, folder.summary_path, folder.results_path]
    assert [path.name for path in pages] == ["report.html", "junit.xml", "summary.md", "results.json"]


def test_finishing_a_run_says_when_and_how(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    assert folder.info.state == "running"
    folder.finish("interrupted", "Ctrl-C in 3.1.2")
    again = RunFolder.read(folder.path).info
    assert (again.state, again.note) == ("interrupted", "Ctrl-C in 3.1.2")
    assert again.ended_ns is not None
    assert folder.info == again
    with pytest.raises(RecordError, match="a run keeps its id"):
        folder.save_info(made.info(id="other"))


@pytest.mark.parametrize("case_id", ["../../etc", "a/b", "", ".", "3..1", "3.1.1/..", "A", "x" * 300])
def test_a_case_id_cannot_leave_the_run(tmp_path: Path, case_id: str) -> None:
    with pytest.raises(RecordError, match="is not a case id"):
        RunStore(tmp_path).create(made.INFO).evidence_path(case_id, 1)


@given(st.lists(st.text(max_size=120), unique=True, max_size=20))
def test_each_service_has_a_log_of_its_own_inside_the_run(services: list[str]) -> None:
    names = [log_name(service) for service in services]
    assert len(set(names)) == len(services)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}\.log", name) for name in names)
    assert log_name("market_maker-1") == "market_maker-1.log"


def test_a_verdict_goes_with_its_own_case(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"the verdict on case 3\.1\.1 was not judged by case 3\.1\.2"):
        RunStore(tmp_path).create(made.INFO).save_verdict(made.verdict("3.1.1"), made.case("3.1.2"))
