"""How a client ends that is not let go on, and what cannot be explored."""


class Died(BaseException):
    """Unwinds a client that died. No `except Exception` catches it."""


class ExplorerError(RuntimeError):
    """What is explored cannot be held: one line that says why."""
