"""A long run in the report: what is drawn and told is what was recorded, read in parts and in few bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.parts import load_marks
from harness.evidence.recorder import Recorder
from harness.evidence.records import VENUE, Mark, Outcome, Reading
from harness.record.store import RunStore
from harness.report import report
from harness.report.report import recorded, write_report
from harness.report.soak_course import Grid, SoakCourse, Wanted, soak_course
from harness.report.soak_events import events
from harness.report.soak_section import SoakView, is_soak, soak_view
from harness.spec.case import Case
from suites.self.evidence.long_run import BEGIN_NS, Soak, write
from suites.self.report import loaded, made

pytestmark = pytest.mark.self

S = 1_000_000_000
CASE: Case = loaded.CASES["6.1.1"]
VERDICT = made.verdict("6.1.1")
BROKEN = Soak(900, warm_up_s=90, gaps=((300, 320),), faults=((500, 530), (700, 710)))
"""A quarter of an hour with a gap and two faults."""
WHOLE = Soak(3600, warm_up_s=180, faults=((2000, 2060),), leak_bytes_per_h=3e6)
"""An hour in one life, with a leak."""


@lru_cache(maxsize=2)
def kept(soak: Soak) -> tuple[TemporaryDirectory[str], Path]:
    root = TemporaryDirectory()
    path = Path(root.name) / "trial-1"
    write(soak, path)
    return root, path


def view(soak: Soak) -> SoakView:
    path = kept(soak)[1]
    found = soak_view(path, 1, CASE, VERDICT, load_marks(path))
    assert found is not None
    return found


def told(soak: Soak) -> str:
    return " ".join(view(soak).sentences)


def course(soak: Soak) -> SoakCourse:
    path = kept(soak)[1]
    probes = frozenset({"connector.rss", "harness.cpu"})
    wanted = Wanted(probes, frozenset(), ((0.0, float("inf")),), counts=lambda method: method == "PlaceOrder")
    found = soak_course(path, load_marks(path), wanted)
    assert found is not None
    return found


def test_buckets_are_minutes_and_finer_in_a_short_run() -> None:
    widths = {length_s: Grid.over(0, length_s * S).width_s for length_s in (60, 900, 1799, 1800, 86_400, 87_000)}
    assert widths == {60: 1, 900: 5, 1799: 10, 1800: 60, 86_400: 60, 87_000: 60}
    assert Grid.over(0, 30 * 86_400 * S).count <= 1500


def test_a_bucket_holds_what_the_whole_evidence_says_of_it() -> None:
    seen, evidence = course(BROKEN), Evidence.load(kept(BROKEN)[1])
    at = 40
    begin, end = (seen.grid.begin_ns + (at + more) * seen.grid.width_s * S for more in (0, 1))
    rss = evidence.readings.rows(evidence.readings.probe.equal("connector.rss"))
    values = rss.value[(rss.t_ns >= begin) & (rss.t_ns < end)]
    band = seen.bands["connector.rss"]
    assert (band.low[at], band.high[at]) == (values.min(), values.max())
    assert band.mean[at] == pytest.approx(values.mean())
    assert band.number == len(rss)
    calls = evidence.calls.rows((evidence.calls.sent_ns >= begin) & (evidence.calls.sent_ns < end))
    took_ms = (calls.done_ns - np.minimum(calls.due_ns, calls.sent_ns)) / 1e6
    assert seen.p50_ms[at] == pytest.approx(np.quantile(took_ms, 0.5))
    assert seen.p99_ms[at] == pytest.approx(np.quantile(took_ms, 0.99))
    assert seen.failed_percent[at] == 0
    assert seen.whole.counted == int(evidence.calls.method.equal("PlaceOrder").sum())
    assert seen.whole.failed == int((~evidence.calls.outcome.equal(Outcome.OK)).sum()) == 0
    ledger = evidence.messages.rows(evidence.messages.client.equal(VENUE) & evidence.messages.stream.equal("prices"))
    assert seen.whole.updates == len(np.unique(ledger.serial))
    assert seen.whole.deliveries == int((~evidence.messages.client.equal(VENUE)).sum())


def test_nothing_is_drawn_where_nobody_watched_and_rates_do_not_sink_beside_it() -> None:
    seen = course(BROKEN)
    inside = (seen.grid.middles_s > 305) & (seen.grid.middles_s < 315)
    for values in (seen.bands["connector.rss"].mean, seen.p99_ms, seen.updates_per_s, seen.deliveries_per_s):
        assert np.isnan(values[inside]).all()
    known = seen.updates_per_s[np.isfinite(seen.updates_per_s)]
    assert known[1:-1].min() > 90


def test_a_slow_connector_is_seen_where_the_fault_was() -> None:
    seen = course(BROKEN)
    slow = seen.grid.middles_s[seen.p50_ms > 20]
    assert {int(at // 100) for at in slow} == {5, 7}


def test_gaps_lives_and_faults_are_told() -> None:
    says = told(BROKEN)
    assert "in 2 lives of the runner (it ended as planned)" in says
    assert "One gap, in which nobody watched: 20 s at 5 min into the run" in says
    assert "2 faults were injected, and left out of the trend: slow on connector for 30 s at 8 min 20 s;" in says
    assert "There is no gap" in told(WHOLE)
    rows = {row.what: row for row in view(BROKEN).rows}
    assert rows["the run"].came == "2 lives of the runner, one gap, 2 faults"


def test_a_fault_that_never_healed_lasts_to_the_end_and_the_runners_own_is_none() -> None:
    marks = [
        Mark(0, "fault.begin", {"kind": "slow", "subject": "connector"}),
        Mark(5 * S, "fault.begin", {"kind": "harness-away", "subject": "harness"}),
        Mark(5 * S, "soak.gap", {"life": "1", "seconds": "2.5"}),
    ]
    seen = events(marks, 0, 10 * S)
    assert [(one.begin_s, one.end_s, one.what) for one in seen.faults] == [(0, 10, "slow on connector")]
    assert [(one.begin_s, one.end_s) for one in seen.gaps] == [(5, 7.5)]
    assert seen.ended == ""


def test_an_hour_gives_a_slope_and_a_projection_that_is_no_pass() -> None:
    says = told(WHOLE)
    assert re.search(r"resident memory rose by [\d.]+ [Mk]B an hour", says)
    assert "Projection, no verdict and never a pass: going on like this, 24 h would come to" in says
    assert "below 10 MB is asked of 24 h, and this run lasted 56 min" in says
    assert "This run was too short to tell any leak from none" in says
    assert "pass" not in says.replace("never a pass", "")


def calm(root: Path, per_h: float) -> SoakView:
    """Six hours of nothing but memory that grows by so many bytes an hour."""
    rng, marks = np.random.default_rng(7), []
    for at_s, name in ((0, "window.begin"), (21_600, "window.end")):
        marks.append(Mark(BEGIN_NS + at_s * S, name, {"window": "steady"}))
    marks.append(Mark(BEGIN_NS + 21_600 * S, "soak.ended"))
    recorder = Recorder(root)
    for at_s, noise in enumerate(rng.standard_normal(21_601)):
        rss = 1e8 + per_h * at_s / 3600 + 1e6 * noise
        recorder.append(Reading(BEGIN_NS + at_s * S, "connector.rss", rss, "bytes"))
    for mark in marks:
        recorder.append(mark)
    recorder.close()
    found = soak_view(root, 1, CASE, VERDICT, marks)
    assert found is not None
    return found


def test_a_leak_is_told_with_its_interval_and_the_least_that_could_be_seen(tmp_path: Path) -> None:
    seen = calm(tmp_path / "leak", per_h=1e6)
    says = " ".join(seen.sentences)
    slope = re.search(r"with 95 % confidence ([\d.]+) to ([\d.]+) (MB|kB) an hour", says)
    assert slope is not None
    low, high = (float(end) * {"MB": 1e6, "kB": 1e3}[slope[3]] for end in slope.groups()[:2])
    assert 0.8e6 < low < 1e6 < high < 1.2e6
    assert "Nowhere in the run was it seen to come to a level" in says
    least = re.search(r"smallest leak that this run would have told from none is ([\d.]+) kB an hour", says)
    assert least is not None
    assert float(least[1]) * 1e3 == pytest.approx((high - low) / 2, rel=0.1)
    assert '"slope, 95 %"' in seen.chart.document
    assert '"level from here"' not in seen.chart.document


def test_memory_that_stays_is_told_to_be_level(tmp_path: Path) -> None:
    seen = calm(tmp_path / "level", per_h=0.0)
    assert re.search(r"From .* into the run on it may well be level", " ".join(seen.sentences))
    assert '"level from here"' in seen.chart.document


def test_the_plots_hold_trend_limit_gaps_faults_and_warm_up() -> None:
    document = json.loads(view(WHOLE).chart.document)
    text = json.dumps(document)
    for part in ("memory", "trend", "limit", "floors", "warm-up", "fault", "p50", "p99", "failed calls", "updates"):
        assert f'"{part}"' in text, part
    assert '"gap"' not in text
    assert '"gap"' in view(BROKEN).chart.document
    assert "limit: 10 MB more than after the warm-up" in text
    # each plot has the strips: hatched, not coloured alone
    plots = text.count('"name": "Figure"')
    assert plots == 7
    assert text.count('"VStrip"') >= 2 * plots
    assert text.count('"right_diagonal_line"') >= plots
    assert len(view(WHOLE).chart.rows) == 24


def test_a_run_that_broke_off_at_once_has_no_section(tmp_path: Path) -> None:
    with_marks = (Mark(BEGIN_NS, "window.begin", {"window": "steady"}), Mark(BEGIN_NS, "soak.stopped"))
    recorder = Recorder(tmp_path / "trial-1")
    for mark in with_marks:
        recorder.append(mark)
    recorder.close()
    assert soak_view(tmp_path / "trial-1", 1, CASE, VERDICT, with_marks) is None
    assert not is_soak(with_marks[:1])
    recorder = Recorder(tmp_path / "trial-2")
    for at in range(3):
        recorder.append(Reading(BEGIN_NS + at * S, "connector.rss", 1e8, "bytes"))
    recorder.close()
    sparse = soak_view(tmp_path / "trial-2", 2, CASE, VERDICT, with_marks)
    assert sparse is not None
    assert "nobody watched" not in " ".join(sparse.sentences)


def test_an_hour_is_reported_in_few_bytes_without_loading_its_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunStore(tmp_path).create(replace(made.INFO, selected=(CASE.id,)))
    write(WHOLE, folder.evidence_path(CASE.id, 1))
    folder.save_verdict(VERDICT, CASE)
    monkeypatch.setattr(report, "LARGE_BYTES", 1 << 20)
    monkeypatch.setattr(Evidence, "load", None)
    (marks_only,) = recorded(folder, CASE.id)
    assert len(marks_only.calls) == len(marks_only.messages) == 0
    write_report(folder, tuple(loaded.CASES.values()), {CASE.id: VERDICT}, made.standing({CASE.id: VERDICT}))
    text = folder.report_path.read_text(encoding="utf-8")
    assert "Projection, no verdict" in text
    assert 'data-chart="chart-6-1-1-s1"' in text
    assert len(text) < 3_000_000
