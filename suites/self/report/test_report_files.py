"""The four files of a report: complete, in their published shape, and safe whatever a run contains."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from junitparser import JUnitXml

from harness import record
from harness.evidence.recorder import Recorder
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.store import RunStore
from harness.report.report import write_report
from harness.verdict.verdict import Doubt, Status

from . import made

pytestmark = pytest.mark.self


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    written = made.run(tmp_path)
    write_report(written, made.CASES, made.VERDICTS, made.standing(made.VERDICTS), made.trials)
    return written


class Tags(html.parser.HTMLParser):
    """Every element with its attributes, every text, and whether all elements are closed in order."""

    VOID = ("meta", "link", "input", "br", "rect", "line", "circle", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_in_a_run_becomes_markup(folder: RunFolder) -> None:
    text = folder.report_path.read_text(encoding="utf-8")
    page = Tags(text)
    assert page.open == []
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert '<script>alert("1")</script>' in page.text  # as text, where the reason stands
    assert "{{ 7*7 }}" in page.text
    assert not re.search("[\x00\x1b]", text)
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_the_page_needs_nothing_but_itself(folder: RunFolder) -> None:
    page = Tags(folder.report_path.read_text(encoding="utf-8"))
    links = [(tag, name, value or "") for tag, of in page.elements for name, value in of.items()]
    outside = [one for one in links if re.match(r"\s*(https?:)?//|javascript:", one[2])]
    assert outside == []
    assert not [one for one in links if one[1] == "src"]
    assert {tag for tag, name, value in links if name == "href" and not value.startswith("#")} == {"a", "link"}
    targets = {of["id"] for _, of in page.elements if "id" in of}
    assert {value[1:] for _, name, value in links if name == "href" and value.startswith("#")} <= targets


def test_every_link_into_the_run_leads_to_a_file(folder: RunFolder) -> None:
    page = Tags(folder.report_path.read_text(encoding="utf-8"))
    local = [of["href"] or "" for tag, of in page.elements if tag == "a" and not (of["href"] or "").startswith("#")]
    assert local
    assert [path for path in local if not (folder.path / path).exists()] == []


def test_the_page_says_everything(folder: RunFolder) -> None:
    text = Tags(folder.report_path.read_text(encoding="utf-8")).text
    for verdict in made.VERDICTS.values():
        assert verdict.case in text
        assert verdict.title in text
        assert str(verdict.status) in text
        for finding in verdict.findings:
            assert finding.says in text
    for case in made.CASES:
        assert case.id in text
    for fact in ("2026-11-22 16:05:03 UTC", "reference 0.1.0", "process", "1f0c2d3e4b5a on main", "bench-1", "4 GiB"):
        assert fact in text
    assert "selected, but the run ended" not in text
    assert "no test yet: the end-to-end stack" in text
    assert "connector.threads went from 9 to 11" in text
    assert "run on a host with a free core" in text


def test_results_json_is_as_published(folder: RunFolder) -> None:
    document = json.loads(folder.results_path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    schema = Path(record.__file__).parent / "schema" / "nfr.results.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(document)
    assert [one["case"] for one in document["verdicts"]] == list(made.VERDICTS)
    assert [one["case"] for one in document["not_run"]] == ["4.1.1", "4.1.2", "4.1.3", "5.2.1", "6.1.1"]
    assert document["standing"]["groups"][0]["by_status"]["fail"] == 2
    assert document["standing"]["groups"][1]["rate"] is None


def test_junit_has_a_test_case_for_each_criterion_and_only_a_pass_is_green(folder: RunFolder) -> None:
    xml = JUnitXml.fromfile(str(folder.junit_path))
    suites = {suite.name: suite for suite in xml}
    assert list(suites) == ["integration", "performance"]
    seen = {(case.classname.split()[0], case.name): case for suite in suites.values() for case in suite}
    for verdict in made.VERDICTS.values():
        for finding in verdict.findings:
            case = seen.pop((verdict.case, finding.criterion))
            results = [(type(result).__name__, result.type) for result in case.result]
            expected = {
                Status.PASS: [],
                Status.FAIL: [("Failure", "fail")],
                Status.INCONCLUSIVE: [("Failure", "inconclusive")],
                Status.NOT_MEASURABLE: [("Skipped", "not measurable")],
            }[finding.status]
            assert results == ([("Skipped", "advisory")] if finding.level == "advisory" and expected else expected)
    # a case whose verdict none of its criteria explains has a test case of its own
    left = {name: [(type(one).__name__, one.type) for one in case.result] for name, case in seen.items()}
    assert left == {("3.2.1", "verdict"): [("Skipped", "deferred")], ("3.2.2", "verdict"): [("Error", "error")]}
    assert xml.failures == sum(suite.failures for suite in suites.values()) == 4
    assert xml.time == pytest.approx(18.4 * len(made.VERDICTS))


def test_junit_is_in_the_shape_that_ci_servers_accept(folder: RunFolder) -> None:
    """The order and the attributes of the widespread JUnit schema (Ant's, as Jenkins and GitLab read it)."""
    root = ElementTree.parse(folder.junit_path).getroot()
    allowed = {
        "testsuites": {"name", "time", "tests", "failures", "errors", "disabled"},
        "testsuite": {"name", "time", "tests", "failures", "errors", "skipped", "hostname", "timestamp"},
        "testcase": {"name", "classname", "time"},
        "properties": set(),
        "property": {"name", "value"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
        "skipped": {"message", "type"},
        "system-out": set(),
        "system-err": set(),
    }
    for element in root.iter():
        assert set(element.attrib) <= allowed[element.tag], element.tag
    assert root.tag == "testsuites"
    for suite in root:
        assert [child.tag for child in suite] == ["properties"] + ["testcase"] * (len(suite) - 1)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert int(suite.attrib["tests"]) == len(suite) - 1
        order = ["failure", "error", "skipped", "system-out", "system-err"]
        for case in suite.iter("testcase"):
            positions = [order.index(child.tag) for child in case]
            assert positions == sorted(positions)
            assert len([one for one in positions if one < 3]) <= 1


def test_a_selected_case_that_was_never_judged_is_an_error_in_junit(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(replace(made.INFO, state="interrupted"))
    write_report(folder, made.CASES, {}, made.standing({}), lambda _: [])
    xml = JUnitXml.fromfile(str(folder.junit_path))
    assert (xml.tests, xml.errors) == (10, 10)
    page = Tags(folder.report_path.read_text(encoding="utf-8")).text
    assert "Not yet shown: no case has run." in page
    assert "This run was interrupted" in page
    assert page.count("selected, but the run ended before it was judged") == 10


def test_the_summary_is_markdown_whatever_it_holds(folder: RunFolder) -> None:
    text = folder.summary_path.read_text(encoding="utf-8")
    assert text.startswith("## ❌ Not ready: 4 of 10 integration cases pass")
    assert "| Integration | 4 of 10 cases | 40 % | 100 % | ✗ not met |" in text
    for raw in ("<script>", "[a](", "@someone", "`x`", "\x1b", "\x00"):
        assert raw not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {3, 6}
    assert text.count("<details>") == text.count("</details>") == 2


def test_reports_are_the_same_when_written_again(folder: RunFolder) -> None:
    files = [folder.report_path, folder.summary_path, folder.junit_path, folder.results_path]
    before = [file.read_bytes() for file in files]
    write_report(folder, made.CASES, made.VERDICTS, made.standing(made.VERDICTS), made.trials)
    assert [file.read_bytes() for file in files] == before


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    folder.results_path.mkdir()
    with pytest.raises(RecordError, match=r"cannot write .*results\.json") as refused:
        write_report(folder, made.CASES, made.VERDICTS, made.standing(made.VERDICTS), lambda _: [])
    assert "\n" not in str(refused.value)


def test_the_strip_comes_from_recorded_evidence_and_unreadable_evidence_costs_only_itself(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    recorder = Recorder(folder.evidence_path("3.1.3", 1), host="bench-1", target="reference", plan_digest="")
    for mark in made.marks():
        recorder.append(mark)
    recorder.close()
    folder.evidence_path("3.1.4", 1).mkdir()
    write_report(folder, made.CASES, made.VERDICTS, made.standing(made.VERDICTS))
    page = Tags(folder.report_path.read_text(encoding="utf-8"))
    assert page.text.count("What happened") == 1
    for name in ("venue-binance", "connector", "filtered", "fault: kill"):
        assert name in page.text


def test_what_the_gate_does_not_count_is_not_shown_as_passed(tmp_path: Path) -> None:
    cut_short = {"5.1.1": replace(made.verdict("5.1.1", Status.INCONCLUSIVE), reason="cut short: no answer in 10 s")}
    folder = RunStore(tmp_path).create(made.INFO)
    write_report(folder, made.CASES, cut_short, made.standing(cut_short), lambda _: [])
    text = folder.report_path.read_text(encoding="utf-8")
    assert "0 of 12 criteria pass" in text
    assert "6 passed, not counted" in text


def test_cases_beyond_the_29_have_a_section_of_their_own(tmp_path: Path) -> None:
    quick = replace(made.verdict("x.quick", Status.FAIL), title="Downtime, scaled (quick look, never counts as 4.2.2)")
    verdicts = {"x.quick": quick, "3.1.1": made.verdict("3.1.1")}
    cases = (*made.CASES, made.case("x.quick"), made.case("x.other"))
    folder = RunStore(tmp_path).create(made.INFO)
    write_report(folder, cases, verdicts, made.standing(verdicts), lambda _: [])
    page = Tags(folder.report_path.read_text(encoding="utf-8"))
    order = [of["id"] for tag, of in page.elements if tag == "details" and of.get("class", "").startswith("case ")]  # type: ignore[union-attr]
    assert order == ["case-3.1.1", "case-x.quick"]
    assert page.text.count("quick look, never counts as 4.2.2") == 2
    assert "They count for no gate and have no say in the answer above." in page.text
    assert "extension cases: they count for no gate" in page.text
    assert "1 case beyond the 29 did not run" in page.text
    missing, _, _ = page.text.partition("Extension cases that did not pass")
    assert "x.quick" not in missing.partition("What is missing")[2]
    assert "### Beyond the 29, counted for no gate" in folder.summary_path.read_text(encoding="utf-8")


def test_a_doubt_that_every_trial_raised_is_one_with_all_they_say(tmp_path: Path) -> None:
    late = [Doubt("late generator", f"calls were {ms} ms late", "give it more cores", widens=True) for ms in (3, 4)]
    verdicts = {"5.1.1": replace(made.verdict("5.1.1", Status.INCONCLUSIVE), doubts=tuple(late))}
    folder = RunStore(tmp_path).create(made.INFO)
    write_report(folder, made.CASES, verdicts, made.standing(verdicts), lambda _: [])
    text = folder.report_path.read_text(encoding="utf-8")
    assert text.count("give it more cores") == 1
    assert "calls were 3 ms late" in text
    assert "calls were 4 ms late" in text
    assert "calls were 3 ms late; calls were 4 ms late" in folder.summary_path.read_text(encoding="utf-8")
