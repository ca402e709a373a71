"""Where a Go program keeps its goroutines: addresses from its symbol table, offsets from its DWARF, cached on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from elftools.common.exceptions import ELFError
from elftools.dwarf.compileunit import CompileUnit
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

FORMAT = 2
"""Of the cached file: raise it when Layout changes, or what is counted as the runtime's own."""
ALLGS = "runtime.allgs"
NOT_SYSTEM = ("runtime.main", "runtime.corostart", "runtime.handleAsyncEvent")
"""Goroutines that begin in the runtime and yet are the program's, as the runtime itself has it."""
FIELDS = ("atomicstatus", "goid", "startpc")
STATUSES: Mapping[str, int] = {
    "_Gidle": 0, "_Grunnable": 1, "_Grunning": 2, "_Gsyscall": 3, "_Gwaiting": 4, "_Gdead": 6, "_Gcopystack": 8,
    "_Gpreempted": 9, "_Gleaked": 10, "_Gdeadextra": 11, "_Gscan": 0x1000,
}  # fmt: skip
"""As all supported versions number them; a program whose DWARF says otherwise is not understood."""
KNOWN: Mapping[str, tuple[int, int, int]] = {
    "1.21": (144, 152, 296),
    "1.22": (144, 152, 296),
    "1.23": (152, 160, 304),
    "1.24": (152, 160, 304),
    "1.25": (144, 152, 296),
    "1.26": (144, 152, 304),
}
"""FIELDS of runtime.g on 64-bit little-endian machines, read off programs of these versions that had their DWARF."""
_VERSION = re.compile(rb"go(1\.\d+)(?:\.\d+)?(?=[^\d.]|$)")


class UnknownLayoutError(Exception):
    """A program's goroutines cannot be found, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses are as linked: a position-independent program is loaded elsewhere, see `loaded_at`.

    `status`, `goid`, `start` are offsets in runtime.g; `system` the addresses of the functions in which the
    runtime's own goroutines begin; `source` says how the offsets are known.
    """

    version: str
    allgs: int
    status: int
    goid: int
    start: int
    system: frozenset[int]
    movable: bool
    first_address: int
    source: str


