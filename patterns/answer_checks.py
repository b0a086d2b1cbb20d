"""Checks of a contender's answers. A wrong answer gives one line that names it."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stampede.core.errors import BadAnswer, ConfigError
from stampede.patterns.rate_limiting.rate_limiter import Decision

MOST_S = 1e9
"""The longest wait of a decision, about 31 years. In nanoseconds it fits a column of the samples."""
MOST_CALLS = 2**63
"""The exclusive upper limit of a decision's remaining calls, which fit a column of the samples."""
NUMBERS = (float, int)
ASYNC = "asynchronous libraries are not supported yet"
RUNNERS = frozenset({"run", "Runner", "run_coroutine_threadsafe", "async_to_sync", "start_blocking_portal"})
"""Names in the modules of LOOPS with which synchronous code runs a coroutine."""
LOOPS = frozenset({"asyncio", "anyio", "trio", "uvloop", "asgiref.sync", "anyio.from_thread"})
CALLED = frozenset({"get", "get_many", "update", "create", "invalidate", "warm", "close", "hit"})
"""The methods of a contender that the suite calls."""


def check_record(contender: str, operation: str, answer: object, version_column: str | None = None) -> None:
    """Raise BadAnswer unless the answer is a record (a dict) or None.

    `version_column`: the column that must hold a whole number. None: versions are not judged.
    """
    if answer is None:
        return
    if not isinstance(answer, dict):
        raise wrong_type(contender, operation, answer, "a record (a dict) or None")
    if version_column is not None and type(version := answer.get(version_column)) is not int:
        raise BadAnswer(f"{contender}: {operation}, column {version_column}", version, "the record's version, an int")


def check_decision(contender: str, answer: Any) -> None:
    """Raise BadAnswer unless the answer is a Decision with possible values. A correct one costs a few comparisons."""
    if (
        answer.__class__ is Decision
        and (answer.allowed is True or answer.allowed is False)
        and answer.remaining.__class__ is int
        and 0 <= answer.remaining < MOST_CALLS
        and answer.retry_after_s.__class__ in NUMBERS
        and 0 <= answer.retry_after_s <= MOST_S
        and answer.reset_after_s.__class__ in NUMBERS
        and 0 <= answer.reset_after_s <= MOST_S
    ):
        return
    if not isinstance(answer, Decision):
        raise wrong_type(contender, "hit", answer, "a Decision")
    wrong = wrong_fields(answer)
    if wrong:
        (name, value, want), *others = wrong
        also = "".join(f"; and {other} is {it!r}, wanted: {that}" for other, it, that in others)
        raise BadAnswer(f"{contender}: Decision.{name}", value, want + also)


def wrong_fields(decision: Decision) -> list[tuple[str, object, str]]:
    """Name, value and wanted value of each field whose value is impossible."""
    found: list[tuple[str, object, str]] = []
    if not isinstance(decision.allowed, bool):
        found.append(("allowed", decision.allowed, "True or False"))
    for name in ("retry_after_s", "reset_after_s"):
        value: object = getattr(decision, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= MOST_S:  # type: ignore[operator]
            found.append((name, value, "seconds, 0 or more, and finite"))
    left = decision.remaining
    if not isinstance(left, int) or isinstance(left, bool) or not 0 <= left < MOST_CALLS:
        found.append(("remaining", left, "a whole number of calls, 0 or more"))
    return found


def wrong_type(contender: str, operation: str, answer: object, want: str) -> BadAnswer:
    """The error for an answer of a wrong type. A coroutine is closed without running."""
    if inspect.iscoroutine(answer):
        answer.close()
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer):
        want = f"{want}: {ASYNC}"
    return BadAnswer(f"{contender}: {operation}", f"an answer of type {type(answer).__name__}", want)


def check_error(contender: str, operation: str, error: BaseException) -> None:
    """Raise BadAnswer if the error comes from an event loop: the contender runs coroutines inside its calls."""
    if isinstance(error, RuntimeError) and "event loop" in str(error):
        raise BadAnswer(f"{contender}: {operation}", f"{type(error).__name__}: {error}", f"a synchronous call: {ASYNC}")


def refuse_asynchronous(path: Path) -> None:
    """Raise ConfigError if a contender's file defines or runs coroutines. The file is read, not imported."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):  # the import will report it
        return
    for node in ast.walk(tree):
        for line, what in asynchronous_parts(node):
            raise ConfigError("contender", f"{path}, line {line}", f"synchronous calls, not {what}: {ASYNC}")


def asynchronous_parts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each asynchronous part: a coroutine among the methods of CALLED, or a call that runs one."""
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.AsyncFunctionDef) and member.name in CALLED:
                yield member.lineno, f"async def {member.name}"
    elif isinstance(node, ast.ImportFrom) and node.module in LOOPS:
        for name in node.names:
            if name.name in RUNNERS:
                yield node.lineno, f"{node.module}.{name.name}"
    elif isinstance(node, ast.Attribute):
        whole = ast.unparse(node)
        if node.attr == "run_until_complete" or (node.attr in RUNNERS and whole.rpartition(".")[0] in LOOPS):
            yield node.lineno, whole
