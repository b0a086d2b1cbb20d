"""The one error that is the user's to mend."""


class ConfigError(ValueError):
    """A value that cannot be used: which field, what it was, what was wanted.

    The front door prints it as one line and exits with code 2.
    """

    def __init__(self, field: str, value: object, want: str) -> None:
        super().__init__(f"{field}: {value!r} (wanted: {want})")
        self.field = field
        self.value = value
        self.want = want


def require(holds: bool, field: str, value: object, want: str) -> None:
    """Raise ConfigError(field, value, want) unless the condition holds."""
    if not holds:
        raise ConfigError(field, value, want)
