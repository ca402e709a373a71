"""A set of serials in little memory: a bit for each number in the stretches of numbers that occur."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.evidence.tables import Ints, Mask

_SHIFT = 16
_PAGE = 1 << _SHIFT

Page = npt.NDArray[np.uint8]


class Serials:
    """Grows only. Memory goes with the stretches of 65,536 numbers in which there is any, 8 KiB each."""

    def __init__(self) -> None:
        self._pages: dict[int, Page] = {}

    def __len__(self) -> int:
        return sum(int(np.unpackbits(page).sum()) for page in self._pages.values())

    def add(self, serials: Ints) -> Mask:
        """Take these in; which of them were there already, be it from earlier in the same array."""
        known = np.ones(len(serials), np.bool_)
        distinct, first = np.unique(serials, return_index=True)
        edges = np.flatnonzero(np.diff(distinct >> _SHIFT)) + 1
        for numbers, rows in zip(np.split(distinct, edges), np.split(first, edges), strict=True):
            if not len(numbers):
                continue
            number = int(numbers[0]) >> _SHIFT
            bits = np.unpackbits(self._pages.get(number, np.zeros(_PAGE // 8, np.uint8)))
            at = numbers & (_PAGE - 1)
            known[rows] = bits[at] == 1
            bits[at] = 1
            self._pages[number] = np.packbits(bits)
        return known

    def without(self, other: Serials) -> tuple[int, int]:
        """How many of these are not among the others, and the lowest such; 0 and 0 for none."""
        count, lowest = 0, 0
        for number in sorted(self._pages):
            rest = self._pages[number] & ~other._pages.get(number, np.uint8(0))
            if rest.any():
                left = np.flatnonzero(np.unpackbits(rest))
                lowest = lowest if count else (number << _SHIFT) + int(left[0])
                count += len(left)
        return count, lowest
