"""Which test carries out which case, read from the suites' source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.spec.case import Case


@dataclass(frozen=True, slots=True)
class Binding:
    """`@case("3.1.2")` above a test: the case's id, the file and the line."""

    case_id: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        """file:line, for messages."""
        return f"{self.path}:{self.line}"


def bindings(suites: Path) -> tuple[Binding, ...]:
    """Every @case("…") of suites/**/test_*.py; a file that is not Python is left to pytest to complain about."""
    found = []
    for path in sorted(suites.rglob("test_*.py")):
        if "self" in path.relative_to(suites).parts:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                found += [Binding(case_id, path, node.lineno) for case_id in _case_ids(node.decorator_list)]
    return tuple(found)


def _case_ids(decorators: Iterable[ast.expr]) -> list[str]:
    return [
        argument.value
        for decorator in decorators
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "case"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def mismatches(cases: Sequence[Case], bound: Sequence[Binding]) -> list[str]:
    """One sentence for each case without a test, test without a case, and case with two tests."""
    by_id: dict[str, list[Binding]] = {}
    for binding in bound:
        by_id.setdefault(binding.case_id, []).append(binding)
    known = {case.id for case in cases}
    sentences = [
        f"{places[0].place}: @case({case_id!r}) names a case that no file under specs/ defines; add it or mend the id"
        for case_id, places in by_id.items()
        if case_id not in known
    ]
    for case in cases:
        places = by_id.get(case.id, [])
        if not places and not case.awaiting:
            sentences.append(
                f"case {case.id} ({case.title}) has no test: bind one with @case({case.id!r}), "
                "or say in its file what it is `awaiting`"
            )
        elif places and case.awaiting:
            sentences.append(f"case {case.id} has a test at {places[0].place}: remove `awaiting` from its file")
        if len(places) > 1:
            sentences.append(
                f"case {case.id} has {len(places)} tests ({', '.join(p.place for p in places)}): keep one of them"
            )
    return sentences
