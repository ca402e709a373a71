"""Load the cases and the acceptance gates from their YAML files, refusing whatever is wrong in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.spec.acceptance import Acceptance
from harness.spec.case import Case, Group
from harness.spec.errors import SpecError, SpecErrors
from harness.spec.soundness import objections
from harness.spec.translation import nearest, validated
from harness.spec.yaml_source import Source, read, shown, write

__all__ = ["SpecError", "SpecErrors", "case_files", "dump_case", "load_acceptance", "load_case", "load_cases"]

NO_GROUPS = frozenset({"schema"})
"""Folders below the specs that hold no cases."""
_SLUG = re.compile(r"-[a-z0-9]+(-[a-z0-9]+)*\.yaml")


def load_cases(root: Path) -> tuple[Case, ...]:
    """Every case below `root`, one file each (`<group>/<id>-<slug>.yaml`), in the order of their ids.

    Raises SpecErrors (a SpecError) with the first finding of each file that has one.
    """
    cases: list[tuple[Case, Source]] = []
    found: list[SpecError] = []
    for path in case_files(root):
        try:
            cases.append(_load(path))
        except SpecError as error:
            found += error.errors
    by_id: dict[str, Source] = {}
    for case, source in cases:
        other = by_id.setdefault(case.id, source)
        if other is not source:
            what = f"case {case.id} stands in {other.file} already"
            found.append(SpecError(source.file, source.line_of(("id",)), what, "delete one of the two files"))
    if found:
        raise SpecErrors(sorted(found, key=lambda error: (error.file, error.line)))
    return tuple(sorted((case for case, _ in cases), key=lambda case: _order(case.id)))


def load_case(path: Path) -> Case:
    """One case. SpecError for the first thing that is wrong with its file."""
    return _load(path)[0]


def load_acceptance(path: Path) -> Acceptance:
    """The acceptance gates. SpecError for the first thing that is wrong with the file."""
    return validated(read(path), Acceptance)


def dump_case(case: Case) -> str:
    """The case as YAML text; loading it gives an equal case."""
    return write(case.model_dump(mode="json", exclude_defaults=True))


def case_files(root: Path) -> list[Path]:
    """Files that should hold a case, sorted. SpecErrors when there are none, or when a folder is no group."""
    if not root.is_dir():
        raise SpecErrors([SpecError(shown(root), 0, "there is no such folder of specs", "check the path")])
    groups = [str(group) for group in Group]
    found: list[SpecError] = []
    files: list[Path] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name in groups:
            files += sorted(path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
        elif folder.name not in NO_GROUPS and not folder.name.startswith((".", "__")):
            near = nearest(folder.name, groups)
            what = f"folder {folder.name!r} is no group, so its cases would be left out"
            found.append(SpecError(shown(folder), 0, what, f"name it {near or ' or '.join(groups)}"))
    if not files and not found:
        what = "there is no case below this folder"
        found.append(SpecError(shown(root), 0, what, "put each case into <group>/<id>-<slug>.yaml"))
    if found:
        raise SpecErrors(found)
    return files


def _load(path: Path) -> tuple[Case, Source]:
    source = read(path)
    case = validated(source, Case)
    for error in _findings(case, source, path):
        raise error
    return case, source


def _findings(case: Case, source: Source, path: Path) -> Iterator[SpecError]:
    """What is wrong with a well-formed case: its place, its name, its soundness."""
    id_line = source.line_of(("id",))
    rest = path.name.removeprefix(case.id)
    if rest == path.name or not _SLUG.fullmatch(rest):
        what = f"the file's name does not fit case {case.id}"
        yield SpecError(source.file, id_line, what, f"name it {case.id}-<words-with-dashes>.yaml")
    for objection in objections(case):
        yield SpecError(source.file, source.line_of(objection.place), objection.what, objection.mend)
    if path.parent.name != case.group:
        what = f"case {case.id} of group {case.group} lies in folder {path.parent.name!r}"
        yield SpecError(source.file, source.line_of(("group",)), what, f"move the file to {case.group}/")


def _order(case_id: str) -> tuple[tuple[int, str], ...]:
    """Sort key: 3.1.2 before 3.1.10, extensions last."""
    return tuple((int(part), "") if part.isdigit() else (1 << 30, part) for part in case_id.split("."))
