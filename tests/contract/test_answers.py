"""Checks of a contender's answers: valid ones pass, others are refused in one line."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stampede.core.errors import BadAnswer, ConfigError
from stampede.patterns.answer_checks import check_decision, check_error, check_record, refuse_asynchronous
from stampede.patterns.contender_registry import contenders, find, limiters
from stampede.patterns.rate_limiting.rate_limiter import Decision

SOUND = Decision(allowed=False, limit=8, remaining=0, retry_after_s=0.25, reset_after_s=0.5)


def changed(**fields: Any) -> Decision:
    return replace(SOUND, **fields)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"allowed": True, "remaining": 7, "retry_after_s": 0},
        {"retry_after_s": 31 * 86400, "reset_after_s": 0},
        {"remaining": 2**40},
    ],
)
def test_valid_decision_is_accepted(changes: dict[str, Any]) -> None:
    check_decision("mine", changed(**changes))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("allowed", value) for value in (1, None, "yes", 0.0)),
        *(("remaining", value) for value in (None, -3, 1.0, "2", True, math.nan, 2**70)),
        *(("retry_after_s", value) for value in (-0.001, math.inf, "soon", 1e12, Decimal("NaN"), [1])),
        *(("reset_after_s", value) for value in (None, math.nan, -5, -math.inf)),
    ],
)
def test_invalid_decision_is_refused_with_field_and_value(field: str, value: object) -> None:
    with pytest.raises(BadAnswer) as caught:
        check_decision("mine", changed(**{field: value}))
    assert str(caught.value).startswith(f"mine: Decision.{field}: {value!r} (wanted: ")


def test_every_invalid_field_is_named() -> None:
    with pytest.raises(BadAnswer, match=r"Decision\.retry_after_s: None .*; and remaining is -1, wanted: "):
        check_decision("mine", changed(retry_after_s=None, remaining=-1))


async def later() -> None:
    """A coroutine, as the methods of asynchronous libraries return."""


@pytest.mark.parametrize("answer", [True, 3, "row", b"row", [{"id": 1}], (1, 2), Decision])
def test_answer_of_wrong_type_is_refused_with_contender_operation_and_type(answer: object) -> None:
    checks: list[Callable[[], None]] = [lambda: check_record("mine", "get", answer)]
    if answer is not Decision:
        checks.append(lambda: check_decision("mine", answer))
    for check in checks:
        with pytest.raises(BadAnswer, match=rf"mine: (get|hit): 'an answer of type {type(answer).__name__}'"):
            check()


def test_coroutine_is_refused_as_asynchronous() -> None:
    with pytest.raises(BadAnswer, match="asynchronous libraries are not supported yet"):
        check_record("mine", "update", later())
    with pytest.raises(BadAnswer, match="asynchronous libraries are not supported yet"):
        check_decision("mine", later())


@pytest.mark.parametrize(
    "record", [{"id": 1}, {"version": None}, {"version": "3"}, {"version": True}, {"version": 1.0}]
)
def test_record_needs_an_integer_version_only_if_versions_are_judged(record: dict[str, Any]) -> None:
    check_record("mine", "get", record)
    with pytest.raises(BadAnswer, match="mine: get, column version: "):
        check_record("mine", "get", record, "version")


def test_error_of_an_event_loop_is_refused_and_other_errors_pass() -> None:
    check_error("mine", "get", RuntimeError("no room"))

    async def nested() -> None:
        coroutine = later()
        try:
            asyncio.run(coroutine)
        finally:
            coroutine.close()

    with pytest.raises(RuntimeError) as raised:
        asyncio.run(nested())
    with pytest.raises(BadAnswer, match="asynchronous libraries are not supported yet"):
        check_error("mine", "get", raised.value)


ASYNCHRONOUS = {
    "method": "class P:\n    async def get(self, record_id): ...",
    "runner": "import asyncio\n\ndef get(x):\n    return asyncio.run(x)",
    "imported": "from anyio import run\n\ndef get(x):\n    return run(x)",
    "bridge": "from asgiref.sync import async_to_sync\n\nget = async_to_sync(len)",
    "loop": "def get(loop, x):\n    return loop.run_until_complete(x)",
    "thread": "import asyncio\n\nget = asyncio.run_coroutine_threadsafe",
}
SYNCHRONOUS = {
    "error_only": "import asyncio\n\nERRORS = (asyncio.TimeoutError,)",
    "other_run": "import subprocess\n\ndef get():\n    return subprocess.run(['true'])",
    "unused": "async def helper(): ...",
    "broken": "def get(:",
}


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_file_that_runs_coroutines_is_refused_without_import(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"own_{name}.py"
    file.write_text(f"raise SystemExit('imported')\n{ASYNCHRONOUS[name]}\n")
    with pytest.raises(ConfigError, match=rf"own_{name}\.py, line \d+'.*asynchronous libraries are not supported yet"):
        find(str(file))


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_file_that_only_mentions_asyncio_is_accepted(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"own_{name}.py"
    file.write_text(SYNCHRONOUS[name])
    refuse_asynchronous(file)


def test_every_contender_of_the_suite_is_accepted() -> None:
    from stampede.patterns import caching, rate_limiting

    folders = [Path(package.__path__[0]) for package in (caching, rate_limiting)]
    files = [file for folder in folders for file in folder.glob("*.py")]
    assert len(files) > len(contenders()) + len(limiters())
    for file in files:
        refuse_asynchronous(file)
