"""The root of our error tree and its two branches: bad input, and a command that failed."""


class StampedeError(Exception):
    """Any error that a command reports in one line."""


class UserError(StampedeError):
    """Bad input: the user can correct it. The command ends with exit code 2."""


class CommandFailed(StampedeError):
    """A command that could not finish, although its input was right. It ends with exit code 1."""
