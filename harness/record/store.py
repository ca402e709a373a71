"""RunStore: the folder that holds all runs; finds one by name, path, prefix or age."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from harness.record.codec import RUN, run_document
from harness.record.errors import RecordError, cannot_read, cannot_write
from harness.record.folder import RunFolder
from harness.record.names import new_run_id
from harness.record.run import RunInfo
from harness.verdict.verdict import Status

__all__ = ["LATEST", "RunFolder", "RunStore"]

LATEST = "latest"
_ATTEMPTS = 100
_SHOWN = 3


class RunStore:
    """All runs under `root`, which need not exist before the first one is created."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, info: RunInfo) -> RunFolder:
        """Begin a run: its folder with run.json. An empty or taken id is replaced; the folder's info has the new."""
        wanted = info.id or new_run_id(info.started_ns)
        for _ in range(_ATTEMPTS):
            path = self.root / wanted
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                path.mkdir()  # fails when it exists: two runs of the same second cannot both have it
            except FileExistsError:
                if not self.root.is_dir():
                    raise RecordError(f"{self.root} is not a folder; choose another with --reports") from None
                wanted = new_run_id(info.started_ns)
                continue
            except OSError as error:
                raise cannot_write(path, error) from error
            folder = RunFolder(path, replace(info, id=wanted))
            RUN.write(path / "run.json", run_document(folder.info))
            return folder
        raise RecordError(f"no free name for a run that starts now in {self.root}; remove some runs of this second")

    def open(self, name: str) -> RunFolder:
        """The run called `name`: an id, the beginning of just one id, "latest", or a path to a run or a file in it."""
        if name == LATEST:
            return self.latest()
        names = self._names()
        if name in names:
            return RunFolder.read(self.root / name)
        at_path = _run_at(name)
        if at_path is not None:
            return RunFolder.read(at_path)
        matching = [known for known in names if name and known.startswith(name)]
        if len(matching) == 1:
            return RunFolder.read(self.root / matching[0])
        if matching:
            raise RecordError(f"{name} could be {len(matching)} runs: {_listed(matching[::-1])}; give more of the id")
        raise RecordError(f"there is no run {name or '(empty name)'} in {self.root}; {_nearest(name, names)}")

    def latest(self) -> RunFolder:
        """The readable run that started last."""
        runs = self.list()
        if not runs:
            raise RecordError(f"there is no run in {self.root} yet; make one with: nfr run")
        return runs[0]

    def list(self) -> tuple[RunFolder, ...]:
        """The readable runs, the newest first. What is unreadable is left out; see unreadable()."""
        runs = [run for name in self._names() if (run := _readable(self.root / name))]
        return tuple(sorted(runs, key=lambda run: (run.info.started_ns, run.info.id), reverse=True))

    def unreadable(self) -> tuple[str, ...]:
        """One sentence for each run that list() leaves out."""
        sentences = []
        for name in self._names():
            try:
                RunFolder.read(self.root / name)
            except RecordError as why:
                sentences.append(str(why))
        return tuple(sentences)

    def last_verdicts(self) -> dict[str, tuple[str, Status]]:
        """The newest verdict on each case over all readable runs: case id to (run id, status)."""
        newest: dict[str, tuple[str, Status]] = {}
        for run in self.list():
            for case_id in run.case_ids():
                if case_id in newest:
                    continue
                try:
                    verdict = run.verdict(case_id)
                except RecordError:
                    continue  # an older run may still have a readable one
                if verdict is not None:
                    newest[case_id] = (run.info.id, verdict.status)
        return newest

    def _names(self) -> tuple[str, ...]:
        """Folders that hold a run, the oldest first."""
        try:
            entries = [entry for entry in self.root.iterdir() if not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise cannot_read(self.root, error) from error
        return tuple(sorted(entry.name for entry in entries if (entry / "run.json").is_file()))


def _readable(path: Path) -> RunFolder | None:
    try:
        return RunFolder.read(path)
    except RecordError:
        return None


def _run_at(name: str) -> Path | None:
    """The run's folder that this path leads to, directly or through one of the run's top files."""
    path = Path(name)
    try:
        if not name or not path.exists():
            return None
        return next((folder for folder in (path, path.parent) if (folder / "run.json").is_file()), None)
    except (OSError, ValueError):  # too long for a path, or with a zero byte: then it is none
        return None


def _nearest(name: str, names: tuple[str, ...]) -> str:
    if not names:
        return "there are no runs yet; make one with: nfr run"
    # a run's id is often given by its end, the four hex digits
    near = [known for known in names if name and name in known] or difflib.get_close_matches(name, names, n=_SHOWN)
    return f"the nearest are {_listed(near)}" if near else f"the newest are {_listed(names[::-1])}"


def _listed(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
