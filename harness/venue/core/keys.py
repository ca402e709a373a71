"""API keys: who may trade on which account."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key set. `name` is the account it trades on; several key sets may share it."""

    name: str
    key: str
    secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)


def generated(venue: str, seed: int) -> ApiKey:
    """The key set of a venue that was given none: made from its seed, so that both sides can know it."""
    digest = hashlib.sha256(f"{venue}:{seed}".encode()).hexdigest()
    return ApiKey("main", f"key{digest[:29]}", digest[16:48], digest[48:60])


def from_flag(text: str) -> ApiKey:
    """NAME:KEY:SECRET or NAME:KEY:SECRET:PASSPHRASE; ValueError, without the secret, when it is neither."""
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts[:3]):
        raise ValueError(f"a key is NAME:KEY:SECRET or NAME:KEY:SECRET:PASSPHRASE, this one has {len(parts)} parts")
    return ApiKey(*parts)


def from_json(text: str) -> tuple[ApiKey, ...]:
    """A JSON list of {"name", "key", "secret", "passphrase"?}; ValueError, without the secrets, when it is not."""
    try:
        items = json.loads(text)
        return tuple(
            ApiKey(str(one.get("name", "main")), str(one["key"]), str(one["secret"]), str(one.get("passphrase", "")))
            for one in items
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError('VENUE_KEYS must be a JSON list of {"name", "key", "secret", "passphrase"}') from None
