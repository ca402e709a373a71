"""JSON text whose decimals are plain numbers, every digit kept, for venues that send numbers instead of strings."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def dumps(value: Any) -> str:
    """Without blanks. A Decimal keeps the places it has; TypeError for what JSON cannot say."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(one)}" for name, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(one) for one in value) + "]"
    return json.dumps(value)
