"""A long run in a table: what was watched, for how long, what it came to, and what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.report.numbers import duration_text, interval_text, limit_text, measured_text, quantity
from harness.report.soak_course import Band, SoakCourse
from harness.report.soak_events import Events
from harness.report.soak_trend import Judged
from harness.report.wording import SIGNS, printable
from harness.spec.case import Level
from harness.verdict.interval import EVERYTHING
from harness.verdict.own_footprint import CPU, MOST_BYTES, MOST_PERCENT, RSS
from harness.verdict.verdict import CaseVerdict, Finding

MEGA = 1e6


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of it and how that was judged: sign, word, and the class that colours them."""

    says: str
    sign: str
    word: str
    style: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One row. `long`: for how long, or how often."""

    what: str
    long: str
    came: str
    asked: tuple[Asked, ...] = ()


Of = Callable[[Finding], bool]


def table(
    verdict: CaseVerdict, course: SoakCourse, trends: Mapping[str, Judged], happened: Events, steady_s: float
) -> tuple[Watched, ...]:
    """What somebody who decides wants to know, the run itself first."""
    lasted = duration_text(steady_s)
    rows = [
        Watched("the run", lasted, _lives(happened), _asked(verdict, "marks.lasted_s")),
        Watched("services", lasted, _counts(verdict, ("marks.count",)), _asked(verdict, "marks.count", "facts.value")),
        _memory(verdict, course, trends),
        *_open(verdict, course),
        *_load(verdict, course, steady_s),
        *_own(course),
    ]  # fmt: skip
    return tuple(one for one in rows if one is not None)


def _lives(happened: Events) -> str:
    lives = "one life" if happened.lives == 1 else f"{happened.lives} lives"
    gaps = {0: "no gap", 1: "one gap"}.get(len(happened.gaps), f"{len(happened.gaps)} gaps")
    faults = {0: "no fault", 1: "one fault"}.get(len(happened.faults), f"{len(happened.faults)} faults")
    return f"{lives} of the runner, {gaps}, {faults}"


def _memory(verdict: CaseVerdict, course: SoakCourse, trends: Mapping[str, Judged]) -> Watched | None:
    band, seen = course.bands.get("connector.rss"), trends.get("connector.rss")
    if band is None:
        return None
    came = _megabytes(band)
    if seen is not None and not seen.trend.unseen:
        per_h = seen.per_h
        known = interval_text(per_h, seen.unit, seen.limit)
        came += f"; rises by {known} an hour" if per_h != EVERYTHING else "; too short to bound its rise"
    names = ("readings.growth_trend", "readings.growth_projected", "readings.growth_per_h")
    return Watched("the connector's memory", _read(band), came, _asked(verdict, *names))


def _open(verdict: CaseVerdict, course: SoakCourse) -> list[Watched]:
    rows = []
    for probe, name in (("runtime_units", "its tasks or goroutines"), ("threads", "its threads"),
                        ("descriptors", "its descriptors"), ("sockets", "its sockets")):  # fmt: skip
        band = course.bands.get(f"connector.{probe}")
        if band is not None:
            asked = _asked(verdict, "readings.off_baseline") if probe == "runtime_units" else ()
            known = band.mean[np.isfinite(band.mean)]
            came = f"{np.nanmin(band.low):g} to {np.nanmax(band.high):g}, {known[0]:.3g} at first, {known[-1]:.3g} last"
            rows.append(Watched(name, _read(band), came, asked))
    return rows


def _load(verdict: CaseVerdict, course: SoakCourse, steady_s: float) -> list[Watched]:
    whole = course.whole
    rows = []
    if whole.calls:
        share = 100 * whole.failed / whole.counted if whole.counted else 0.0
        failed = f"{whole.failed:,} of the {whole.counted:,} that count failed ({share:.2g} %)"
        took = f"p50 {quantity(whole.p50_ms, 'ms')}, p99 {quantity(whole.p99_ms, 'ms')}"
        asked = _asked(verdict, "calls.error_percent", "calls.count")
        rows.append(Watched("calls", f"{whole.calls:,} calls", failed, asked))
        rows.append(Watched("their latency", f"{whole.calls:,} calls", took))
    if whole.updates:
        rate = f"{whole.updates / max(steady_s, 1e-9):,.4g} a second"
        rows.append(Watched("the venue's price updates", f"{whole.updates:,} updates", rate,
                            _asked(verdict, "messages.count")))  # fmt: skip
    if whole.deliveries:
        names = ("messages.missing", "messages.duplicates")
        rows.append(Watched("deliveries to clients", f"{whole.deliveries:,} deliveries", _counts(verdict, names),
                            _asked(verdict, *names)))  # fmt: skip
    return rows


def _own(course: SoakCourse) -> list[Watched]:
    rows = []
    if (band := course.bands.get(RSS)) is not None:
        says = f"may take {MOST_BYTES / MEGA:g} MB"
        rows.append(Watched("the harness's memory", _read(band), _megabytes(band), (Asked(says, "", "", ""),)))
    if (band := course.bands.get(CPU)) is not None:
        mean, high = float(np.nanmean(band.mean)), float(np.nanmax(band.high))
        came = f"{mean:.1f} % of a core on average, {high:.0f} % at most"
        says = f"may take {MOST_PERCENT:g} % on average"
        rows.append(Watched("the harness's processor time", _read(band), came, (Asked(says, "", "", ""),)))
    return rows


def _read(band: Band) -> str:
    return f"{band.number:,} readings"


def _megabytes(band: Band) -> str:
    return f"{np.nanmin(band.low) / MEGA:.1f} to {np.nanmax(band.high) / MEGA:.1f} MB"


def _counts(verdict: CaseVerdict, metrics: tuple[str, ...]) -> str:
    found = [one for one in verdict.findings if one.metric in metrics and one.interval is not None]
    return ", ".join(f"{printable(one.criterion)}: {measured_text(one)}" for one in found)


def _asked(verdict: CaseVerdict, *metrics: str) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            f"{printable(one.criterion)} {limit_text(one.op, one.limit, one.unit)}",
            SIGNS[one.status], str(one.status), str(one.status).replace(" ", "-"),
        )
        for one in verdict.findings
        if one.metric in metrics and one.level != Level.REPORTED and not math.isnan(one.limit)
    )  # fmt: skip
