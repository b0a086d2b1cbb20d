"""Every error of the project that more than one file uses.

    StampedeError
    ├── UserError                  exit code 2: the user can correct the input
    │   ├── ConfigError            a value: an option, a field of a file, a contender's attribute
    │   │   ├── StackError         a server that cannot be used
    │   │   │   └── NoContainers
    │   │   ├── BadAnswer          an answer that no contender may give
    │   │   └── NotHere            an experiment that does not fit this workload or these servers
    │   ├── InputError             an input of a report: an option, gate.toml, a claim's name
    │   └── RunFolderError         a run folder, or a file in it
    ├── CommandFailed              exit code 1: one line says what ended the command
    │   ├── BenchFailed
    │   ├── SerializersFailed
    │   ├── HarnessFailed
    │   ├── ServerEnded
    │   ├── WriteFailed
    │   └── ExplorerError
    │       └── NotJudged
    │           └── ContenderRefused
    ├── LoadProcessError           inside the Locust processes: the run folder records it
    │   ├── CellBroken
    │   │   └── ContenderWrong
    │   ├── FaultFailed
    │   ├── HarnessBroken
    │   │   ├── RecordNotCacheable
    │   │   └── WorkerLeft
    │   └── Refused
    ├── UnreadableFile             a path; each reader adds where the path came from
    └── Mismatch                   a value in data; each reader adds where the data came from

    ClientKilled                   a BaseException: it unwinds the thread of a client that is killed

UserError, UnreadableFile and Mismatch are ValueErrors too. CommandFailed and LoadProcessError are RuntimeErrors too.
Exceptions that only one file uses are defined in that file.
"""

import errno
import os
from pathlib import Path
from typing import Literal

Problem = Literal["type", "range", "word", "missing", "unknown", "depth", "other"]
"""Why a value does not fit its type: another type, out of range, not an allowed word, a missing or unknown field, too
many levels."""

LONGEST = 200
"""Characters of a value that an error shows."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a disk, a quota or a file that is full."""
GONE = (errno.ENOENT, errno.ENOTDIR)
"""Error numbers of a path whose folder does not exist."""


class StampedeError(Exception):
    """The base of all errors of the project, apart from ClientKilled."""


class UserError(StampedeError, ValueError):
    """An input that cannot be used: place, value found, value wanted. The command line exits with code 2."""

    def __init__(self, where: Path | str, what: str, want: str) -> None:
        super().__init__(f"{where}: {what} (wanted: {want})")
        self.where = str(where)
        self.what = what
        self.want = want


class ConfigError(UserError):
    """A value that cannot be used: field, value, wanted value."""

    def __init__(self, field: str, value: object, want: str) -> None:
        super().__init__(field, shortened(repr(value)), want)
        self.field = field
        self.value = value


class StackError(ConfigError):
    """A server that cannot be used."""


class NoContainers(StackError):
    """Containers cannot be started. The message contains the reason."""

    def __init__(self, why: str) -> None:
        super().__init__("stack", "containers", why)


class BadAnswer(ConfigError):
    """An answer that no contender may give. The message names contender, operation and answer."""


class NotHere(ConfigError):
    """An experiment does not fit this workload or these servers. The run skips the experiment."""


class InputError(UserError):
    """An input of a report that cannot be used."""


class RunFolderError(UserError):
    """A run folder that cannot be used."""


class CommandFailed(StampedeError, RuntimeError):
    """An error that ends a command, in one line. The command line exits with code 1."""


class BenchFailed(CommandFailed):
    """The harness failed: the run is void. The run folder keeps the recorded data."""


class SerializersFailed(CommandFailed):
    """The process of a round failed. The run folder keeps the written data."""


class HarnessFailed(CommandFailed):
    """The process that measures the harness itself failed."""


class ServerEnded(CommandFailed):
    """A server or the supervisor ended too early. The message contains how, and the last line of its log."""


class WriteFailed(CommandFailed):
    """A file that cannot be written. The message contains the reason, for example a full disk or a missing folder."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in FULL:
            what = f"{path.parent}: the disk is full, {path.name} cannot be written ({reason})"
        elif error.errno in GONE and not path.parent.is_dir():
            what = f"{path.parent}: the folder is gone, {path.name} cannot be written"
        else:
            what = f"{path}: the file cannot be written ({reason})"
        super().__init__(what)


class ExplorerError(CommandFailed):
    """A contender that cannot be explored. The message is one line with the reason."""


class NotJudged(ExplorerError):
    """A server, the network or the explorer failed, so that the contender cannot be judged in this situation."""


class ContenderRefused(NotJudged):
    """The contender does something that the explorer cannot control. It cannot be judged in any situation."""


class LoadProcessError(StampedeError, RuntimeError):
    """A failure inside the Locust processes. It ends a cell or the run and is recorded in the run folder."""


class CellBroken(LoadProcessError):
    """A cell did not finish. Its samples are not used."""


class ContenderWrong(CellBroken):
    """A contender gave an answer that no contender may give. Its cell ends at once. The message names the answer."""


class FaultFailed(LoadProcessError):
    """A fault could not be injected or ended: a server could not be stopped, or did not come back."""


class HarnessBroken(LoadProcessError):
    """An application server is missing, so that later cells would be wrong. The run ends."""


class RecordNotCacheable(HarnessBroken):
    """A record of the user's that cannot be cached or loaded as it is. Every contender fails at it: the run ends."""


class WorkerLeft(HarnessBroken):
    """An application server left. The exit of its process gives the reason."""


class Refused(LoadProcessError):
    """A worker that cannot take part. The run does not begin. The message names the worker and what was wanted."""

    def __init__(self, who: str, want: str) -> None:
        super().__init__(f"{who}: {want}")
        self.who = who
        self.want = want


class UnreadableFile(StampedeError, ValueError):
    """A path that cannot be read: what it is, and what was wanted. The message does not contain the path."""

    def __init__(self, what: str, want: str) -> None:
        super().__init__(f"{what} (wanted: {want})")
        self.what = what
        self.want = want


class Mismatch(StampedeError, ValueError):
    """A value that does not fit its type.

    `place`: $ is the data itself, $.cells[3].round a value in it. `got`: the value's type, or the name of a missing or
    unknown field. `want`: the wanted type, as msgspec names it.
    """

    def __init__(self, problem: Problem, place: str, got: str, want: str) -> None:
        super().__init__(f"{place}: {problem}: {got} (wanted: {want})")
        self.problem = problem
        self.place = place
        self.got = got
        self.want = want

    @property
    def field(self) -> str:
        """The place of the value or of the missing or unknown field, without the root. "": the data itself."""
        named = f".{self.got}" if self.problem in ("missing", "unknown") else ""
        return f"{self.place}{named}".removeprefix("$").removeprefix(".")


class ClientKilled(BaseException):
    """Unwinds the thread of a client that was killed. No `except Exception` catches it."""


def require(holds: bool, field: str, value: object, want: str) -> None:
    """Raise ConfigError(field, value, want) unless the condition holds."""
    if not holds:
        raise ConfigError(field, value, want)


def shortened(text: str) -> str:
    """The text, shortened in the middle if it has more than LONGEST characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def in_one_line(error: BaseException) -> str:
    """An error's type and text on one line, at most 300 characters. For an ExplorerError: the whole text only."""
    text = " ".join(str(error).split())
    if isinstance(error, ExplorerError):
        return text
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
