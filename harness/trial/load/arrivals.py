"""When each user's calls are due: the plan's arrivals over all users, dealt out one by one; pure functions."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import repeat

from harness.evidence.clock import NS_PER_S
from harness.trial.load.plan import LoadPlan, Shape

SPIKE = 3.0
Stretch = tuple[float, float]
"""Seconds, and the rate of all users together in them."""


def stretches(plan: LoadPlan) -> tuple[Stretch, ...]:
    """The rate over time, warm-up first. Empty for Shape.CLOSED, which has none."""
    rate, length_s = plan.rate_per_s, plan.duration_s
    if plan.shape is Shape.CLOSED:
        return ()
    if plan.shape is Shape.STEP:
        parts = [(length_s / plan.steps, rate * step / plan.steps) for step in range(1, plan.steps + 1)]
    elif plan.shape is Shape.SPIKE:
        parts = [(0.4 * length_s, rate), (0.2 * length_s, SPIKE * rate), (0.4 * length_s, rate)]
    else:
        parts = [(length_s, rate)]
    return ((plan.warm_s, parts[0][1]), *parts) if plan.warm_s > 0 else tuple(parts)


def planned(plan: LoadPlan) -> float:
    """The number of arrivals in the window; of a Poisson timetable the mean of it."""
    parts = stretches(plan)
    return sum(length_s * rate for length_s, rate in (parts[1:] if plan.warm_s > 0 else parts))


def offsets_s(plan: LoadPlan, index: int, users: int) -> Iterator[float]:
    """When the calls of user `index` (from 0) of so many are due, in seconds from the start of the warm-up.

    All users' together are one even grid whose density is the rate, each arrival in the middle of its cell; each user
    takes every `users`-th of them, so that no two are in phase. Poisson: exponential gaps, from the seed.
    """
    parts = stretches(plan)
    if plan.shape is Shape.POISSON:
        yield from _at_random(plan, index, users)
        return
    number, begin_s, before = index + 0.5, 0.0, 0.0
    for length_s, rate in parts:
        while rate > 0 and (offset_s := (number - before) / rate) < length_s:
            yield begin_s + offset_s
            number += users
        before, begin_s = before + rate * length_s, begin_s + length_s


def dues_ns(plan: LoadPlan, index: int, users: int, start_ns: int) -> Iterator[int]:
    """The same in Unix ns for a load whose warm-up begins at `start_ns`. Shape.CLOSED: 0 for ever, due when sent."""
    if plan.shape is Shape.CLOSED:
        return repeat(0)
    return (start_ns + round(offset_s * NS_PER_S) for offset_s in offsets_s(plan, index, users))


def left_out(dues: Iterator[int], free_ns: int, took_ns: int, end_ns: int) -> tuple[int, int]:
    """Of the arrivals before `end_ns` that were not sent: how many were the generator's doing, how many the target's.

    `free_ns`: when a generator without any delay of its own would have had the user's last answer; `took_ns`: how
    long one takes. What such a generator could not have sent before the end either is held by the target.
    """
    unsent = held = 0
    for due_ns in dues:
        if due_ns >= end_ns:
            break
        sent_ns = max(due_ns, free_ns)
        if sent_ns >= end_ns:
            held += 1
        else:
            unsent += 1
            free_ns = sent_ns + took_ns
    return unsent, held


def _at_random(plan: LoadPlan, index: int, users: int) -> Iterator[float]:
    chance = random.Random(f"{plan.seed}/{index}/{users}")
    rate = plan.rate_per_s / users
    end_s = plan.warm_s + plan.duration_s
    offset_s = 0.0
    while (offset_s := offset_s + chance.expovariate(rate)) < end_s:
        yield offset_s


def problem(plan: LoadPlan) -> str:
    """Why the plan cannot be carried out, in one sentence; empty when it can."""
    checks = (
        (plan.users >= 1, f"{plan.users} users: give 1 or more"),
        (plan.processes >= 1, f"{plan.processes} processes: give 1 or more"),
        (plan.processes <= plan.users, f"{plan.processes} processes for {plan.users} users: give each at least one"),
        (plan.duration_s > 0, f"duration_s is {plan.duration_s}: give a number of seconds > 0"),
        (0 <= plan.warm_s < math.inf, f"warm_s is {plan.warm_s}: give a number of seconds >= 0"),
        (plan.timeout_s > 0, f"timeout_s is {plan.timeout_s}: give a number of seconds > 0"),
        (plan.steps >= 1, f"{plan.steps} steps: give 1 or more"),
        (
            plan.shape in (Shape.CONSTANT, Shape.POISSON, Shape.CLOSED) or plan.duration_s < math.inf,
            f"the shape {plan.shape.value} needs an end: give duration_s",
        ),
        (
            plan.streams or plan.shape is Shape.CLOSED or 0 < plan.rate_per_s < math.inf,
            f"rate_per_s is {plan.rate_per_s}: give a rate > 0, or Shape.CLOSED",
        ),
    )
    return next((f"this load cannot be carried out: {says}" for right, says in checks if not right), "")
