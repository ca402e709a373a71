"""Judging is pure: no clock, no files, no network, no chance, no process; the same evidence gives the same verdict."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness.verdict

pytestmark = pytest.mark.self

ROOM = Path(harness.verdict.__file__).parent
ALLOWED = {
    "__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "functools", "harness", "itertools",
    "math", "numpy", "scipy", "typing",
}  # fmt: skip
ALLOWED_ROOMS = ("harness.spec.case", "harness.spec.acceptance", "harness.evidence", "harness.verdict")
BANNED_NAMES = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
BANNED_ATTRIBUTES = {
    "now", "utcnow", "today", "now_ns", "time_ns", "monotonic_s", "random", "default_rng", "load", "loadtxt",
    "fromfile", "tofile", "save", "memmap", "read_text", "write_text",
}  # fmt: skip


def offences(source: str) -> Iterator[str]:
    """What in a module's source reaches outside its arguments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"imports {name}" for name in _imported(node) if not _is_pure(name))
        elif isinstance(node, ast.Name) and node.id in BANNED_NAMES:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in BANNED_ATTRIBUTES and not _is_case_load(node):
            yield f"uses .{node.attr}"


def _is_pure(name: str) -> bool:
    if name.split(".")[0] == "harness":
        return name.startswith(ALLOWED_ROOMS) and not name.endswith((".clock", ".recorder", ".columns"))
    return name.split(".")[0] in ALLOWED


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def _is_case_load(node: ast.Attribute) -> bool:
    """`case.load` is the planned load, not a file."""
    return node.attr == "load" and isinstance(node.value, ast.Name) and node.value.id == "case"


@pytest.mark.parametrize("file", sorted(ROOM.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOM)))
def test_a_module_of_the_room_reaches_nothing_outside_its_arguments(file: Path) -> None:
    assert list(offences(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time", "import os", "from pathlib import Path", "import socket", "import random", "import asyncio",
        "from harness.evidence.clock import now_ns", "from harness.evidence.recorder import Recorder",
        "from harness.record.store import RunStore", "from harness.trial.trial import Trial", "open('x')",
        "from datetime import date\ndate.today()", "import numpy as np\nnp.load('x')",
        "import numpy as np\nnp.random.default_rng()", "Evidence.load(path)", "print(1)",
    ],
)  # fmt: skip
def test_the_check_itself_notices(source: str) -> None:
    assert list(offences(source))
