"""How decimals are written: one canonical text for the ledger, fixed places for the wire."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, InvalidOperation

MONEY = Decimal("0.00000001")
"""Everything booked on a wallet is a multiple of this."""
ZERO = Decimal(0)
UNITS = tuple(Decimal(1).scaleb(-places) for places in range(29))
"""1, 0.1, 0.01 and so on."""
MAX_TEXT = 64


def canonical(value: Decimal) -> str:
    """Shortest plain notation, for example 45000.1 or 0: how the ledger spells a value."""
    return format(value.normalize(), "f") if value else "0"


def fixed(value: Decimal, places: int) -> str:
    """Plain notation with exactly `places` decimals."""
    return format(value.quantize(UNITS[places], ROUND_HALF_EVEN) + 0, "f")


def money(value: Decimal) -> Decimal:
    """Rounded to what a wallet can hold."""
    return value.quantize(MONEY, ROUND_HALF_EVEN)


def floor_to(value: Decimal, unit: Decimal) -> Decimal:
    """The largest multiple of `unit` not above `value`."""
    return (value / unit).quantize(Decimal(1), ROUND_DOWN) * unit


def places_of(unit: Decimal) -> int:
    """Number of decimals of a tick or step such as 0.001."""
    exponent = unit.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def parse(text: object) -> Decimal | None:
    """The finite decimal that `text` (a string or a JSON number) spells, None when it spells none."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float, Decimal)):
        return None
    spelled = str(text)
    if len(spelled) > MAX_TEXT or "_" in spelled or spelled.strip() != spelled:
        return None
    try:
        value = Decimal(spelled)
    except InvalidOperation:
        return None
    # An exponent of a million is a valid decimal and would take a megabyte to write out.
    if not value.is_finite() or abs(value.adjusted()) > MAX_TEXT:
        return None
    return value
