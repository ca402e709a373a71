"""OrderIds: order ids that are no numbers as the contract's int64, and back."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

KNOWN_IDS = 100_000


class OrderIds:
    """The number of a UUID is its last 12 hexadecimal digits; it depends on nothing else, so it outlives the process.

    Among 100,000 random UUIDs two share those 48 bits with a probability of 2 in 100,000; the one met later then gets
    another number. A numeric id is its own number; any other text is hashed. Back, only ids met before are known.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[int, str] = OrderedDict()

    def number(self, text: str) -> int:
        """The int64 of an id, above 0; from now on `text` gives it back."""
        number = _number(text)
        while self._texts.get(number, text) != text:
            number += 1 << 48
        self._texts[number] = text
        if len(self._texts) > KNOWN_IDS:
            self._texts.popitem(last=False)
        return number

    def text(self, number: int) -> str:
        """The id of a number met before, else ""."""
        return self._texts.get(number, "")


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 1 << 62:
        return int(text)
    try:
        node = int(text.rpartition("-")[2], 16) if "-" in text else 0
    except ValueError:
        node = 0
    return node % (1 << 48) or int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") or 1
