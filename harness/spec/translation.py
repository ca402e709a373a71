"""Turn pydantic's complaint about a file's values into one SpecError with line and mend."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json

from harness.spec.acceptance import GroupGate
from harness.spec.case import Case, Criterion
from harness.spec.errors import SpecError
from harness.spec.yaml_source import Place, Plain, Source

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {
    "string_type": "a text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_UNION_MEMBERS = frozenset({"str", "int", "float", "bool", "tuple[str, ...]", "tuple[str,...]"})
_PATTERNS = {
    (Case, "id"): ("a case id such as 3.1.2 or x.name", "write the id of the requirement document, in quotes"),
    (Criterion, "id"): ("a criterion id such as first-update", "use small letters, digits and dashes"),
    (Criterion, "metric"): ("a metric such as messages.count", "write family.name from the vocabulary of metrics"),
}


def validated(source: Source, model: type[Model]) -> Model:
    """The file's content as a `model`. SpecError for the first thing in the file that does not fit.

    Types are strict, as in the published JSON Schema: the text "5" is no number, true is no 1.
    """
    try:
        return model.model_validate_json(to_json(source.value), strict=True)
    except ValidationError as failure:
        details = failure.errors(include_url=False, include_context=True)
        # A list whose items are all wrong counts as too short besides: what is wrong inside says more.
        places = [_place(detail) for detail in details]
        details = [d for d, own in zip(details, places, strict=True) if not any(_inside(p, own) for p in places)]
        # A misspelt field shows as an unknown one and a missing one: the unknown one says more.
        details.sort(key=lambda detail: (detail["type"] == "missing", _line(source, detail)))
        raise _translated(source, details[0], model) from None


def owner(source: Source, place: Place) -> str:
    """What a place belongs to, as an error begins: "criterion 'foreign': "; empty outside of the criteria."""
    if len(place) < 2 or place[0] != "criteria":
        return ""
    name = source.at((*place[:2], "id"))
    return f"criterion {name!r}: " if isinstance(name, str) else f"criterion {int(place[1]) + 1}: "


def brief(value: Plain) -> str:
    """A value as an error shows it: on one line, at most 60 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), None)


def _place(detail: ErrorDetails) -> Place:
    """Path of the value that is complained about, without pydantic's own steps."""
    place = tuple(detail["loc"])
    if place and place[-1] == "[key]":
        place = place[:-1]
    if len(place) == 5 and place[2] == "of" and place[4] in _UNION_MEMBERS:
        return place[:4]  # each member of the union complains about the same value
    if len(place) == 6 and place[2] == "of":
        return (*place[:4], place[5])  # an item of a list of texts
    return place


def _inside(place: Place, outer: Place) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _line(source: Source, detail: ErrorDetails) -> int:
    place = _place(detail)
    if detail["type"] == "missing":
        return source.line_of(place[:-1])
    if detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",):
        return source.line_of_key(place)
    return source.line_of(place)


def _translated(source: Source, detail: ErrorDetails, model: type[BaseModel]) -> SpecError:
    place = _place(detail)
    what, mend = _sentence(source, detail, place, model)
    return SpecError(source.file, _line(source, detail), what, mend)


def _sentence(source: Source, detail: ErrorDetails, place: Place, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    kind, value = detail["type"], source.at(place)
    whose = owner(source, place)
    steps = [str(step) for step in (place[2:] if whose else place)]
    name = steps[-1] if steps else "the file"
    inside = whose + (f"{'.'.join(steps[:-1])}: " if steps[:-1] else "")
    if kind == "missing":
        return f"{inside}field {name!r} is missing", "add it"
    if kind == "extra_forbidden":
        fields = _fields(model, place)
        near = nearest(name, fields)
        return f"{inside}unknown field {name!r}", f"write {near!r}" if near else f"known are {', '.join(fields)}"
    if detail["loc"][-1:] == ("[key]",):
        allowed = [str(word) for word in _expected(detail)]
        return f"{inside}{name!r} is not one of {', '.join(allowed)}", _choice(name, allowed)
    subject = whose + (".".join(steps) or name)
    if len(place) == 4 and place[2] == "of":
        what = f"{subject} must be a text, a number, true, false or a list of texts, not {brief(value)}"
        return what, "write one of these"
    if kind == "enum":
        allowed = _expected(detail)
        return f"{subject} {brief(value)} is not one of {', '.join(allowed)}", _choice(str(value), allowed)
    if kind in _KINDS:
        return f"{subject} must be {_KINDS[kind]}, not {brief(value)}", _retype(kind, value)
    if kind == "string_pattern_mismatch":
        what, mend = _PATTERNS.get((Criterion if "criteria" in place else Case, name), ("of the right form", "mend it"))
        return f"{subject} {brief(value)} is not {what}", mend
    if kind in ("too_short", "string_too_short"):
        return f"{subject} is too short ({brief(value)})", "write it out"
    message = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{subject} {brief(value)}: {message[:1].lower()}{message[1:]}", "change the value"


def _expected(detail: ErrorDetails) -> list[str]:
    """The words of an enum, from pydantic's "'a', 'b' or 'c'"."""
    text = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip("' ") for word in text.replace(" or ", ", ").split(", ")]


def _choice(word: str, allowed: list[str]) -> str:
    near = nearest(word, allowed) if word.isidentifier() else None  # no operator is a misspelling of another
    return f"write {near!r}" if near else "write one of them"


def _retype(kind: str, value: Plain) -> str:
    if kind == "string_type" and isinstance(value, (int, float, bool)):
        return "put it in quotes"
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return "write the bare number, without quotes or unit"
    return f"write {_KINDS[kind]} there"


def _fields(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the fields that are known where the unknown one stands."""
    if place[0] == "criteria" and len(place) > 2:
        return list(Criterion.model_fields)
    fields: Mapping[str, object] = model.model_fields
    if place[0] in fields and len(place) == 3:
        return list(GroupGate.model_fields)
    return list(fields)
