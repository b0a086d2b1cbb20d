"""The error of a run folder that cannot be used."""

from pathlib import Path

from core.errors import UserError


class RunFolderError(UserError, ValueError):
    """A run folder that cannot be used: where, what was there, what was wanted. One line."""

    def __init__(self, where: Path | str, what: str, want: str) -> None:
        super().__init__(f"{where}: {what} (wanted: {want})")
        self.where = str(where)
        self.what = what
        self.want = want