def layout_of(executable: BinaryIO, name: str, cache: Path | None = None) -> Layout:
    """The layout of an open executable; `name` is for messages. Reading DWARF takes seconds for a large program.

    `cache`: the folder in which layouts are kept by build id (the user's cache folder when None).
    Raises UnknownLayoutError.
    """
    try:
        program = ELFFile(executable)
        version = _version(program, name)
        key = _key(program, executable)
    except (ELFError, OSError, ValueError) as error:
        raise UnknownLayoutError(f"{name} is no ELF program ({error})") from None
    kept = (cache or cache_folder()) / f"{key}.json"
    if (known := _load(kept)) is not None:
        return known
    try:
        found = _read(program, version, name)
    except (ELFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise UnknownLayoutError(f"{name} cannot be understood ({type(error).__name__}: {error})") from None
    _save(kept, found)
    return found


def cache_folder() -> Path:
    """Where layouts are kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "opensqt-nfr-harness" / "go-layouts"


def _key(program: ELFFile, executable: BinaryIO) -> str:
    """The build id with the size: stripping a program leaves the id as it was."""
    size = os.fstat(executable.fileno()).st_size
    ids = [
        str(note["n_desc"])
        for section in program.iter_sections()
        if isinstance(section, NoteSection) and section.name in (".note.go.buildid", ".note.gnu.build-id")
        for note in section.iter_notes()
    ]
    content = "".join(sorted(ids)).encode() if ids else hashlib.sha256(_whole(executable)).digest()
    return hashlib.sha256(content + str(size).encode()).hexdigest()[:32]


def _whole(executable: BinaryIO) -> bytes:
    executable.seek(0)
    return executable.read()


def _version(program: ELFFile, name: str) -> str:
    """1.26, for example."""
    section = program.get_section_by_name(".go.buildinfo")
    if section is None:
        raise UnknownLayoutError(f"{name} is no Go program: it has no section .go.buildinfo")
    if program.elfclass != 64 or not program.little_endian:
        raise UnknownLayoutError(f"{name} is a Go program for a machine whose layout is not known")
    match = _VERSION.search(section.data()[:256])
    if match is None:
        raise UnknownLayoutError(f"{name} does not say which Go version built it")
    return match.group(1).decode()


def _read(program: ELFFile, version: str, name: str) -> Layout:
    symbols = program.get_section_by_name(".symtab")
    if not isinstance(symbols, SymbolTableSection):
        raise UnknownLayoutError(f"{name} is stripped of its symbols: build it without -ldflags=-s")
    found = symbols.get_symbol_by_name(ALLGS)
    if not found or found[0]["st_size"] != 24:
        raise UnknownLayoutError(f"{name} has no {ALLGS} as Go {version} is known to have it")
    offsets, source = _offsets(program, version, name)
    system = frozenset(
        int(symbol["st_value"])
        for symbol in symbols.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC"
        and symbol.name.startswith("runtime.")
        and symbol.name.removesuffix(".abi0") not in NOT_SYSTEM
    )
    first = min(int(one["p_vaddr"]) for one in program.iter_segments() if one["p_type"] == "PT_LOAD")
    status, goid, start = offsets
    movable = program["e_type"] == "ET_DYN"
    return Layout(version, int(found[0]["st_value"]), status, goid, start, system, movable, first, source)


def _offsets(program: ELFFile, version: str, name: str) -> tuple[tuple[int, int, int], str]:
    """Of FIELDS, from DWARF or, where it was left out, as they are known for this version."""
    if not program.has_dwarf_info(strict=True):
        if version not in KNOWN:
            raise UnknownLayoutError(f"{name} has no DWARF, and the layout of Go {version} is not known without it")
        return KNOWN[version], f"known for Go {version}"
    fields: dict[str, int] = {}
    for unit in program.get_dwarf_info().iter_CUs():
        title = unit.get_top_DIE().attributes.get("DW_AT_name")
        if title is not None and title.value == b"runtime":  # several: one for its Go files, one for its assembly
            fields |= _fields_in(unit, version, name)
    if missing := [field for field in FIELDS if field not in fields]:
        raise UnknownLayoutError(f"{name}: the DWARF has no runtime.g with {', '.join(missing)}")
    return (fields["atomicstatus"], fields["goid"], fields["startpc"]), "DWARF"


def _fields_in(unit: CompileUnit, version: str, name: str) -> dict[str, int]:
    """Offsets in runtime.g, where this unit describes it. Raises UnknownLayoutError for other statuses."""
    fields: dict[str, int] = {}
    for entry in unit.iter_DIEs():
        title = _title(entry)
        if entry.tag == "DW_TAG_constant" and title.startswith("runtime._G"):
            status = title.removeprefix("runtime.")
            value = entry.attributes["DW_AT_const_value"].value
            if STATUSES.get(status, value) != value:
                raise UnknownLayoutError(f"{name}: Go {version} numbers {status} {value}, which is not known")
        elif entry.tag == "DW_TAG_structure_type" and title == "runtime.g":
            for member in entry.iter_children():
                place = member.attributes.get("DW_AT_data_member_location")
                if place is not None:
                    fields[_title(member)] = int(place.value)
    return fields


def _title(entry: Any) -> str:
    title = entry.attributes.get("DW_AT_name")
    return title.value.decode("utf-8", "replace") if title is not None and isinstance(title.value, bytes) else ""


def _load(path: Path) -> Layout | None:
    """A layout kept before; None when there is none that can be used."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("format") != FORMAT:
            return None
        return Layout(**{**kept, "system": frozenset(kept["system"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _save(path: Path, layout: Layout) -> None:
    """Whole or not at all; a cache that cannot be written only costs the time to read again."""
    content = json.dumps({"format": FORMAT, **asdict(layout), "system": sorted(layout.system)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".layout-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.replace(scratch, path)
    except OSError:
        return
