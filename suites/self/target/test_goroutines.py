"""Goroutines are counted in the memory of a Go process as the process itself counts them, whoever built it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.evidence.clock import monotonic_s
from harness.target import go_layout
from harness.target.go_layout import KNOWN, UnknownLayoutError, layout_of
from harness.target.goroutines import GoroutineCounter, Goroutines, GoroutinesError
from harness.target.introspection import Introspection, Subject

from .workshop import PROGRAMS, become_somebody_else

pytestmark = pytest.mark.self

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
OLDER = "go1.23.12"
"""A version whose runtime.g lies differently from the versions before and after it."""
BUILD_LIMIT_S = 180
SETTLE_S = 5

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the program with these arguments of `go build`; skips without the toolchain."""
    folder = tmp_path_factory.mktemp("go")
    shutil.copy(PROGRAMS / "goroutines.go", folder / "main.go")
    (folder / "go.mod").write_text("module goroutines\n\ngo 1.21\n")
    built: dict[tuple[str, ...], Path] = {}

    def made(*arguments: str, toolchain: str = "local") -> Path:
        if GO is None:
            pytest.skip("there is no Go toolchain")
        key = (toolchain, *arguments)
        if key not in built:
            environ = {**os.environ, "GOTOOLCHAIN": toolchain, "GOFLAGS": ""}
            ask = subprocess.run([GO, "version"], env=environ, capture_output=True, timeout=BUILD_LIMIT_S, check=False)
            if ask.returncode:
                pytest.skip(f"the Go toolchain {toolchain} cannot be had")
            path = folder / f"program-{len(built)}"
            subprocess.run(
                [GO, "build", "-o", path, *arguments, "."], cwd=folder, env=environ, timeout=BUILD_LIMIT_S, check=True
            )
            built[key] = path
        return built[key]

    return made


class Program:
    """The running program."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self._answer()

    def ask(self, command: str) -> int:
        """Carry out; returns what runtime.NumGoroutine said afterwards."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start() -> Iterator[Callable[[Path], Program]]:
    programs: list[Program] = []

    def started(path: Path) -> Program:
        programs.append(Program(path))
        return programs[-1]

    yield started
    for program in programs:
        program.close()


@pytest.fixture
def counter(tmp_path: Path) -> GoroutineCounter:
    return GoroutineCounter(tmp_path / "layouts")


def settled(counter: GoroutineCounter, pid: int, right: Callable[[Goroutines], bool]) -> Goroutines:
    """Look until it is so: a goroutine needs a moment from being started to being parked. Returns the last look."""
    end_s = monotonic_s() + SETTLE_S
    while True:
        seen = counter.count(pid)
        if right(seen) or monotonic_s() >= end_s:
            return seen


WAYS = {
    "as usual": ((), "local"),
    "position independent": (("-buildmode=pie",), "local"),
    "without DWARF": (("-ldflags=-w",), "local"),
    "older": ((), OLDER),
    "older without DWARF": (("-ldflags=-w",), OLDER),
}


@pytest.mark.parametrize("way", WAYS)
def test_known_numbers_growing_and_shrinking(
    way: str, build: Build, start: Callable[[Path], Program], counter: GoroutineCounter
) -> None:
    arguments, toolchain = WAYS[way]
    program = start(build(*arguments, toolchain=toolchain))
    assert counter.count(program.pid).count == 1

    assert program.ask("park 500") == 501
    assert settled(counter, program.pid, lambda seen: seen.waiting == 500).waiting == 500

    assert program.ask("block 7") == 508
    seen = settled(counter, program.pid, lambda seen: seen.syscall >= 7 and seen.count == 508)
    assert (seen.count, seen.waiting) == (508, 500)
    assert seen.syscall in (7, 8), "the main goroutine reads its standard input, in a system call or parked"

    assert program.ask("run 3") == 511
    seen = counter.count(program.pid)
    assert seen.count == 511
    assert seen.running + seen.runnable in (3, 4)

    before = counter.count(program.pid)
    assert program.ask("finish") == 1
    seen = settled(counter, program.pid, lambda seen: seen.count == 1)
    assert seen.count == 1
    assert seen.dead >= before.dead + 510, "finished ones are kept for use again, and not counted"

    assert program.ask("park 10000") == 10001
    assert settled(counter, program.pid, lambda seen: seen.waiting == 10000).count == 10001


def test_the_runtimes_own_goroutines_are_told_apart(
    build: Build, start: Callable[[Path], Program], counter: GoroutineCounter
) -> None:
    program = start(build())
    seen = counter.count(program.pid)
    assert seen.count == program.ask("count") == 1
    assert seen.system >= 4, "the collector's, the scavenger's and the finalizer's"


@pytest.mark.parametrize("toolchain", ["local", OLDER])
def test_sequences_that_nobody_finishes_are_the_programs_own(
    toolchain: str, build: Build, start: Callable[[Path], Program], counter: GoroutineCounter
) -> None:
    """Their goroutines begin in a function of the runtime, and a leak of them is the program's all the same."""
    program = start(build(toolchain=toolchain))
    before = counter.count(program.pid)
    assert program.ask("pull 40") == before.count + 40
    seen = settled(counter, program.pid, lambda seen: seen.count == before.count + 40)
    assert (seen.count, seen.system) == (before.count + 40, before.system)
    assert program.ask("finish") == before.count
    assert settled(counter, program.pid, lambda seen: seen.count == before.count).count == before.count


