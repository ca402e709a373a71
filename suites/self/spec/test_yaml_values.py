"""YAML means what it says: what is written reads back equal, and no word turns into another type."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.spec.case import Case, Criterion, Group, Level, Op, Priority
from harness.spec.errors import SpecError
from harness.spec.loader import dump_case, load_case, load_cases
from harness.spec.schema import schema_text
from harness.spec.translation import validated
from harness.spec.yaml_source import read, write

pytestmark = pytest.mark.self

SPECS = Path(__file__).resolve().parents[3] / "specs"

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=3, max_size=60)
traps = st.sampled_from(
    ["on", "off", "yes", "no", "null", "~", "1e-4", "1:30", "=", "0x1F", "2024-01-01", ">=", "- a", "<<", "a: b"]
)
texts = words | traps
finite = st.floats(allow_nan=False, allow_infinity=False)
arguments = texts | st.integers(-(10**15), 10**15) | finite | st.booleans() | st.lists(texts).map(tuple)
criteria = st.builds(
    Criterion,
    id=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    says=words,
    metric=st.from_regex(r"[a-z_]{1,9}\.[a-z0-9_]{1,9}", fullmatch=True).filter(lambda name: "quantile" not in name),
    of=st.dictionaries(texts.filter(lambda key: key != "quantile"), arguments, max_size=4),
    op=st.sampled_from(Op),
    limit=finite,
    unit=texts,
    level=st.sampled_from(Level),
)
decisive = criteria.map(lambda one: one.model_copy(update={"level": Level.REQUIRED}))
cases = st.builds(
    Case,
    id=st.from_regex(r"3\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    title=words,
    group=st.just(Group.INTEGRATION),
    priority=st.sampled_from(Priority),
    given=words,
    when=words,
    then=words,
    criteria=st.tuples(decisive) | st.lists(criteria, min_size=1, max_size=3).flatmap(
        lambda some: decisive.map(lambda one: (*some, one))
    ),
    trials=st.integers(1, 1000),
    estimate_s=st.floats(0.001, 1e6),
    load=st.dictionaries(st.sampled_from(["calls", "messages"]), st.integers(1, 10**12)),
    awaiting=texts,
).filter(lambda case: len({criterion.id for criterion in case.criteria}) == len(case.criteria))  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases)
def test_a_case_written_as_yaml_and_loaded_again_is_equal(case: Case) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "integration" / f"{case.id}-some-words.yaml"
        path.parent.mkdir()
        path.write_text(dump_case(case), encoding="utf-8")
        assert load_case(path) == case
        assert load_cases(Path(folder)) == (case,)


@pytest.mark.parametrize("case", load_cases(SPECS), ids=lambda case: case.id)
def test_a_committed_case_written_and_loaded_again_is_equal(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.group / f"{case.id}-again.yaml"
    path.parent.mkdir()
    path.write_text(dump_case(case), encoding="utf-8")
    assert load_case(path) == case


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | arguments.filter(lambda x: not isinstance(x, tuple)),
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    )
)
def test_any_plain_value_reads_back_equal(value: object) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "value.yaml"
        path.write_text(write({"value": value}), encoding="utf-8")
        assert read(path).value == {"value": value}


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(alphabet=st.sampled_from("ab:-{}[]&*!|>'\"\n #%@,?0.<~"), max_size=80).map(str.encode)
)
def test_no_file_content_ends_in_anything_but_a_spec_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "3.1.1-any.yaml"
        path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            load_case(path)
        lines = content.count(b"\n") + content.count(b"\r") + 1
        assert 1 <= caught.value.line <= lines
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("NO", "NO"), ("y", "y"),
        ("true", True), ("False", False), ("1e-4", 1e-4), ("1E4", 1e4), ("-1.5e+3", -1500.0), (".5", 0.5), ("5.", 5.0),
        ("012", 12), ("0x1F", "0x1F"), ("1_000", "1_000"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("=", "="),
        ("==", "=="), ("3.1.2", "3.1.2"), ("~", None), ("null", None), ("", None), ("'5'", "5"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_looks_like(written: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "value.yaml"
    path.write_text(f"value: {written}\n", encoding="utf-8")
    got = read(path).value
    assert got == {"value": value}
    assert isinstance(got, dict)
    assert type(got["value"]) is type(value)


def test_keys_that_yaml_1_1_takes_for_booleans_are_words(tmp_path: Path) -> None:
    path = tmp_path / "value.yaml"
    path.write_text("on: 1\nno: 2\ny: 3\n", encoding="utf-8")
    assert read(path).value == {"on": 1, "no": 2, "y": 3}


def test_anchors_aliases_and_merges_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "value.yaml"
    path.write_text(
        "a: &a {x: 1, y: {z: 2}}\nb: *a\nc: {<<: *a, x: 3}\nd:\n  x: 4\n  <<: [*a, {w: 5, x: 6}]\n", encoding="utf-8"
    )
    source = read(path)
    a = {"x": 1, "y": {"z": 2}}
    assert source.value == {"a": a, "b": a, "c": {**a, "x": 3}, "d": {**a, "x": 4, "w": 5}}
    assert source.line_of(("d", "x")) == 5
    assert source.line_of_key(("d", "x")) == 5
    assert source.line_of(("d", "y")) == 1


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "value.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: ä\r\n".encode())
    assert read(path).value == {"a": 1, "b": "ä"}


CHANGES: tuple[tuple[str, object], ...] = (
    ("limit", "5"),
    ("limit", True),
    ("limit", None),
    ("limit", []),
    ("op", "="),
    ("level", "R"),
    ("id", "A b"),
    ("says", ""),
    ("metric", "count"),
    ("of", []),
    ("of", {"a": None}),
    ("of", {"a": {"b": 1}}),
    ("of", {"a": [1]}),
    ("of", {"a": ["b"]}),
    ("of", {"a": True}),
    ("unit", 5),
    ("limit", 5),
    ("limit", 0.5),
    ("more", 1),
)


@pytest.mark.parametrize(("field", "value"), CHANGES, ids=str)
def test_loader_and_published_schema_agree_on_a_changed_criterion(field: str, value: object, tmp_path: Path) -> None:
    case = load_cases(SPECS)[0].model_dump(mode="json")
    case["criteria"][0][field] = value
    path = tmp_path / "case.yaml"
    path.write_text(write(case), encoding="utf-8")
    source = read(path)
    validator = jsonschema.Draft202012Validator(json.loads(schema_text(Case)))
    try:
        validated(source, Case)
    except SpecError:
        accepted = False
    else:
        accepted = True
    assert validator.is_valid(source.value) == accepted


def test_an_infinite_limit_is_refused_by_the_model_too() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Criterion(id="a", says="abc", metric="a.b", op=Op.LE, limit=float("inf"), level=Level.REQUIRED)
