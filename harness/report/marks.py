"""Marks in words: the table under a strip, what happened together in one row, and no longer than can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.records import Mark
from harness.report.lanes import clip, in_order, is_bad

_MOST_ROWS = 200
_TOGETHER_NS = 20 * NS_PER_MS
_MINOR = {"stream.opened", "stream.live", "stream.cancelled", "stream.ended", "connection.opened", "connection.closed"}
"""Left out first where there are too many."""


@dataclass(frozen=True, slots=True)
class Row:
    """One mark, or several of a kind at the same time."""

    at: str
    name: str
    detail: str
    is_bad: bool
    is_error: bool


def rows(marks: Sequence[Mark], begin_ns: int) -> tuple[tuple[Row, ...], int]:
    """The rows for marks in the order of time, and how many marks found no room."""
    groups: Sequence[Sequence[Mark]] = _together(marks)
    if len(groups) > _MOST_ROWS:
        major = [group for group in groups if group[0].name not in _MINOR]
        groups = major[:_MOST_ROWS] if len(major) >= _MOST_ROWS else _with_minor(groups, _MOST_ROWS - len(major))
    left = len(marks) - sum(map(len, groups))
    return tuple(_row(group, begin_ns) for group in groups), left


def _with_minor(groups: Sequence[Sequence[Mark]], room: int) -> list[Sequence[Mark]]:
    kept: list[Sequence[Mark]] = []
    for group in groups:
        if group[0].name in _MINOR:
            room -= 1
            if room < 0:
                continue
        kept.append(group)
    return kept


def _together(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks of one name that came within milliseconds of each other, as when all streams of a client go down."""
    groups: list[list[Mark]] = []
    latest: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        key = (mark.name, mark.detail.get("client") or mark.detail.get("service") or "")
        last = latest.get(key)
        if last is not None and mark.t_ns - last[0].t_ns <= _TOGETHER_NS:
            last.append(mark)
            continue
        latest[key] = [mark]
        groups.append(latest[key])
    return groups


def _row(group: Sequence[Mark], begin_ns: int) -> Row:
    first = group[0]
    after_s = (first.t_ns - begin_ns) / NS_PER_S
    count = f" ({len(group)})" if len(group) > 1 else ""
    return Row(
        at=f"{after_s:,.3f} s",
        name=clip(first.name, 80) + count,
        detail=clip(_detail([mark.detail for mark in group]), 300),
        is_bad=is_bad(first),
        is_error=first.name == "log.error",
    )


def _detail(all_of: Sequence[Mapping[str, str]]) -> str:
    keys = in_order(key for detail in all_of for key in detail)
    values = {key: in_order(detail[key] for detail in all_of if key in detail) for key in keys}
    return ", ".join(f"{key} {' '.join(values[key])}".strip() for key in keys)
