"""What a private call of OKX comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What goes into the envelope: code 0 all done, 1 nothing done, 2 a part."""

    data: list[Any]
    code: int = 0
    message: str = ""
