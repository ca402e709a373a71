"""Read a YAML file as plain values that remember their lines, and write such values so that they read back equal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from harness.spec.errors import SpecError

_TAG = "tag:yaml.org,2002:"
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
Place = tuple[str | int, ...]

MAX_VALUES = 100_000
"""More values than any spec needs: aliases of aliases can grow without bound."""
MAX_INT_DIGITS = 18

# YAML 1.2's core schema. YAML 1.1, PyYAML's default, reads on, off, yes and no as booleans, 1:30 as 90
# and 1e-4 as a text; all three would surprise in a file of limits.
_RESOLVERS = (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+."),
    ("merge", r"^<<$", "<"),
)


class _Composer(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way to give a class its own rules


class _Writer(yaml.SafeDumper):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way to give a class its own rules

    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _pattern, _first in _RESOLVERS:
    for _class in (_Composer, _Writer):
        _class.add_implicit_resolver(_TAG + _tag, re.compile(_pattern), list(_first))


@dataclass(frozen=True, slots=True)
class Source:
    """A file's content as plain values. Lines count from 1 and are kept by path: ("criteria", 2, "op")."""

    file: str
    value: Plain
    value_lines: Mapping[Place, int]
    key_lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """Line of the value at `place`, or of the nearest thing around it that exists."""
        while place and place not in self.value_lines:
            place = place[:-1]
        return self.value_lines.get(place, 1)

    def line_of_key(self, place: Place) -> int:
        """Line on which the key of the mapping entry at `place` stands."""
        return self.key_lines.get(place, self.line_of(place))

    def at(self, place: Place) -> Plain:
        """The value at `place`; None when there is none."""
        value = self.value
        for step in place:
            match value, step:
                case dict(), str() if step in value:
                    value = value[step]
                case list(), int() if step < len(value):
                    value = value[step]
                case _:
                    return None
        return value


