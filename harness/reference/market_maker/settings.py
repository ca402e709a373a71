"""Settings of the market maker, from the environment as the runtime contract names them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

GRID_MODES = ("moving", "fixed")
MAX_WINDOW = 100
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_SYMBOL = re.compile(r"[A-Z0-9]{3,30}")


class SettingsRefused(Exception):
    """A variable that nobody could follow: one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process was told.

    `order_quantity` is money: the worth of one order in the quote currency, as in the connector's configuration. An
    order takes the largest quantity within it that is on the step, but never less than the venue's smallest order.
    """

    address: str
    symbol: str
    price_interval: Decimal
    order_quantity: Decimal
    buy_window: int
    sell_window: int
    grid_mode: str
    """moving: the window follows the price; fixed: it stays around the first price ever seen."""
    log_level: str
    db_file: Path
    health_port: int
    """0: any free one."""
    cancel_on_exit: bool
    backoff_scale: float
    api_key: str = field(default="", repr=False)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of this process. Raises SettingsRefused."""
    env = os.environ if environment is None else environment
    if (exchange := env.get("CURRENT_EXCHANGE") or "remote") != "remote":
        raise SettingsRefused(
            f"CURRENT_EXCHANGE must be remote, not {exchange[:40]!r}: there is no other exchange here"
        )
    mode = env.get("GRID_MODE") or "moving"
    if mode not in GRID_MODES:
        raise SettingsRefused(f"GRID_MODE must be one of {', '.join(GRID_MODES)}, not {mode[:40]!r}")
    symbol = env.get("SYMBOL") or "BTCUSDT"
    if _SYMBOL.fullmatch(symbol) is None:
        raise SettingsRefused(f"SYMBOL must be a symbol like BTCUSDT, not {symbol[:40]!r}")
    settings = Settings(
        address=_address(env.get("EXCHANGE_GRPC_ADDRESS") or "localhost:50051"),
        symbol=symbol,
        price_interval=_above_0(env.get("PRICE_INTERVAL") or "1", "PRICE_INTERVAL"),
        order_quantity=_above_0(env.get("ORDER_QUANTITY") or "30", "ORDER_QUANTITY"),
        buy_window=_whole(env.get("BUY_WINDOW_SIZE") or "5", "BUY_WINDOW_SIZE", MAX_WINDOW),
        sell_window=_whole(env.get("SELL_WINDOW_SIZE") or "5", "SELL_WINDOW_SIZE", MAX_WINDOW),
        grid_mode=mode,
        log_level=env.get("LOG_LEVEL") or "INFO",
        db_file=Path(env.get("DB_FILE") or "market_maker.db"),
        health_port=_whole(env.get("HEALTH_PORT") or "8080", "HEALTH_PORT", 65535),
        cancel_on_exit=_truth(env.get("CANCEL_ON_EXIT") or "true", "CANCEL_ON_EXIT"),
        backoff_scale=_scale(env.get("BACKOFF_SCALE") or "1"),
        api_key=env.get("EXCHANGE_GRPC_API_KEY") or "",
    )
    if not settings.buy_window + settings.sell_window:
        raise SettingsRefused("BUY_WINDOW_SIZE and SELL_WINDOW_SIZE are both 0: there would be nothing to do")
    return settings


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[1]) <= 65535:
        raise SettingsRefused(f"EXCHANGE_GRPC_ADDRESS must be host:port, not {text[:80]!r}")
    return text


def _above_0(text: str, name: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not (number.is_finite() and number > 0):
        raise SettingsRefused(f"{name} must be a decimal number above 0, not {text[:40]!r}")
    return number


def _whole(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= most):
        raise SettingsRefused(f"{name} must be a whole number from 0 to {most}, not {text[:20]!r}")
    return int(text)


def _truth(text: str, name: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise SettingsRefused(f"{name} must be true or false, not {text[:20]!r}")
    return text.lower() == "true"


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale >= 0):
        raise SettingsRefused(f"BACKOFF_SCALE must be a number from 0, not {text[:20]!r}")
    return scale
