"""Settings: flags, environment and the YAML file, in the order of the runtime contract (the environment wins)."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

EXCHANGES = ("binance", "bitget", "gate", "okx", "bybit", "mock")
DEFAULT_EXCHANGE = "binance"
DEFAULT_PORT = 50051
NEEDS_PASSPHRASE = frozenset({"bitget", "okx"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Part(BaseModel):
    # The same file also configures services that this one knows nothing of.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class _App(_Part):
    current_exchange: str = DEFAULT_EXCHANGE
    active_exchanges: list[str] = []

    @field_validator("current_exchange")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in EXCHANGES:
            raise ValueError(f"unknown exchange {name!r}; one of {', '.join(EXCHANGES)}")
        return name


class _Exchange(_Part):
    api_key: str = ""
    secret_key: str = ""
    passphrase: str = ""
    base_url: str = ""
    fee_rate: Decimal = Field(default=Decimal("0.0002"), ge=0, lt=1)
    tls_cert_file: str = ""
    tls_key_file: str = ""
    grpc_api_keys: list[str] = []
    grpc_rate_limit: int = Field(default=0, ge=0)

    @field_validator("base_url")
    @classmethod
    def _has_scheme(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return url.rstrip("/")

    @field_validator("grpc_api_keys", mode="before")
    @classmethod
    def _listed(cls, keys: Any) -> Any:
        return [key.strip() for key in keys.split(",") if key.strip()] if isinstance(keys, str) else keys

    @model_validator(mode="after")
    def _both_halves(self) -> _Exchange:
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS needs both tls_cert_file and tls_key_file")
        return self


class _Trading(_Part):
    symbol: str = "BTCUSDT"
    order_quantity: Decimal = Field(default=Decimal("0.001"), gt=0)
    strategy_type: str = "grid"
    price_interval: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _grid_has_interval(self) -> _Trading:
        if self.strategy_type == "grid" and self.price_interval <= 0:
            raise ValueError("price_interval must be above 0 for the grid strategy")
        return self


class _System(_Part):
    log_level: str = "INFO"


class _File(_Part):
    app: _App = _App()
    exchanges: dict[str, _Exchange] = {}
    trading: _Trading = _Trading()
    system: _System = _System()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a venue wants to know before it talks to us; never printed."""

    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process was told. `warnings` are to be logged as soon as a log exists."""

    exchange: str
    port: int
    log_level: str
    config_file: str
    base_url: str
    symbol: str
    credentials: Credentials
    tls_cert_file: str
    tls_key_file: str
    grpc_api_keys: tuple[str, ...]
    grpc_rate_limit_per_s: int
    introspection_port: int | None
    stream_buffer_messages: int
    warnings: tuple[str, ...] = ()

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be written anywhere."""
        keys = self.credentials
        return (keys.api_key, keys.secret, keys.passphrase, *self.grpc_api_keys)


class SettingsRefused(Exception):
    """A flag or a variable that nobody could follow: one sentence."""


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from flags, environment and file. Raises SettingsRefused for an unusable flag or variable.

    A file that cannot be read or fails validation is ignored as a whole, with a warning.
    """
    env = os.environ if environment is None else environment
    flags = _flags().parse_args(arguments)
    config_file = env.get("CONFIG_FILE") or flags.config or ""
    warnings: list[str] = []
    file = _read_file(config_file, env, warnings)
    name = env.get("EXCHANGE") or flags.exchange or file.app.current_exchange
    if name not in EXCHANGES:
        raise SettingsRefused(f"unknown exchange {name!r}: use one of {', '.join(EXCHANGES)}")
    one = file.exchanges.get(name, _Exchange())
    base_url = (env.get("BASE_URL") or one.base_url).rstrip("/")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise SettingsRefused("BASE_URL must begin with http:// or https://")
    introspection = env.get("INTROSPECTION_PORT", "")
    return Settings(
        exchange=name,
        port=_port(env.get("PORT") or flags.port, "PORT"),
        log_level=env.get("LOG_LEVEL") or file.system.log_level,
        config_file=config_file,
        base_url=base_url,
        symbol=file.trading.symbol,
        credentials=Credentials(
            env.get("API_KEY") or one.api_key,
            env.get("API_SECRET") or one.secret_key,
            env.get("PASSPHRASE") or one.passphrase,
        ),
        tls_cert_file=one.tls_cert_file,
        tls_key_file=one.tls_key_file,
        grpc_api_keys=tuple(one.grpc_api_keys),
        grpc_rate_limit_per_s=one.grpc_rate_limit,
        introspection_port=_port(introspection, "INTROSPECTION_PORT") if introspection else None,
        stream_buffer_messages=max(1, _whole(env.get("STREAM_BUFFER_MESSAGES") or 5000, "STREAM_BUFFER_MESSAGES")),
        warnings=tuple(warnings),
    )


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exchange_connector", description="gRPC exchange connector; the environment wins over flags and file."
    )
    parser.add_argument("--config", metavar="FILE", help="YAML configuration (CONFIG_FILE)")
    parser.add_argument("--exchange", metavar="NAME", help=f"one of {', '.join(EXCHANGES)} (EXCHANGE)")
    parser.add_argument("--port", metavar="N", default=str(DEFAULT_PORT), help="gRPC port; 0: any free one (PORT)")
    return parser


def _read_file(path: str, env: Mapping[str, str], warnings: list[str]) -> _File:
    if not path:
        return _File()
    try:
        return _File.model_validate(_expand(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}, env))
    except ValidationError as error:
        # Only places and rules: the offending input may be a secret.
        cause = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    except OSError as error:
        cause = error.strerror or type(error).__name__
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        cause = f"not readable as YAML{f' (line {mark.line + 1})' if mark else ''}"
    warnings.append(f"config file {path} is ignored and defaults are used: {cause}")
    return _File()


def _expand(node: Any, env: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: env.get(match.group(1), ""), node)
    if isinstance(node, dict):
        return {key: _expand(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_expand(value, env) for value in node]
    return node


def _whole(text: str | int, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsRefused(f"{name} must be a whole number, not {str(text)[:20]!r}") from None


def _port(text: str | int, name: str) -> int:
    port = _whole(text, name)
    if not 0 <= port <= 65535:
        raise SettingsRefused(f"{name} must be between 0 and 65535, not {port}")
    return port
