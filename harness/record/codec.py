"""Typed values to documents and back: the formats of run.json, case.json and verdict.json."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.record.documents import Document, Format
from harness.record.errors import RecordError
from harness.record.run import RunInfo
from harness.spec.case import Case
from harness.verdict.interval import Interval
from harness.verdict.verdict import CaseVerdict

RUN = Format("nfr.run", 1)
CASE = Format("nfr.case", 1)
VERDICT = Format("nfr.verdict", 1)

T = TypeVar("T")

_RUN: TypeAdapter[RunInfo] = TypeAdapter(RunInfo)
_CASE: TypeAdapter[Case] = TypeAdapter(Case)
_VERDICT: TypeAdapter[CaseVerdict] = TypeAdapter(CaseVerdict)


def run_document(info: RunInfo) -> Document:
    """The body of run.json."""
    return asdict(info)


def run_of(document: Document, path: Path) -> RunInfo:
    """The run that run.json describes."""
    return _typed(_RUN, _body(document), path)


def case_document(case: Case) -> Document:
    """The body of case.json: the case with the limits it was judged by."""
    return _object(case.model_dump(mode="python"))


def case_of(document: Document, path: Path) -> Case:
    """The case that case.json holds."""
    return _typed(_CASE, _body(document), path)


def verdict_document(verdict: CaseVerdict) -> Document:
    """The body of verdict.json. An infinite end of an interval is null."""
    body = _object(asdict(verdict))
    for document, finding in zip(body["findings"], verdict.findings, strict=True):
        document["interval"] = None if finding.interval is None else _interval_document(finding.interval)
    return body


def verdict_of(document: Document, path: Path) -> CaseVerdict:
    """The verdict that verdict.json holds."""
    body = _body(document)
    findings = body.get("findings")
    for finding in findings if isinstance(findings, list) else []:
        if isinstance(finding, dict) and isinstance(finding.get("interval"), dict):
            finding["interval"] = _with_infinity(finding["interval"])
    return _typed(_VERDICT, body, path)


def _interval_document(interval: Interval) -> Document:
    """low and high, null where infinite; `beyond` says which side an interval without any finite point lies on."""
    document: Document = {"low": _finite(interval.low), "high": _finite(interval.high)}
    if interval.low == interval.high and math.isinf(interval.low):
        document["beyond"] = "above" if interval.low > 0 else "below"
    return document


def _with_infinity(document: Document) -> Document:
    """What the nulls stand for, put back; what is not as it should be stays, for the validation to say so."""
    low, high = document.get("low"), document.get("high")
    if document.get("beyond") == "above":
        low = math.inf
    if document.get("beyond") == "below":
        high = -math.inf
    return {"low": -math.inf if low is None else low, "high": math.inf if high is None else high}


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value


def _body(document: Document) -> Document:
    return {key: value for key, value in document.items() if key not in ("schema", "version")}


def _object(value: Document) -> Document:
    return {key: _plain(inner) for key, inner in value.items()}


def _plain(value: Any) -> Any:
    """Tuples to lists and enums to their text: what JSON gives back, so that a document equals itself read again."""
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def _typed(adapter: TypeAdapter[T], body: Document, path: Path) -> T:
    try:
        return adapter.validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise RecordError(f"{path}: {place}: {first['msg']}; the file was edited or damaged") from None
