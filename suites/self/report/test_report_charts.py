"""Plots of a performance case: what was judged is what is drawn, offline, in few bytes, and readable as a table."""

from __future__ import annotations

import ast
import json
import re
from functools import lru_cache
from pathlib import Path

import pytest

import harness.report
from harness.report import canvas
from harness.report.chart import Chart
from harness.report.charts import charts
from harness.report.course import course
from harness.report.numbers import interval_text
from harness.report.report import write_report
from harness.verdict.percentiles import percentiles
from suites.self.report import loaded, made

pytestmark = pytest.mark.self

ROOM = Path(harness.report.__file__).parent


@lru_cache(maxsize=8)
def drawn(case_id: str) -> dict[str, Chart]:
    return drawn_anew(case_id)


def drawn_anew(case_id: str) -> dict[str, Chart]:
    found = charts(loaded.CASES[case_id], loaded.verdicts()[case_id], loaded.trials(case_id))
    return {one.name.rpartition("-")[2]: one for one in found}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loaded.run(tmp_path_factory.mktemp("runs")).report_path


def test_each_kind_of_case_has_its_plots() -> None:
    assert list(drawn("5.1.1")) == ["p1", "t1"]
    assert list(drawn("5.1.3")) == ["p1", "t1"]
    assert list(drawn("5.2.1")) == ["t1"]
    assert list(drawn("5.2.3")) == ["p1", "l1", "t1"]
    assert charts(made.case("3.1.1"), made.verdict("3.1.1"), loaded.trials("5.1.1")) == ()
    assert charts(loaded.CASES["5.1.1"], loaded.verdicts()["5.1.1"], []) == ()


def test_the_band_at_a_limit_is_the_interval_that_was_judged() -> None:
    rows = {row[0]: row for row in drawn("5.1.1")["p1"].rows}
    for finding in loaded.verdicts()["5.1.1"].findings:
        if finding.interval is not None and finding.criterion in rows:
            assert rows[finding.criterion][1] == interval_text(finding.interval, "ms", float("nan"))
            assert rows[finding.criterion][4] == f"below {finding.limit:g} ms"
    assert {"p50", "p95", "p99"} <= rows.keys()


def test_limits_floor_and_bands_are_in_the_plot() -> None:
    text = drawn("5.1.1")["p1"].document
    for part in ("p50 \\u003c 2 ms", "p95 \\u003c 4 ms", "p99 \\u003c 5 ms", '"floor"', '"pooled"', '"open end"'):
        assert part in text
    p99 = percentiles(loaded.CASES["5.1.1"].criteria[2], loaded.trials("5.1.1"), (0.99,))[0]
    assert f"{p99.trials.high:.4g}" in text


def test_a_slow_second_is_seen_where_it_was() -> None:
    of = {"client": "load*", "method": "PlaceOrder", "window": "steady"}
    seen = course(1, loaded.trials("5.2.1")[0], "calls", of)
    assert seen is not None
    slow = [at for at, value in zip(seen.at_s, seen.median_ms, strict=True) if value > 40]
    assert 12 <= min(slow) <= max(slow) <= 13
    assert sum(seen.rate_per_s) / len(seen.rate_per_s) == pytest.approx(1100, rel=0.01)
    assert max(seen.lateness_ms) < 1
    calm = course(2, loaded.trials("5.2.1")[1], "calls", of)
    assert calm is not None
    assert max(calm.median_ms) < 10


def test_a_rate_has_its_limit_and_what_was_offered_and_the_ceiling_is_told() -> None:
    chart = drawn("5.2.1")["t1"]
    assert "limit \\u003e 1,000/s" in chart.document
    assert "offered 1,100/s" in chart.document
    assert "ceiling is 3,000 calls/s" in chart.caption


def test_a_late_generator_is_seen_below_the_latency() -> None:
    seen = course(1, loaded.trials("5.1.1")[0], "calls", {"client": "load*", "window": "steady"})
    assert seen is not None
    late = [at for at, value in zip(seen.at_s, seen.lateness_ms, strict=True) if value > 2]
    assert [round(at, 1) for at in late] == pytest.approx([0.1, 3.5, 7.0], abs=0.15)


def test_the_ladder_marks_where_it_stops_to_hold() -> None:
    chart = drawn("5.2.3")["l1"]
    assert [row[0] for row in chart.rows] == ["1", "2", "5", "10", "20", "50"]
    assert chart.rows[-1][5] == "0 of 3 trials"
    assert "The first that degrades: 20 to 50 clients" in chart.caption
    assert "first that degrades is here" in chart.document


def test_documents_are_json_the_same_each_time_and_close_no_element() -> None:
    assert drawn_anew("5.2.3") == drawn("5.2.3")
    for chart in drawn("5.2.3").values():
        assert json.loads(chart.document)["target_id"] == chart.name
    plot = canvas.axes(100, "", "", canvas.between(0, 1), canvas.between(0, 1))
    canvas.words(plot, 0, 0, "</script><script>alert(1)</script>")
    assert "<" not in canvas.document([plot], "hostile")


def test_the_library_is_in_a_report_once_and_only_with_something_to_draw(report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert text.count(canvas.library()[:2000]) == 1
    assert report.stat().st_size < 3_000_000
    folder = made.run(tmp_path)
    write_report(folder, made.CASES, made.VERDICTS, made.standing(made.VERDICTS), made.trials)
    assert "Bokeh.embed.embed_item" in folder.report_path.read_text(encoding="utf-8")
    assert folder.report_path.stat().st_size < 300_000


def test_colours_are_the_page_s_own() -> None:
    known = set(re.findall(r"--([a-z-]+):", (ROOM / "templates" / "report.css").read_text(encoding="utf-8")))
    assert set(canvas.VARIABLES) <= known
    colours = set(re.findall(r'color":"(#[0-9a-f]{6})"', drawn("5.1.1")["p1"].document))
    assert {one for one in colours if not one.startswith("#fe0d")} == set()


def test_the_report_computes_no_status() -> None:
    """It may ask the verdict room how a measurement is distributed, never what it comes to."""
    deciding = {"harness.verdict.judge", "harness.verdict.compare", "harness.verdict.registry"}
    for path in ROOM.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not {node.module for node in nodes if isinstance(node, ast.ImportFrom)} & deciding, path
