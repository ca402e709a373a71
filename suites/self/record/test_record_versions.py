"""Old runs stay readable; a newer, damaged or foreign document is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.record.documents import Document, Format
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.store import RunStore

from . import made

pytestmark = pytest.mark.self


def renamed(document: Document) -> Document:
    """Version 2 called the name a title."""
    return {"title": document["name"]}


def counted(document: Document) -> Document:
    """Version 3 counts the title's letters."""
    return {**document, "letters": len(document["title"])}


TODAY = Format("nfr.test", 3, {1: renamed, 2: counted})


@pytest.mark.parametrize(
    "old",
    [
        {"schema": "nfr.test", "version": 1, "name": "abc"},
        {"schema": "nfr.test", "version": 2, "title": "abc"},
        {"schema": "nfr.test", "version": 3, "title": "abc", "letters": 3},
    ],
)
def test_every_older_version_reads_as_todays(tmp_path: Path, old: Document) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(old), encoding="utf-8")
    assert TODAY.read(file) == {"schema": "nfr.test", "version": 3, "title": "abc", "letters": 3}


def test_a_format_without_a_way_from_each_old_version_cannot_exist() -> None:
    with pytest.raises(ValueError, match="no upgrade from version 2"):
        Format("nfr.test", 3, {1: renamed})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 99}, r"is nfr\.run version 99 and this harness reads up to 1; update the harness to read it$"),
        ({"version": "1"}, r"has no usable version \('1'\)"),
        ({"version": True}, r"has no usable version \(True\)"),
        ({"version": None}, r"has no usable version \(None\)"),
        ({"schema": "other"}, r"is not a nfr\.run document"),
        ({"seed": "many"}, r"seed: Input should be a valid integer.*; the file was edited or damaged$"),
        ({"state": "bored"}, r"state: Input should be 'running'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, change: Document, sentence: str) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    file = folder.path / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(RecordError, match=sentence) as refused:
        RunFolder.read(folder.path)
    assert "\n" not in str(refused.value)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"schema": NaN}', "\udcff"])
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    (folder.path / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RecordError, match=r"is not JSON|is not a nfr\.run document") as refused:
        RunFolder.read(folder.path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        ({"low": "zero", "high": 1}, r"verdict\.json: findings\.0\.interval\.low: Input should be a valid number"),
        ({"low": 2, "high": 1}, r"verdict\.json: findings\.0\.interval: .*low end is not above its high end"),
        ([1, 2], r"verdict\.json: findings\.0\.interval: "),
    ],
)
def test_a_damaged_verdict_names_its_file_and_the_field(tmp_path: Path, interval: object, sentence: str) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    folder.save_verdict(made.verdict())
    file = folder.case_path("3.1.1") / "verdict.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["findings"][0]["interval"] = interval
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RecordError, match=sentence):
        folder.verdicts()


def test_a_verdict_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    folder.save_verdict(made.verdict("3.1.1"))
    folder.case_path("3.1.1").rename(folder.case_path("3.1.2"))
    with pytest.raises(RecordError, match=r"is the verdict on case 3\.1\.1; the folder was copied or renamed"):
        folder.verdicts()
