"""Interleaved calls: the same read natively and through the connector, turn by turn, in a process of its own.

`python -m harness.trial.interleaved` carries out the plan in its environment and writes its evidence; `run_turns`
starts it and takes the evidence into the trial. One thread makes all calls: both parties have the same machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.client.channel import Access, Tls, metadata
from harness.client.measuring import MeasuringClient, Timed
from harness.client.native import NativeAccount
from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.evidence import Evidence
from harness.evidence.recorder import Recorder
from harness.evidence.records import Fact, Mark
from harness.trial.load.plan import NULL, tls_from
from harness.trial.load.priority import in_real_time, ordinary
from harness.trial.load.run import LoadError
from harness.trial.load.template import rpc
from harness.trial.trial import Trial

PLAN_VARIABLE = "NFR_TURNS"
METHOD = "GetAccount"
LEAD_S = 0.2
SPARE_S = 60.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Party:
    """Who is called in its turn: `kind` grpc (`key`: what it demands) or native (then with key and secret)."""

    client: str
    kind: str
    address: str
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    tls: Tls | None = None

    def admitted(self, access: Access) -> Party:
        """The same with what the connector demands, where it is the connector that is called."""
        if self.kind == "native" or self.client == NULL:
            return self
        return replace(self, tls=access.tls, key=access.api_key)


@dataclass(frozen=True, slots=True)
class Turns:
    """Each party has a turn in each of `rounds` rounds in `window`, `rounds_per_s` a second, evenly spread; 0: at once.

    A turn cannot begin before the one before it is over; such a wait is nobody's latency, so calls are due when they
    are sent. `warm_rounds` of the same go before and are not recorded.
    """

    parties: tuple[Party, ...]
    rounds: int
    rounds_per_s: float
    window: str = "steady"
    warm_rounds: int = 50

    @property
    def calls_per_s(self) -> float:
        """Of all parties together."""
        return self.rounds_per_s * len(self.parties)

    @property
    def seconds(self) -> float:
        """What the rounds take, the warm-up's included, where they have a pace."""
        return (self.warm_rounds + self.rounds) / self.rounds_per_s if self.rounds_per_s else 0.0

    def to_json(self) -> str:
        """With the secrets: for the environment of the generator only."""
        return json.dumps(asdict(self), default=str)

    def admitted(self, access: Access) -> Turns:
        """The same with what the connector demands."""
        return replace(self, parties=tuple(one.admitted(access) for one in self.parties))

    @classmethod
    def from_json(cls, text: str) -> Turns:
        """What `to_json` wrote."""
        raw = json.loads(text)
        return cls(**{**raw, "parties": tuple(Party(**{**one, "tls": tls_from(one["tls"])}) for one in raw["parties"])})


async def run_turns(trial: Trial, turns: Turns, *, env: Mapping[str, str] | None = None) -> Evidence:
    """Carry them out and record them: calls, window, facts. Raises LoadError when the generator fails."""
    turns = turns.admitted(trial.access)
    folder = trial.folder / "load" / f"turns-{now_ns()}-{turns.window or 'aside'}"
    environment = {**os.environ, **(env or {}), PLAN_VARIABLE: turns.to_json(), "PYTHONPATH": str(_ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "harness.trial.interleaved", str(folder),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    whole_s = (turns.rounds + turns.warm_rounds) / (turns.rounds_per_s or 100.0)
    try:
        _, said = await asyncio.wait_for(process.communicate(), whole_s + SPARE_S)
    except TimeoutError:
        raise LoadError(f"the interleaved calls were not over after {whole_s + SPARE_S:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise LoadError(f"the interleaved calls ended with {process.returncode}: {last[0]}")
    evidence = await asyncio.to_thread(Evidence.load, folder)
    for record in (*evidence.calls, *evidence.marks, *evidence.facts):
        trial.record(record)
    return evidence


# -- in the generator's process ---------------------------------------------------------------------


Caller = Callable[[], Timed]


@contextlib.contextmanager
def _caller(party: Party) -> Iterator[tuple[Caller, Callable[[], str]]]:
    """How this party is called, and whose clock stamps it."""
    if party.kind == "native":
        with contextlib.closing(NativeAccount(party.address, party.key, party.secret)) as native:
            yield native.read, lambda: native.stamps
        return
    method = rpc(METHOD)
    with MeasuringClient(party.address, tls=party.tls, metadata=metadata(party.key)) as client:
        yield lambda: client.unary(method, b""), lambda: client.stamps


def carry_out(turns: Turns, recorder: Recorder) -> None:
    """All turns, in this thread."""
    with contextlib.ExitStack() as open_:
        callers = [open_.enter_context(_caller(party)) for party in turns.parties]
        calls = [(party, call) for party, (call, _) in zip(turns.parties, callers, strict=True)]
        _rounds(turns, calls, turns.warm_rounds)
        gc.collect()
        gc.disable()  # a collection in the window would be measured as somebody's latency
        prompt = turns.rounds_per_s > 0 and in_real_time()
        cpu_s, began_ns = time.process_time(), now_ns()
        made = _rounds(turns, calls, turns.rounds)
        ended_ns = now_ns()
        ordinary()
        share = (time.process_time() - cpu_s) * NS_PER_S / max(1, ended_ns - began_ns)
        kernel = all(stamps() == "kernel" for _, stamps in callers)
    for number, (party, timed) in enumerate(made, start=1):
        recorder.append(timed.call(number, party.client, METHOD))
    recorder.append(Fact("instrument.stamps", float(kernel), ""))
    if turns.window:
        recorder.append(Mark(began_ns, "window.begin", {"window": turns.window}))
        recorder.append(Mark(ended_ns, "window.end", {"window": turns.window}))
        recorder.append(Fact("instrument.generator_cpu", share, "", turns.window))
        recorder.append(Fact("instrument.processes", 1, "", turns.window))
        recorder.append(Fact("instrument.real_time", float(prompt), "", turns.window))
        if turns.rounds_per_s:
            recorder.append(Fact("instrument.offered_per_s", turns.calls_per_s, "calls/s", turns.window))


def _rounds(turns: Turns, calls: list[tuple[Party, Caller]], rounds: int) -> list[tuple[Party, Timed]]:
    made: list[tuple[Party, Timed]] = []
    start_ns = now_ns() + round(LEAD_S * NS_PER_S)
    for number in range(rounds * len(calls)):
        party, call = calls[number % len(calls)]
        if turns.rounds_per_s:
            time.sleep(max(0, round(start_ns + number * NS_PER_S / turns.calls_per_s) - now_ns()) / NS_PER_S)
        made.append((party, call()))
    return made


def main() -> int:
    """The command line: the folder for the evidence."""
    with Recorder(Path(sys.argv[1])) as recorder:
        carry_out(Turns.from_json(os.environ.pop(PLAN_VARIABLE)), recorder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
