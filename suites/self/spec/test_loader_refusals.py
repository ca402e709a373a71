"""Whatever is wrong with a spec file is refused in one sentence: file, line, what, how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.spec.loader import SpecError, SpecErrors, load_acceptance, load_case, load_cases

from .wrong_files import CASES, GOOD, NAME, Wrong

pytestmark = pytest.mark.self


def written(root: Path, text: str | bytes, *, group: str = "integration", name: str = NAME) -> Path:
    path = root / group / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(root: Path) -> SpecError:
    """The one finding of a folder that has exactly one."""
    with pytest.raises(SpecErrors) as caught:
        load_cases(root)
    (error,) = caught.value.errors
    assert str(caught.value) == str(error)
    return error


def test_the_file_that_the_table_changes_is_accepted(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    (case,) = load_cases(tmp_path)
    assert [criterion.id for criterion in case.criteria] == ["foreign", "foreign-sent"]


@pytest.mark.parametrize("wrong", CASES, ids=lambda wrong: wrong.name)
def test_a_wrong_file_is_refused_in_one_sentence_with_its_line(wrong: Wrong, tmp_path: Path) -> None:
    assert GOOD.count(wrong.old) >= 1, "the table's row no longer fits the good file"
    path = written(tmp_path, GOOD.replace(wrong.old, wrong.new, 1))
    error = refusal(tmp_path)
    message = str(error)
    assert error.line == wrong.line, message
    assert message.startswith(f"{path.as_posix()}:{wrong.line}: ")
    assert "\n" not in message
    assert "; " in message
    assert message.endswith(error.mend)
    for words in wrong.says:
        assert words in message


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a comment\n\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "must be a mapping, not a list"),
        (b"just words\n", 1, "must be a mapping, not 'just words'"),
        (b'id: "3.1.2"\ntitle: caf\xe9\n', 2, "byte 0xe9 is not UTF-8"),
        ("title: ähm\n".encode("utf-16"), 1, "is not UTF-8"),
        (b"[" * 5000, 1, "nested too deeply"),
    ],
)
def test_a_file_that_holds_no_case_is_refused(text: bytes, line: int, says: str, tmp_path: Path) -> None:
    written(tmp_path, text)
    error = refusal(tmp_path)
    assert error.line == line
    assert says in str(error)


def test_aliases_that_unfold_without_bound_are_refused(tmp_path: Path) -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 20)}]\n" for n in range(1, 9))
    written(tmp_path, f"l0: &l0 [a, b]\n{layers}")
    assert "unfolds to more than" in str(refusal(tmp_path))


def test_the_message_reads_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "specs", GOOD.replace('op: "=="', 'op: "="'))
    assert str(refusal(Path("specs"))) == (
        "specs/integration/3.1.2-position-filter.yaml:14: "
        "criterion 'foreign': op '=' is not one of ==, <=, <, >=, >; write one of them"
    )


def test_a_criterion_without_a_usable_id_is_named_by_its_number(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("id: foreign-sent", "id: 5"))
    assert "18: criterion 2: id must be a text, not 5; put it in quotes" in str(refusal(tmp_path))


def test_the_first_finding_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    first = written(tmp_path, GOOD.replace('op: "=="', 'op: "="').replace("level: proof", "level: prof"))
    second = written(tmp_path, "", name="3.1.4-empty.yaml")
    written(tmp_path, GOOD.replace("3.1.2", "3.1.5"), name="3.1.5-fine.yaml")
    with pytest.raises(SpecError) as caught:
        load_cases(tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{first.as_posix()}:14", f"{second.as_posix()}:1"]


def test_a_case_id_in_two_files_names_both(tmp_path: Path) -> None:
    first = written(tmp_path, GOOD)
    second = written(tmp_path, "# a copy\n" + GOOD, name="3.1.2-second.yaml")
    error = refusal(tmp_path)
    assert error.line == 2
    assert error.file == second.as_posix()
    assert first.as_posix() in str(error)


@pytest.mark.parametrize(
    "name", ["3.1.20-filter.yaml", "3.1.2.yaml", "3.1.2-Filter.yaml", "filter-3.1.2.yaml", "3.1.2-a.yml"]
)
def test_a_file_name_must_start_with_the_id_and_say_more(name: str, tmp_path: Path) -> None:
    written(tmp_path, GOOD, name=name)
    error = refusal(tmp_path)
    assert error.line == 1
    assert "name it 3.1.2-<words-with-dashes>.yaml" in str(error)


def test_a_case_in_another_groups_folder_is_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD, group="stability")
    error = refusal(tmp_path)
    assert error.line == 3
    assert "lies in folder 'stability'; move the file to integration/" in str(error)


def test_a_folder_that_is_no_group_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    written(tmp_path, GOOD, group="integraton")
    error = refusal(tmp_path)
    assert "folder 'integraton' is no group" in str(error)
    assert str(error).endswith("name it integration")


@pytest.mark.parametrize("make", ["nothing", "empty", "file"])
def test_a_folder_without_cases_is_refused(make: str, tmp_path: Path) -> None:
    root = tmp_path / "specs"
    if make == "empty":
        (root / "integration").mkdir(parents=True)
    elif make == "file":
        root.write_text("")
    message = str(refusal(root))
    assert message.startswith(root.as_posix())
    assert "there is no" in message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "integration" / NAME).mkdir(parents=True)
    assert "cannot be read" in str(refusal(tmp_path))
    with pytest.raises(SpecError, match="cannot be read"):
        load_case(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("groups:\n  integrashun: {rate: 1.0}\noverall: 0.9\n", 2, "'integrashun' is not one of"),
        ("groups:\n  e2e: {rate: 1.5}\noverall: 0.9\n", 2, "less than or equal to 1"),
        ("groups:\n  e2e: {rat: 1.0}\noverall: 0.9\n", 2, "unknown field 'rat'; write 'rate'"),
        ("groups:\n  e2e: {rate: 1.0, counts: case}\noverall: 0.9\n", 2, "write 'cases'"),
        ("groups:\n  e2e: {rate: 1.0}\n", 1, "field 'overall' is missing"),
        ("groups: {}\noverall: 0.9\n", 1, "groups"),
        ("groups:\n  e2e: {rate: 80 %}\noverall: 0.9\n", 2, "rate must be a number, not '80 %'"),
    ],
)
def test_a_wrong_acceptance_file_is_refused(text: str, line: int, says: str, tmp_path: Path) -> None:
    path = tmp_path / "acceptance.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_acceptance(path)
    assert caught.value.line == line, str(caught.value)
    assert says in str(caught.value)
