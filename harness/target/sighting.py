"""Has the venue seen the connector? A connector that ignored its config file would talk to somebody else, or nobody."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Mapping

from harness.target.errors import TargetError

ASK_LIMIT_S = 5.0


async def sightings(control_address: str) -> int:
    """Requests and sockets that the venue has seen so far, by its own meters. Raises TargetError."""
    return await asyncio.to_thread(_sightings, control_address)


def _sightings(control_address: str) -> int:
    connection = http.client.HTTPConnection(control_address, timeout=ASK_LIMIT_S)
    try:
        connection.request("POST", "/meters", body=b"{}")
        meters = json.loads(connection.getresponse().read())["result"]
        return int(meters["sockets_total"]) + sum(int(one["count"]) for one in meters["requests"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise TargetError(
            f"the venue's control port {control_address} does not tell its meters ({type(error).__name__}: {error}): "
            "is the venue running?"
        ) from None
    finally:
        connection.close()


class Sighting:
    """Take one before the connector starts, `check` once it serves."""

    def __init__(self, base_url: str, control_address: str, before: int) -> None:
        self._base_url = base_url
        self._control_address = control_address
        self._before = before

    @classmethod
    async def before(cls, base_url: str, control_address: str) -> Sighting:
        """What the venue at `base_url` has seen already. Raises TargetError."""
        return cls(base_url, control_address, await sightings(control_address))

    async def check(self, service: str, log: str) -> None:
        """Raise TargetError unless the venue has seen more since."""
        if await sightings(self._control_address) <= self._before:
            raise TargetError(
                f"{service} serves, and its venue at {self._base_url} has seen no request: it did not follow base_url "
                f"in its config file (log: {log})"
            )


async def sighting_of(controls: Mapping[str, str], base_url: str) -> Sighting | None:
    """A sighting where the venue at `base_url` is one of ours (`controls`: base URL to control address), else None."""
    control_address = controls.get(base_url)
    return await Sighting.before(base_url, control_address) if control_address else None
