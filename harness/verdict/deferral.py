"""Deferral: a case, or one criterion of it, that somebody has put off until a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Deferral:
    """`until` is the last day on which it holds; from the next day on a case that does not pass fails."""

    case: str
    criterion: str
    """One criterion's id; empty: the whole case."""
    reason: str
    owner: str
    until: date

    def lapsed(self, today: date) -> bool:
        """Whether its date is past."""
        return today > self.until

    def told(self) -> str:
        """The reason, owner and date in one line."""
        return f"{self.reason} (owner {self.owner}, until {self.until.isoformat()})"
