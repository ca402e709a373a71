"""The two kinds of holes in a profile: ${VARIABLE} from the environment at load, {value} from the launcher at start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.target.errors import ProfileError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_VALUE = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)\}")

Values = Mapping[str, str | None]
"""What the launcher fills in, by name. None: known, and absent this time (no venue behind the mock exchange)."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text after its ${VARIABLES} were filled in; `missing` are those that the environment lacks."""

    text: str
    missing: tuple[str, ...] = field(default=())


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fill in ${NAME} and ${NAME:-default}; an empty variable counts as missing."""
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        if found := environ.get(name):
            return found
        if default is None:
            missing.append(name)
        return default or ""

    return Expanded(_VARIABLE.sub(value, text), tuple(dict.fromkeys(missing)))


def fill(text: str, values: Values, where: str) -> str | None:
    """Fill in {name}; None when one of the values is absent this time. Raises ProfileError for an unknown name.

    ${NAME} is left as it is: in a config file it is the service that expands it, from its environment, so
    that no secret lies in a file.
    """
    absent = False

    def value(match: re.Match[str]) -> str:
        nonlocal absent
        name = match.group(1)
        if name not in values:
            known = ", ".join(sorted(values))
            raise ProfileError(f"{where}: {{{name}}} is not a value that a launcher knows; use one of {known}")
        found = values[name]
        absent = absent or found is None
        return found or ""

    filled = _VALUE.sub(value, text)
    return None if absent else filled


def fill_tree(node: object, values: Values, where: str) -> object | None:
    """`fill` for a whole YAML tree, keys included; entries whose value is absent this time are left out."""
    if isinstance(node, str):
        return fill(node, values, where)
    if isinstance(node, Mapping):
        filled = {fill(str(key), values, where): fill_tree(item, values, where) for key, item in node.items()}
        return {key: item for key, item in filled.items() if key is not None and item is not None}
    if isinstance(node, list | tuple):
        return [item for item in (fill_tree(one, values, where) for one in node) if item is not None]
    return node
