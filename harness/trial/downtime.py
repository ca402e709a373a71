"""Clients whose connector stays away: how often they try, with which pauses, and what they say when they give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from harness.client.backoff import CONTRACT_BACKOFF
from harness.trial.service_log import pauses_s
from harness.trial.stack import Stack, StackClient
from harness.trial.trial import Trial

SAYS = {"log.says_failed_to_connect": "failed to connect", "log.says_after_10_attempts": "after 10 attempts"}


async def follow_giving_up(trial: Trial, stack: Stack, limit_s: float, scale: float = 1.0) -> None:
    """Wait until both clients have ended, at most `limit_s`; facts exit.code, log.* and backoff.deviation_percent.

    `scale`: the clients' pauses are meant to be so much shorter than the contract's.
    """
    clients = tuple(stack.clients.values())
    codes = await asyncio.gather(*(client.service.wait_exit(limit_s) for client in clients))
    for client, code in zip(clients, codes, strict=True):
        stack.record_exit(client.name, code)
        _record_words(trial, client, stack.lost_ns)
        _record_pauses(trial, client, stack.lost_ns, scale)


def _record_words(trial: Trial, client: StackClient, since_ns: int) -> None:
    message = client.log.last_word(*SAYS.values(), since_ns=since_ns)
    for fact, words in SAYS.items():
        said = words in message.lower()
        trial.fact(fact, said, "1: said", subject=client.name, detail=message[:300])


def _record_pauses(trial: Trial, client: StackClient, since_ns: int, scale: float) -> None:
    attempts = client.log.attempts(since_ns)
    trial.fact("log.attempts", len(attempts), "attempts", subject=client.name)
    for number, line in enumerate(attempts, 1):
        trial.mark("client.attempt", t_ns=line.t_ns, client=client.name, attempt=str(number))
    pauses = pauses_s(attempts)
    if pauses:
        told = ", ".join(f"{pause:.3g}" for pause in pauses)
        off = deviation_percent(pauses, scale)
        trial.fact("backoff.deviation_percent", off, "%", subject=client.name, detail=f"pauses of {told} s")


def deviation_percent(pauses: Sequence[float], scale: float = 1.0) -> float:
    """The farthest that any pause strays from 1, 2, 4 … 60 s times `scale`, in percent of what it should be."""
    wanted = [CONTRACT_BACKOFF.connect_delay_s(number) * scale for number in range(1, len(pauses) + 1)]
    return max(abs(pause - due) / due * 100 for pause, due in zip(pauses, wanted, strict=True))
