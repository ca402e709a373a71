"""What import-linter cannot hold: no judging in suites, pytest only in its shell, no clock in verdict, no odd names."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from harness.cli import COMMANDS

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]
HARNESS, SUITES = ROOT / "harness", ROOT / "suites"
GENERATED = HARNESS / "wire" / "opensqt"
CASE_SUITES = [path for path in SUITES.rglob("test_*.py") if "self" not in path.relative_to(SUITES).parts]
OURS = [path for path in HARNESS.rglob("*.py") if GENERATED not in path.parents]
TOP_LEVEL = {"harness", "specs", "suites", "reports", "conftest.py", "pyproject.toml", "README.md", "LICENSE",
             "CHANGELOG.md", "Makefile"}  # fmt: skip
VAGUE = re.compile(r"(util|manager|helper|handler)s?$|^base$|_base$", re.I)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def judging(source: str) -> list[int]:
    """Lines of a suite that compare or assert: thresholds belong into specs."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert | ast.Compare)]


@pytest.mark.parametrize("path", CASE_SUITES, ids=lambda path: path.stem)
def test_suites_hold_choreography_only(path: Path) -> None:
    assert judging(path.read_text(encoding="utf-8")) == []


def test_the_rule_against_judging_in_suites_sees_a_threshold() -> None:
    assert judging("async def test(trial):\n    assert trial\n") == [2]
    assert judging("async def test(trial):\n    if trial.latency < 5:\n        pass\n") == [2]


def test_pytest_is_imported_by_its_shell_only() -> None:
    users = {path.relative_to(ROOT).as_posix() for path in OURS if "pytest" in imported(path)}
    assert users <= {"harness/plugin.py", "harness/commands/run.py"}


def test_verdict_has_no_clock_no_files_and_no_network() -> None:
    banned = {"time", "datetime.datetime", "pathlib", "os", "io", "socket", "asyncio", "random", "subprocess", "grpc"}
    for path in (HARNESS / "verdict").rglob("*.py"):
        assert not imported(path) & banned, path
        calls = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
        assert not {call for call in calls if call in ("open", "print") or call.endswith((".now", ".today"))}, path


def test_stamps_come_through_one_door() -> None:
    """Only clock.py asks the system for Unix time; venue and reference are programs of their own."""
    programs = {HARNESS / "venue", HARNESS / "reference"}
    for path in OURS:
        if programs & set(path.parents) or path == HARNESS / "evidence" / "clock.py":
            continue
        assert not re.search(r"\btime\.time(_ns)?\(", path.read_text(encoding="utf-8")), path


def test_every_module_says_its_job_in_one_docstring() -> None:
    silent = [path for path in OURS if path.name != "__init__.py" and not ast.get_docstring(tree(path))]
    assert silent == []


def test_names_are_not_vague() -> None:
    vague = [path for path in OURS if VAGUE.search(path.stem)]
    vague_classes = [
        f"{path}:{node.name}"
        for path in OURS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(Util|Manager|Helper|Handler)s?$", node.name)
    ]
    assert vague == []
    assert vague_classes == []


def test_functions_and_files_stay_readable() -> None:
    """Functions up to about 60 lines, files up to about 300: a quarter more is where it is refused."""
    long_files = [path for path in OURS if len(path.read_text(encoding="utf-8").splitlines()) > 375]
    long_functions = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in OURS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 75
    ]
    assert long_files == []
    assert long_functions == []


def test_nothing_else_lies_at_the_top() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def test_no_dead_modules() -> None:
    """Every module is imported by another one, is a program, or is the plugin's or the command line's entry."""
    everything = [*OURS, *SUITES.rglob("*.py"), ROOT / "conftest.py"]
    used = set().union(*(imported(path) for path in everything))
    used |= {f"{node.module}.{alias.name}" for path in everything for node in ast.walk(tree(path))
             if isinstance(node, ast.ImportFrom) and node.module for alias in node.names}  # fmt: skip
    used |= {where.module for where in COMMANDS.values()}
    dead = []
    for path in OURS:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.name in ("__init__.py", "__main__.py") or "__main__" in path.read_text(encoding="utf-8"):
            continue
        if name not in used:
            dead.append(name)
    assert dead == []