def test_it_goes_on_while_it_is_looked_at(
    build: Build, start: Callable[[Path], Program], counter: GoroutineCounter
) -> None:
    """100 to 150 goroutines come and go thousands of times a second, and the list grows under the look."""
    program = start(build())
    program.ask("churn 2")
    program.ask("grow 10000")
    counts = [counter.count(program.pid).count for _ in range(10)]
    assert all(1 <= count <= 10_110 for count in counts)
    seen = settled(counter, program.pid, lambda seen: seen.waiting >= 10_000)
    assert 10_003 <= seen.count <= 10_110
    program.ask("finish")
    assert settled(counter, program.pid, lambda seen: seen.count == 1).count == 1


def test_the_layout_is_read_once_and_kept(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = build(), tmp_path / "layouts"
    with path.open("rb") as executable:
        first = layout_of(executable, path.name, cache)
    assert first.source == "DWARF"
    monkeypatch.setattr(go_layout, "_read", None)
    with path.open("rb") as executable:
        assert layout_of(executable, path.name, cache) == first
    [kept] = cache.iterdir()
    for spoiled in ("", "[]", "{}", json.dumps({"format": 0})):
        kept.write_text(spoiled)
        monkeypatch.undo()
        with path.open("rb") as executable:
            assert layout_of(executable, path.name, cache) == first, "a spoiled cache is read anew"


@pytest.mark.parametrize("toolchain", ["local", OLDER])
def test_what_is_known_without_dwarf_is_what_dwarf_says(build: Build, tmp_path: Path, toolchain: str) -> None:
    path = build(toolchain=toolchain)
    with path.open("rb") as executable:
        found = layout_of(executable, path.name, tmp_path)
    if found.version not in KNOWN:
        pytest.skip(f"nothing is claimed of Go {found.version} without DWARF")
    assert KNOWN[found.version] == (found.status, found.goid, found.start)


def test_a_stripped_program_is_refused(
    build: Build, start: Callable[[Path], Program], counter: GoroutineCounter
) -> None:
    program = start(build("-ldflags=-s -w"))
    for _ in range(2):
        with pytest.raises(GoroutinesError, match="stripped of its symbols: build it without -ldflags=-s"):
            counter.count(program.pid)


def test_without_dwarf_a_version_that_nobody_looked_at_is_refused(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_layout, "KNOWN", {})
    with build("-ldflags=-w").open("rb") as executable, pytest.raises(UnknownLayoutError, match="has no DWARF, and"):
        layout_of(executable, "program", tmp_path)


def test_another_numbering_of_statuses_is_refused(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_layout, "STATUSES", {**go_layout.STATUSES, "_Gdead": 5})
    with build().open("rb") as executable, pytest.raises(UnknownLayoutError, match="numbers _Gdead 6"):
        layout_of(executable, "program", tmp_path)


def test_a_misread_list_is_no_count(build: Build, start: Callable[[Path], Program], tmp_path: Path) -> None:
    path, cache = build(), tmp_path / "layouts"
    with path.open("rb") as executable:
        layout = layout_of(executable, path.name, cache)
    [kept] = cache.iterdir()
    program = start(path)
    program.ask("park 50")
    for change in ({"allgs": layout.allgs + 8}, {"status": layout.status + 8}, {"goid": layout.start}):
        kept.write_text(json.dumps({**json.loads(kept.read_text()), **change}))
        with pytest.raises(GoroutinesError, match=r"misread|not known to have|no number of their own|cannot be read"):
            GoroutineCounter(cache).count(program.pid)
        go_layout._save(kept, layout)


def test_a_program_in_another_language_is_refused(counter: GoroutineCounter) -> None:
    with pytest.raises(GoroutinesError, match=r"is no Go program: it has no section \.go\.buildinfo"):
        counter.count(os.getpid())


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(60)):
        (tmp_path / "file").write_bytes(content)
        with (tmp_path / "file").open("rb") as file, pytest.raises(UnknownLayoutError, match=r"file (is no|cannot be)"):
            layout_of(file, "file", tmp_path / "layouts")


def test_a_process_that_is_gone(counter: GoroutineCounter) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=30)
    with pytest.raises(GoroutinesError, match="is gone"):
        counter.count(process.pid)


def test_a_process_that_may_not_be_read(build: Build, start: Callable[[Path], Program], tmp_path: Path) -> None:
    """Asked by somebody else than its owner."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    program = start(build())
    cache = tmp_path / "layouts"
    GoroutineCounter(cache).count(program.pid)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become_somebody_else()
            GoroutineCounter(cache).count(program.pid)
            said = "counted"
        except GoroutinesError as error:
            said = str(error)
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert "may not be read: run as the same user" in answer.read()


def test_a_service_without_pages_has_runtime_units_all_the_same(build: Build, start: Callable[[Path], Program]) -> None:
    program = start(build())
    program.ask("park 25")
    looked = Introspection("connector", (), lambda: Subject(program.pid, 1))
    readings = {reading.probe: reading for reading in looked.read()}
    assert readings["connector.runtime_units"].value == 26
    assert readings["connector.runtime_units"].unit == "goroutines"
    assert "connector.runtime_units" not in {fact.subject for fact in looked.unmeasurable()}


def test_a_service_whose_goroutines_cannot_be_counted_says_why() -> None:
    looked = Introspection("connector", (), lambda: Subject(os.getpid(), 1))
    assert "connector.runtime_units" not in {reading.probe for reading in looked.read()}
    reasons = {fact.subject: fact.detail for fact in looked.unmeasurable()}
    assert "no page" in reasons["connector.runtime_units"]
    assert "no Go program" in reasons["connector.runtime_units"]
    assert "no Go program" not in reasons["connector.subscriptions"]
