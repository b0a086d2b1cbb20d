"""What the user can mend, as the reports say it."""

from core.errors import UserError


class InputError(UserError, ValueError):
    """Something that was given and cannot be used: where, what was there, what was wanted. One line."""

    def __init__(self, where: str, what: str, want: str) -> None:
        super().__init__(f"{where}: {what} (wanted: {want})")
        self.where = where
        self.what = what
        self.want = want
