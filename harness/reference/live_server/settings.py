"""Settings of the live server, from the environment as the runtime contract names them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_ADDRESS = "localhost:50051"
DEFAULT_PORT = 8081
MAX_HISTORY = 1000
LEVELS = ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_SYMBOL = re.compile(r"[A-Z0-9]{3,30}")
_INTERVAL = re.compile(r"[1-9]\d?[mhdwM]")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process was told; `port` 0 is any free one."""

    address: str
    symbol: str
    interval: str
    history_candles: int
    port: int
    log_level: str
    backoff_scale: float
    api_key: str = field(default="", repr=False)


class SettingsRefused(Exception):
    """A variable that nobody could follow: one sentence."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of this process. Raises SettingsRefused."""
    env = os.environ if environment is None else environment
    exchange_type = env.get("EXCHANGE_TYPE") or "remote"
    if exchange_type != "remote":
        raise SettingsRefused(
            f"EXCHANGE_TYPE must be remote, not {exchange_type[:40]!r}: there is no other exchange here"
        )
    level = (env.get("LOG_LEVEL") or "INFO").upper()
    if level not in LEVELS:
        raise SettingsRefused(f"LOG_LEVEL must be one of DEBUG, INFO, WARN, ERROR, FATAL, not {level[:20]!r}")
    return Settings(
        address=_address(env.get("EXCHANGE_GRPC_ADDRESS") or DEFAULT_ADDRESS),
        symbol=_spelled(env.get("SYMBOL") or "BTCUSDT", _SYMBOL, "SYMBOL", "a symbol like BTCUSDT"),
        interval=_spelled(
            env.get("INTERVAL") or "1m", _INTERVAL, "INTERVAL", "a candle's length like 1m, 15m, 4h or 1d"
        ),
        history_candles=_whole(env.get("HISTORICAL_LIMIT") or "100", "HISTORICAL_LIMIT", 1, MAX_HISTORY),
        port=_whole(env.get("PORT") or str(DEFAULT_PORT), "PORT", 0, 65535),
        log_level=level,
        backoff_scale=_scale(env.get("BACKOFF_SCALE") or "1"),
        api_key=env.get("EXCHANGE_GRPC_API_KEY") or "",
    )


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[1]) <= 65535:
        raise SettingsRefused(f"EXCHANGE_GRPC_ADDRESS must be host:port, not {text[:80]!r}")
    return text


def _spelled(text: str, form: re.Pattern[str], name: str, wanted: str) -> str:
    if form.fullmatch(text) is None:
        raise SettingsRefused(f"{name} must be {wanted}, not {text[:40]!r}")
    return text


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise SettingsRefused(f"{name} must be a whole number from {least} to {most}, not {text[:20]!r}")
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale >= 0):
        raise SettingsRefused(f"BACKOFF_SCALE must be a number from 0, not {text[:20]!r}")
    return scale
