"""The contracts that are traded: USDT-settled linear perpetuals with their steps and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from harness.venue.core.decimals import places_of


@dataclass(frozen=True, slots=True)
class Instrument:
    """One perpetual. Prices and notionals in `quote`, quantities in `base`."""

    symbol: str
    base: str
    start_price: Decimal
    tick: Decimal
    step: Decimal
    """Also the size of one contract, for venues that count in contracts."""
    max_qty: Decimal
    quote: str = "USDT"
    min_notional: Decimal = Decimal(5)
    max_leverage: int = 125
    maintenance_rate: Decimal = Decimal("0.004")
    price_places: int = field(init=False)
    """Decimals of a price."""
    qty_places: int = field(init=False)
    """Decimals of a quantity."""

    @property
    def min_qty(self) -> Decimal:
        """Smallest quantity of an order."""
        return self.step

    def __post_init__(self) -> None:
        # Asked for with every price and quantity that is written out.
        object.__setattr__(self, "price_places", places_of(self.tick))
        object.__setattr__(self, "qty_places", places_of(self.step))


def _instrument(base: str, price: str, tick: str, step: str, max_qty: str) -> Instrument:
    return Instrument(f"{base}USDT", base, Decimal(price), Decimal(tick), Decimal(step), Decimal(max_qty))


ALL: tuple[Instrument, ...] = (
    _instrument("BTC", "45000.0", "0.1", "0.001", "1000"),
    _instrument("ETH", "3000.00", "0.01", "0.001", "10000"),
    _instrument("SOL", "150.000", "0.001", "0.01", "100000"),
    _instrument("XRP", "2.5000", "0.0001", "0.1", "10000000"),
    _instrument("BNB", "600.00", "0.01", "0.01", "100000"),
    _instrument("DOGE", "0.40000", "0.00001", "1", "50000000"),
    _instrument("ADA", "1.0000", "0.0001", "1", "10000000"),
    _instrument("LTC", "100.00", "0.02", "0.001", "100000"),
)


def chosen(symbols: tuple[str, ...] = ()) -> tuple[Instrument, ...]:
    """The instruments named, all when none is; ValueError with one sentence for an unknown name."""
    known = {instrument.symbol: instrument for instrument in ALL}
    for symbol in symbols:
        if symbol not in known:
            raise ValueError(f"unknown symbol {symbol!r}: choose from {', '.join(known)}")
    return tuple(known[symbol] for symbol in symbols) if symbols else ALL
