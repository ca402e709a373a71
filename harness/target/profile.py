"""Profiles: find, read and check the YAML file that says how a target is started."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harness.target.errors import ProfileError
from harness.target.expansion import expand
from harness.target.profile_shape import Cadence as Cadence
from harness.target.profile_shape import Deferred as Deferred
from harness.target.profile_shape import Profile as Profile
from harness.target.profile_shape import ServiceProfile as ServiceProfile

PROFILES = Path(__file__).parent / "profiles"
WAYS = ("command", "image", "address", "compose")


def known_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the harness."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.yaml")))


def load_profile(target: str, environ: Mapping[str, str] | None = None) -> Profile:
    """The profile of that name, or of that file (anything with a slash or ending in .yaml or .yml).

    ${NAME} and ${NAME:-default} are filled in from `environ` (the process's own when None), relative
    paths from the profile's folder. Raises ProfileError.
    """
    path = _find(target)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {path} cannot be read: {error}") from None
    raw, lines = _parse(text, path)
    _prepare(raw, path, os.environ if environ is None else environ)
    try:
        return Profile.model_validate(raw)
    except ValidationError as error:
        raise ProfileError(_first(error, path, lines)) from None


def _find(target: str) -> Path:
    if "/" in target or target.endswith((".yaml", ".yml")):
        path = Path(target).expanduser().resolve()
        if not path.is_file():
            raise ProfileError(f"profile file {path} does not exist: give the path of one or a name: {_names()}")
        return path
    if target not in known_profiles():
        nearest = difflib.get_close_matches(target, known_profiles(), n=1)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise ProfileError(f"there is no target {target!r}: {hint}known are {_names()}, or give a profile's file")
    return PROFILES / f"{target}.yaml"


def _names() -> str:
    return ", ".join(known_profiles())


def _parse(text: str, path: Path) -> tuple[dict[str, Any], yaml.Node | None]:
    try:
        raw = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProfileError(f"profile {path}, line {line}: not valid YAML ({error.problem}): mend that line") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise ProfileError(f"profile {path}: not valid YAML ({error})".splitlines()[0]) from None
    if not isinstance(raw, dict):
        raise ProfileError(f"profile {path}: the file must hold a mapping (name:, services:, …)")
    return raw, node


def _prepare(raw: dict[str, Any], path: Path, environ: Mapping[str, str]) -> None:
    """Fill ${VARIABLES} and relative paths into the raw tree, before it is validated."""
    raw.setdefault("name", path.stem)
    services = raw.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if not isinstance(service, dict):
            continue
        where = f"profile {path}: service {name}"
        service["unset"] = _expand_ways(service, environ)
        starts = any(service.get(way) for way in (*WAYS, "build"))
        if service["unset"] and not starts and name == "connector":
            wanted = " or ".join(f"{', '.join(names)} ({way})" for way, names in service["unset"].items())
            raise ProfileError(f"{where} cannot be started: set {wanted} in the environment")
        # A client that this environment does not offer is refused when it is to be started, and not before.
        _expand_rest(service, environ, where, strict=starts or not service["unset"])
        _resolve_paths(service, path.parent)
    _prepare_compose(raw, path, environ)


def _prepare_compose(raw: dict[str, Any], path: Path, environ: Mapping[str, str]) -> None:
    compose = raw.get("compose")
    if isinstance(compose, dict) and isinstance(compose.get("file"), str):
        expanded = expand(compose["file"], environ)
        if expanded.missing:
            raise ProfileError(f"profile {path}: compose, file: set {', '.join(expanded.missing)} in the environment")
        compose["file"] = (path.parent / Path(expanded.text).expanduser()).resolve()


def _expand_ways(service: dict[str, Any], environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """A way of starting whose variables are not set is left out; returns what each such way lacks."""
    unset: dict[str, tuple[str, ...]] = {}
    for way in WAYS:
        given = service.get(way)
        words = given if isinstance(given, list) else [given] if given is not None else []
        expanded = [expand(str(word), environ) for word in words]
        missing = tuple(dict.fromkeys(name for word in expanded for name in word.missing))
        if missing:
            unset[way] = missing
            del service[way]
        elif given is not None:
            texts = [word.text for word in expanded]
            service[way] = texts if isinstance(given, list) else texts[0]
    return unset


def _expand_rest(service: dict[str, Any], environ: Mapping[str, str], where: str, *, strict: bool) -> None:
    """`strict`: a variable that is not set is a mistake."""
    places: list[dict[str, Any]] = []
    for holder in (service, service.get("scaled")):
        if isinstance(holder, dict) and isinstance(holder.get("environment"), dict):
            holder["environment"] = {key: _scalar(value) for key, value in holder["environment"].items()}
            places.append(holder["environment"])
    if isinstance(service.get("access"), dict):
        places.append(service["access"])
    sources = service.get("introspection")
    places += [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    for holder in places:
        for key, value in holder.items():
            if isinstance(value, str):
                expanded = expand(value, environ)
                if expanded.missing and strict:
                    raise ProfileError(f"{where}, {key}: set {', '.join(expanded.missing)} in the environment")
                holder[key] = expanded.text
    if isinstance(sources, list):
        # A source whose address the environment leaves empty is a source that is not there.
        service["introspection"] = [
            one for one in sources if not isinstance(one, dict) or one.get("port") or one.get("url")
        ]


def _scalar(value: object) -> object:
    """YAML reads 1, 0.5 and true; an environment holds texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _resolve_paths(service: dict[str, Any], folder: Path) -> None:
    command = service.get("command")
    if isinstance(command, list) and command and str(command[0]).startswith(("./", "../")):
        command[0] = str((folder / command[0]).resolve())
    access = service.get("access")
    trust = access.get("tls") if isinstance(access, dict) else None
    if isinstance(trust, dict) and isinstance(trust.get("ca_file"), str):
        trust["ca_file"] = (folder / Path(trust["ca_file"]).expanduser()).resolve()
    build = service.get("build")
    if isinstance(build, dict):
        for key in ("dockerfile", "requirements"):
            if isinstance(build.get(key), str):
                build[key] = (folder / build[key]).resolve()
        if isinstance(build.get("copies"), list):
            build["copies"] = [(folder / str(one)).resolve() for one in build["copies"]]


def _first(error: ValidationError, path: Path, root: yaml.Node | None) -> str:
    """The first mistake as a sentence with its line."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"profile {path}, line {_line(root, place)}: {'.'.join(place) or 'profile'}: {message}{more}"


def _line(node: yaml.Node | None, place: list[str]) -> int:
    line = node.start_mark.line + 1 if node is not None else 1
    for part in place:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and part.isdigit():
            child = node.value[int(part)] if int(part) < len(node.value) else None
        if child is None:
            break
        node, line = child, child.start_mark.line + 1
    return line
