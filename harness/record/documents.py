"""JSON documents with a schema name and a version: written strictly, read back from any version up to today's."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.record.errors import RecordError
from harness.record.files import read_whole, write_whole

Document = dict[str, Any]
"""A parsed JSON object. Documents stay inside this room: its doors take and give typed values."""

Upgrade = Callable[[Document], Document]
"""Turns a document of one version into one of the next."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of document. `upgrades[n]` turns version n into n + 1; there is one for each older version."""

    schema: str
    version: int
    upgrades: Mapping[int, Upgrade] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        missing = [old for old in range(1, self.version) if old not in self.upgrades]
        if missing:
            raise ValueError(f"{self.schema}: no upgrade from version {missing[0]}; old runs must stay readable")

    def write(self, path: Path, body: Document) -> None:
        """Write `body` under this schema and version; RecordError when it holds NaN or a bare infinity."""
        document = {"schema": self.schema, "version": self.version, **body}
        _refuse_unstorable(document, path, "")
        write_whole(path, _encoded(document))

    def read(self, path: Path) -> Document:
        """The document at `path` as today's version; RecordError when it is none of ours or newer than this harness."""
        try:
            document = json.loads(read_whole(path), parse_constant=_no_constant)
        except ValueError as error:
            raise RecordError(f"{path} is not JSON ({error}); the file was damaged after it was written") from None
        if not isinstance(document, dict) or document.get("schema") != self.schema:
            raise RecordError(f"{path} is not a {self.schema} document; is it a run of this harness?")
        return self._today(document, path)

    def _today(self, document: Document, path: Path) -> Document:
        version = document.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise RecordError(f"{path} has no usable version ({version!r}); the file was edited or damaged")
        if version > self.version:
            raise RecordError(
                f"{path} is {self.schema} version {version} and this harness reads up to {self.version}; "
                "update the harness to read it"
            )
        for old in range(version, self.version):
            document = {**self.upgrades[old](document), "schema": self.schema, "version": old + 1}
        return document


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _encoded(document: Document) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        # half a surrogate pair, as undecodable output of a process becomes: only escapes can carry it
        return json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n"


def _refuse_unstorable(value: object, path: Path, place: str) -> None:
    """JSON has no NaN and no infinity; where infinity has a meaning the caller made it null already."""
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"cannot write {path}: {place or 'the document'} is {value}, which is no measurement")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unstorable(inner, path, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _refuse_unstorable(inner, path, f"{place}[{index}]")
