"""Recipe: one service's profile with every value filled in, ready to be started by any launcher."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from harness.target.credentials import Credentials
from harness.target.errors import ProfileError
from harness.target.expansion import Values, fill, fill_tree
from harness.target.profile import ServiceProfile

INHERITED = re.compile(
    r"(PATH|HOME|USER|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|VIRTUAL_ENV|LD_LIBRARY_PATH|SSL_CERT_(FILE|DIR)|PYTHON.*)\Z"
)
"""What a process gets of our own environment; all else would make a run depend on the shell it was started from."""
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service will run: what only the launcher knows. `data_folder`: it may write there, and what it wrote
    is there again after its restart."""

    ports: Mapping[str, int]
    config_path: str
    python: str
    host: str = "127.0.0.1"
    """Where it should listen."""
    data_folder: str = "/tmp"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to run. `config_text` belongs at `config_path`; None when the service has no config file."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    config_text: str | None
    config_path: str


@dataclass(frozen=True, slots=True)
class Filling:
    """What goes into a service's {holes} besides what its place gives. `peers`: hosts to reach without proxy."""

    values: Values = field(repr=False)
    peers: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    masked: tuple[str, ...] = field(default=(), repr=False)


def connector_filling(
    exchange: str, venue_url: str, credentials: Credentials | None, where: str, api_key: str = ""
) -> Filling:
    """For the connector. `venue_url` "" means that there is no venue; `api_key` is what it demands of its clients.

    Raises ProfileError: no scheme in the address.
    """
    known = credentials or Credentials("", "")
    values: dict[str, str | None] = {
        "exchange": exchange,
        "venue_url": checked_url(venue_url, where) if venue_url else None,
        "api_key": known.key,
        "api_secret": known.secret,
        "passphrase": known.passphrase,
    }
    return Filling(
        values, (urlsplit(venue_url).hostname or "",), known.texts(), tuple(one for one in (known.key, api_key) if one)
    )


def client_filling(values: Mapping[str, str]) -> Filling:
    """For a client of the connector, which holds no credentials of the exchange."""
    return Filling(values, tuple(text.rpartition(":")[0] for text in values.values() if ":" in text))


def cook(
    service: ServiceProfile, place: Place, filling: Filling, *, environment: Mapping[str, str], where: str
) -> Recipe:
    """Fill in the profile; `environment` is added last and wins. Raises ProfileError: a hole of an unknown name."""
    values: dict[str, str | None] = {
        "python": place.python,
        "config_file": place.config_path if service.config is not None else None,
        "data_folder": place.data_folder,
        **{f"{name}_port": str(port) for name, port in place.ports.items()},
        **filling.values,
    }
    filled = {name: fill(text, values, f"{where}: environment {name}") for name, text in service.environment.items()}
    config_text = None
    if service.config is not None:
        config_text = to_yaml(fill_tree(service.config, values, f"{where}: config"))
    return Recipe(
        command=_words(service.command, values, f"{where}: command"),
        arguments=_words(service.arguments, values, f"{where}: arguments"),
        environment={
            **without_proxy(*filling.peers),
            **{name: text for name, text in filled.items() if text is not None},
            **environment,
        },
        config_text=config_text,
        config_path=place.config_path,
    )


def _words(words: tuple[str, ...], values: Values, where: str) -> tuple[str, ...]:
    return tuple(word for word in (fill(one, values, where) for one in words) if word)


def checked_url(url: str, where: str) -> str:
    """The venue's base URL; the adapters make a WebSocket address of it by its scheme, so it must have one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProfileError(f"{where}: base_url {url!r} has no scheme and host: write it as http://HOST:PORT")
    return url


def without_proxy(*peers: str) -> dict[str, str]:
    """Environment that keeps a service from asking a proxy for this host or for its peers."""
    hosts = ["localhost", "127.0.0.1", "::1", *peers]
    inherited = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    listed = ",".join(dict.fromkeys(host for host in (*inherited.split(","), *hosts) if host))
    return {"NO_PROXY": listed, "no_proxy": listed}


def inherited_environment() -> dict[str, str]:
    """The part of our own environment that a process of ours gets, with this project importable."""
    kept = {name: value for name, value in os.environ.items() if INHERITED.match(name)}
    paths = [str(PROJECT), *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return {**kept, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONUNBUFFERED": "1"}


class _Dumper(yaml.SafeDumper):
    """Writes ${NAME} in quotes: the service puts the variable's text there before it reads the YAML."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if "${" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(tree: object) -> str:
    """The config file's text."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def refusal_of_config(service: ServiceProfile, lines: tuple[str, ...]) -> str:
    """The log line that says the config file was not accepted; empty when none does."""
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in service.config_refused]
    return next((line for line in lines for one in patterns if one.search(line)), "")