def shown(path: Path) -> str:
    """How an error names a file: relative to the working directory when it lies below it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def read(path: Path) -> Source:
    """Parse one file. SpecError when it cannot be read, is not UTF-8, is empty or is not plain YAML."""
    file = shown(path)
    text = _text_of(path, file)
    composer: _Composer | None = None
    try:
        composer = _Composer(text)
        node = composer.get_single_node()
    except yaml.YAMLError as error:
        raise _syntax(file, text, error) from None
    except RecursionError:
        raise SpecError(file, 1, "the YAML is nested too deeply", "write it flat, as the other specs are") from None
    finally:
        if composer is not None:
            composer.dispose()
    if node is None:
        raise SpecError(file, 1, "the file is empty", "write its fields, or delete it")
    reading = _Reading(file)
    value = reading.plain(node, ())
    return Source(file, value, reading.value_lines, reading.key_lines)


def write(value: object) -> str:
    """YAML text that `read` turns into an equal value."""
    text: str = yaml.dump(value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=110)
    return text


def _text_of(path: Path, file: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        what = f"the file cannot be read ({(error.strerror or 'unknown error').lower()})"
        raise SpecError(file, 0, what, "check that it exists and may be read") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise SpecError(file, line, what, "save the file as UTF-8") from None


@dataclass(slots=True)
class _Reading:
    """One pass over a file's nodes."""

    file: str
    value_lines: dict[Place, int] = field(default_factory=dict)
    key_lines: dict[Place, int] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)

    def plain(self, node: Node, place: Place) -> Plain:
        line = node.start_mark.line + 1
        self.value_lines[place] = line
        if len(self.value_lines) > MAX_VALUES:
            self._refuse(node, f"the file unfolds to more than {MAX_VALUES} values", "use fewer aliases of aliases")
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self.under_way:
            self._refuse(node, "a value contains itself through an alias", "write the inner value out")
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._refuse(node, f"tag {node.tag!r} is not used in specs", "leave the tag away")
        self.under_way.add(id(node))
        value: Plain
        if isinstance(node, SequenceNode):
            value = [self.plain(item, (*place, number)) for number, item in enumerate(node.value)]
        else:
            assert isinstance(node, MappingNode)
            value = self._mapping(node, place)
        self.under_way.discard(id(node))
        return value

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Plain]:
        own: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                self._merge(value_node, place, merged)
                continue
            key = self._key(key_node)
            if key in own:
                first = self.key_lines[*place, key]
                what = f"key {key!r} stands twice in one mapping (first in line {first})"
                self._refuse(key_node, what, "keep one of the two")
            own[key] = self.plain(value_node, (*place, key))
            self.key_lines[*place, key] = key_node.start_mark.line + 1
        for key, value in merged.items():
            own.setdefault(key, value)
        return own

    def _merge(self, node: Node, place: Place, into: dict[str, Plain]) -> None:
        """YAML's `<<`: entries of the merged mappings, which the mapping's own entries override."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, MappingNode):
                self._refuse(part, "'<<' merges something that is no mapping", "merge an alias of a mapping")
            known, known_keys = dict(self.value_lines), dict(self.key_lines)
            for key, value in self._merged_part(part, place).items():
                into.setdefault(key, value)
            self.value_lines.update(known)
            self.key_lines.update(known_keys)

    def _merged_part(self, node: MappingNode, place: Place) -> dict[str, Plain]:
        if id(node) in self.under_way:
            self._refuse(node, "a value contains itself through an alias", "write the inner value out")
        self.under_way.add(id(node))
        value = self._mapping(node, place)
        self.under_way.discard(id(node))
        return value

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            self._refuse(node, "a key is a list or a mapping", "write a plain word as the key")
        if node.tag != _TAG + "str":
            self._refuse(node, f"key {node.value!r} is no text", "put it in quotes")
        return str(node.value)

    def _scalar(self, node: ScalarNode) -> Plain:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "null" and text.lower() in ("", "~", "null"):
            return None
        if kind in ("int", "float"):
            return self._number(node, text, kind)
        self._refuse(node, f"tag {node.tag!r} is not used in specs", "leave the tag away")

    def _number(self, node: ScalarNode, text: str, kind: str) -> int | float:
        if kind == "int" and len(text.lstrip("+-0")) > MAX_INT_DIGITS:
            self._refuse(node, f"a number of more than {MAX_INT_DIGITS} digits", "write a limit that can be measured")
        try:
            value = int(text) if kind == "int" else float(text.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            self._refuse(node, f"{text[:40]!r} is no number", "write digits")
        if not math.isfinite(value):
            self._refuse(node, f"{text[:40]!r} is not a finite number", "write a limit that can be measured")
        return value

    def _refuse(self, node: Node, what: str, mend: str) -> NoReturn:
        raise SpecError(self.file, node.start_mark.line + 1, what, mend)


_QUOTE = "put the text in quotes"
_MENDS = (
    ("'\\t'", "indent with spaces instead of tabs"),
    ("chomping or indentation", "put the operator in quotes, as in op: '>='"),
    ("cannot start any token", _QUOTE),
    ("mapping values are not allowed", "put the text in quotes, or check the indentation"),
    ("but found '<scalar>'", "close the quote in this line or the ones above"),
    ("expected <block end>", "check the indentation of this line and the ones above"),
    ("could not find expected ':'", "write 'key: value', or indent the line as part of the text above"),
    ("undefined alias", "define the anchor above it, or write the value out"),
    ("another document", "keep one document per file"),
    ("unexpected end of stream", "close the quote"),
)


def _syntax(file: str, text: str, error: yaml.YAMLError) -> SpecError:
    """PyYAML's complaint with its line and a way to mend it."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(f"{error.context or ''}: {error.problem or ''}".strip(": ").split())
    else:  # a character that no YAML file may contain
        position = getattr(error, "position", 0)
        line = text[:position].count("\n") + 1
        problem = f"character U+{ord(text[position]):04X} is not allowed" if position < len(text) else "bad character"
    mend = next((mend for part, mend in _MENDS if part in problem), "mend the syntax there")
    return SpecError(file, min(line, text.count("\n") + 1), f"this is not YAML ({problem})", mend)
