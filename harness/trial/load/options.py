"""What Locust is told about a load: by the harness through its environment, by a user through options of our own."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from time import strftime

from locust.env import Environment
from locust.event import Events

from harness.client.channel import Tls, metadata
from harness.trial.load.arrivals import problem
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.template import requests

PLAN_VARIABLE, FOLDER_VARIABLE, KEY_VARIABLE = "NFR_LOAD_PLAN", "NFR_LOAD_FOLDER", "NFR_LOAD_API_KEY"
DEFAULT_METHOD, DEFAULT_RATE_PER_S, SHAPED_S = "GetAccount", 50.0, 60.0
STOP_SPARE_S = 2.0

log = logging.getLogger("harness.load")


def offer(events: Events) -> None:
    """Add our options to Locust's command line and page."""

    def _options(parser: ArgumentParser) -> None:
        mine = parser.add_argument_group("Load of a connector")
        mine.add_argument("--method", default=DEFAULT_METHOD, help="RPC to call, or stream to read (Subscribe...)")
        mine.add_argument("--rate", type=float, default=DEFAULT_RATE_PER_S, help="calls a second of all users together")
        shapes = [shape.value for shape in Shape]
        mine.add_argument("--shape", default=Shape.CONSTANT.value, choices=shapes, help="how arrivals are spread")
        mine.add_argument("--steps", type=int, default=5, help="of --shape step")
        mine.add_argument("--warm", type=float, default=0.0, help="seconds of the same load before it counts")
        mine.add_argument("--timeout", type=float, default=5.0, help="deadline of a call, seconds")
        mine.add_argument("--request", default="{}", help="the request's fields as JSON; {n} is the call's number")
        mine.add_argument("--tls-roots", default="", help="PEM file of the CA to trust; without it: plaintext")
        mine.add_argument("--tls-name", default="", help="whom the certificate names, if not the host")
        mine.add_argument("--seed", type=int, default=1, help="of --shape poisson")
        mine.add_argument("--evidence", default="", help="folder for the evidence (default reports/locust-TIME)")

    listen: Callable[..., None] = events.init_command_line_parser.add_listener
    listen(_options)


def settle(environment: Environment) -> None:
    """Once, before anything starts: users end by themselves, with their last answer."""
    parsed = environment.parsed_options
    if parsed is None:
        return
    environment.stop_timeout = max(float(environment.stop_timeout or 0), float(parsed.timeout) + STOP_SPARE_S)
    if parsed.headless and parsed.run_time:
        parsed.load_seconds = float(parsed.run_time)  # ours from the first arrival on, Locust's from before the start
        parsed.run_time = None
    try:
        if os.environ.get(PLAN_VARIABLE):
            environment.stop_timeout = plan(environment).timeout_s + STOP_SPARE_S
        elif parsed.headless and not parsed.worker:
            plan(environment)
    except ValueError as wrong:
        sys.exit(str(wrong))


def plan(environment: Environment) -> LoadPlan:
    """The harness's plan when there is one, else the one that the options describe."""
    if told := os.environ.get(PLAN_VARIABLE):
        return LoadPlan.from_json(told)
    given = environment.parsed_options
    if not environment.host:
        raise ValueError("no target: give --host HOST:PORT of the connector")
    if given is None:
        raise ValueError(f"no options and no plan: set {PLAN_VARIABLE}, or start Locust by its command line")
    shape = Shape(given.shape)
    seconds = getattr(given, "load_seconds", None)
    shaped = shape in (Shape.STEP, Shape.SPIKE)
    key = os.environ.get(KEY_VARIABLE, "")
    try:
        request = json.loads(given.request)
    except ValueError as error:
        raise ValueError(f"--request is no JSON: {error}") from None
    made = LoadPlan(
        address=(environment.host or "").removeprefix("http://").rstrip("/"),
        method=str(given.method),
        rate_per_s=0.0 if shape is Shape.CLOSED else float(given.rate),
        duration_s=float(seconds or (SHAPED_S if shaped else math.inf)),
        shape=shape,
        steps=int(given.steps),
        request=request,
        tls=Tls(Path(given.tls_roots).resolve(), str(given.tls_name)) if given.tls_roots else None,
        metadata=metadata(key),
        timeout_s=float(given.timeout),
        warm_s=float(given.warm),
        seed=int(given.seed),
    )
    if why := problem(made):
        raise ValueError(why)
    requests(made.method, made.request, "run")
    return made


def folder(environment: Environment) -> Path:
    """Where this load's evidence goes; one of its own for each load."""
    if told := os.environ.get(FOLDER_VARIABLE):
        return Path(told)
    given = environment.parsed_options
    named = (
        Path(given.evidence)
        if given is not None and given.evidence
        else Path("reports", strftime("locust-%Y%m%d-%H%M%S"))
    )
    number, free = 1, named
    while free.exists():
        number += 1
        free = named.with_name(f"{named.name}-{number}")
    log.info("evidence goes to %s", free)
    return free
