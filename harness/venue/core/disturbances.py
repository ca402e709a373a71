"""What faults do to answers and events: other JSON types for a field, and batches with the wrong items."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TypeVar

from harness.venue.core.faults import FaultKind, Faults, Scope

Row = TypeVar("Row")
FIELD_HOWS = ("", "number", "string", "fraction", "whole")
"""Variants of a field's form that need no knowledge of the venue."""
SCALAR = r'"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*)'
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def reformed(text: str, name: str, how: str) -> str:
    """JSON text in which every scalar field of that name is a number, a string, fractional or whole.

    Whatever cannot be (a word as a number, a word with a fraction) stays as it is.
    """

    def other(found: re.Match[str]) -> str:
        head, quoted, bare = found.group(1), found.group(2), found.group(3)
        value = quoted if quoted is not None else bare
        if not NUMBER.fullmatch(value):
            return found.group(0)
        if how == "fraction":
            value = value if "." in value else f"{value}.5"
        elif how == "whole":
            value = value.partition(".")[0]
        as_string = how == "string" or (how != "number" and quoted is not None)
        return f'{head}"{value}"' if as_string else f"{head}{value}"

    return re.sub(rf"({re.escape(json.dumps(name))}\s*:\s*)(?:{SCALAR})", other, text)


def spoiled(faults: Faults, text: str, wheres: Sequence[Scope], subject: str) -> str:
    """The text as the standing knobs on field forms leave it; only those that find their field count as firings."""
    original = text
    for fault in faults.every(
        FaultKind.FIELD_FORM, wheres, subject, FIELD_HOWS, lambda knob: json.dumps(knob.message) in original
    ):
        text = reformed(text, fault.knob.message, fault.knob.how or "number")
    return text


def other_id(faults: Faults) -> bool:
    """Whether the request that is being carried out is answered with order ids in the venue's other spelling."""
    return faults.fires_here(FaultKind.FIELD_FORM, ("other_id",)) is not None


def other_refusal_form(faults: Faults) -> bool:
    """Whether the refusal that is about to be told takes the other form that the venue has."""
    return faults.fires_here(FaultKind.REFUSAL_FORM) is not None


def batch_fault(faults: Faults) -> str:
    """How the batch that is being carried out is answered wrongly, empty when it is not; counted as a firing."""
    fault = faults.fires_here(FaultKind.BATCH_ITEMS)
    return "" if fault is None else fault.knob.how or "partly_failed"


def item_fails(how: str, index: int) -> bool:
    """Whether an item (0, 1, ...) of a batch with that fault is to fail without being tried."""
    return how == "partly_failed" and index % 2 == 1


def batch_rows(rows: Sequence[Row], how: str) -> list[Row]:
    """The rows of an answer as that fault sends them."""
    if how == "one_more":
        return [*rows, *rows[-1:]]
    if how == "one_less":
        return list(rows[:-1])
    return list(reversed(rows)) if how == "reordered" else list(rows)
