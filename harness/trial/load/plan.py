"""LoadPlan: who calls what, how often and for how long; plain data that a generator process is handed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from harness.client.channel import API_KEY_HEADER, Access, Tls, metadata

NULL = "null"
"""Client, and stream, of what the instrument measures against the null server."""


class Shape(StrEnum):
    """How arrivals are spread over time."""

    CONSTANT = "constant"
    """Evenly, each user with a phase of its own."""
    POISSON = "poisson"
    """At random with the same mean rate."""
    STEP = "step"
    """The rate grows in `steps` equal steps up to `rate_per_s`."""
    SPIKE = "spike"
    """`rate_per_s`, and in the middle fifth of the time three times that."""
    CLOSED = "closed"
    """No timetable: each user calls again as soon as it is answered. For ceilings and warm-ups."""


def tls_from(raw: Mapping[str, str] | None) -> Tls | None:
    """What a Tls has become in JSON."""
    return Tls(Path(raw["roots"]), raw["server_name"]) if raw else None


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load, carried out by Locust in processes of its own.

    Calls are evidence as Calls of clients `CLIENT-1` … `CLIENT-USERS` (just CLIENT for one user), streams as Messages
    of CLIENT; the time in which they count is the window `window`. `address`: host:port of the connector.
    `method`: the RPC's short name; a stream's (SubscribePrice …) makes each user read one stream. `rate_per_s`: of all
    users together; 0 for Shape.CLOSED. `request`: fields of the request, decimals as texts; in texts {n} is the
    number of the call and {run} something unique to this load, so that client order ids never repeat.
    `warm_s`: load of the same kind that goes before the window. `processes`: Locust workers.
    """

    address: str
    method: str
    rate_per_s: float
    duration_s: float
    users: int = 1
    client: str = "load"
    window: str = "steady"
    shape: Shape = Shape.CONSTANT
    steps: int = 1
    request: Mapping[str, object] = field(default_factory=dict)
    tls: Tls | None = None
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 5.0
    warm_s: float = 0.0
    processes: int = 1
    seed: int = 1
    count_only: bool = False
    """Calls and messages are counted (LoadResult), not recorded: for ceilings, where all the records would take longer
    to write than the load took."""

    @property
    def streams(self) -> bool:
        """Whether each user reads a stream instead of making calls."""
        return self.method.startswith("Subscribe")

    def name_of(self, index: int) -> str:
        """The client that user `index` (from 0) is in evidence; all users against the null server are one."""
        return self.client if self.users == 1 or self.client == NULL else f"{self.client}-{index + 1}"

    def admitted(self, access: Access) -> LoadPlan:
        """The same with what the connector demands; TLS and a key that the plan has itself are kept."""
        key = () if API_KEY_HEADER in dict(self.metadata) else metadata(access.api_key)
        return replace(self, tls=self.tls or access.tls, metadata=(*self.metadata, *key))

    def to_json(self) -> str:
        """For another process; `metadata` included, so hand it over in the environment or a private file only."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> LoadPlan:
        """What `to_json` wrote. Raises ValueError in one sentence."""
        try:
            raw = json.loads(text)
            raw["shape"] = Shape(raw["shape"])
            raw["tls"] = tls_from(raw["tls"])
            raw["metadata"] = tuple((str(name), str(value)) for name, value in raw["metadata"])
            return cls(**raw)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the load plan cannot be read ({error}): write it with LoadPlan.to_json") from None
