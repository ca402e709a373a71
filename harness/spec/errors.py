"""SpecError: what is wrong with a spec file, as one sentence that says where, what and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable


class SpecError(ValueError):
    """One finding. `line` counts from 1; 0 when the file or folder as a whole is meant."""

    def __init__(self, file: str, line: int, what: str, mend: str) -> None:
        self.file = file
        self.line = line
        self.what = what
        self.mend = mend
        place = f"{file}:{line}" if line else file
        super().__init__(" ".join(f"{place}: {what}; {mend}".split()))

    @property
    def errors(self) -> tuple[SpecError, ...]:
        """The findings that this error consists of."""
        return (self,)


class SpecErrors(SpecError):
    """The findings of several files, the first one of each; its message is one line per file."""

    def __init__(self, errors: Iterable[SpecError]) -> None:
        self._errors = tuple(errors)
        first = self._errors[0]
        super().__init__(first.file, first.line, first.what, first.mend)
        self.args = ("\n".join(str(error) for error in self._errors),)

    @property
    def errors(self) -> tuple[SpecError, ...]:
        """One finding per file, in the order of the files' names."""
        return self._errors
