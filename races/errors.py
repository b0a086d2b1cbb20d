"""How a client ends that is not let go on, and what cannot be explored or judged."""


class Died(BaseException):
    """Unwinds a client that died. No `except Exception` catches it."""


class ExplorerError(RuntimeError):
    """What is explored cannot be held: one line that says why."""


class NotJudged(ExplorerError):
    """A server, the network or the explorer failed, so this situation says nothing about the contender."""


class ContenderRefused(NotJudged):
    """The contender does something that the explorer cannot hold: no situation can be judged."""


def in_one_line(error: BaseException) -> str:
    """An error's type and text, whitespace folded, at most 300 characters."""
    text = " ".join(str(error).split())
    if isinstance(error, ExplorerError):
        return text
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
