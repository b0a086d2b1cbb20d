"""The one error that is the user's to mend."""

from core.errors import UserError

LONGEST = 200
"""Characters of a value that an error shows."""


class ConfigError(UserError, ValueError):
    """A value that cannot be used: which field, what it was, what was wanted.

    The front door prints it as one line and exits with code 2.
    """

    def __init__(self, field: str, value: object, want: str) -> None:
        super().__init__(f"{field}: {shortened(repr(value))} (wanted: {want})")
        self.field = field
        self.value = value
        self.want = want


def shortened(text: str) -> str:
    """The text, cut in the middle where it is too long for a line."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def require(holds: bool, field: str, value: object, want: str) -> None:
    """Raise ConfigError(field, value, want) unless the condition holds."""
    if not holds:
        raise ConfigError(field, value, want)
