"""What can go wrong with a target, each in one sentence that says what, where and what to do."""

from __future__ import annotations


class TargetError(Exception):
    """A service could not be started, reached or operated."""


class ProfileError(TargetError):
    """A profile cannot be found, read or followed."""


class PortTakenError(TargetError):
    """Somebody else listens on the port that a service was to have."""


class DiedAtStartError(TargetError):
    """A service exited before it served; `code` is its exit code."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class NotServingError(TargetError):
    """A service lives and does not answer SERVING within the limit."""


class CannotDoError(TargetError):
    """This kind of service lacks the capability, for example killing one that was only attached to."""


class GoneError(TargetError):
    """A service that was to be taken over is not there any more, or is another one."""
