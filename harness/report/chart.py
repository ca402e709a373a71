"""A chart as the page holds it: its document for the chart library, and its numbers as a table for everybody else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `name`: its element's id, unique in the page. `table`: heads, then rows, all text."""

    name: str
    title: str
    caption: str
    height: int
    """Pixels, so that the page does not jump when the chart is drawn."""
    document: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
