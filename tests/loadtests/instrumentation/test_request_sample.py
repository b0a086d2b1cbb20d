"""The row of a sample has the columns of the samples table, in the same order."""

import pytest

from stampede.loadtests.appserver.request_sample import RequestSample, sample_row
from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS
from stampede.patterns.rate_limiting.rate_limiter import Decision

FACTS = {
    "loads": 21,
    "load_start_ns": 22,
    "load_end_ns": 23,
    "commands": 24,
    "round_trips": 25,
    "simulated_rtt_ns": 26,
    "first_cache_reply": "value",
    "version_written": 27,
    "commit_start_ns": 28,
    "commit_end_ns": 29,
    "served_start_ns": 30,
    "served_end_ns": 31,
}
DECISION = Decision(allowed=True, limit=50, remaining=41, retry_after_s=0.5, reset_after_s=1.5)


def served(operation: str) -> RequestSample:
    """A sample whose fields all differ."""
    sample = RequestSample(3, operation, 7, 1000, 1001)
    sample.start_ns, sample.end_ns = 1002, 1003
    for name, value in FACTS.items():
        setattr(sample.facts, name, value)
    return sample


def named(sample: RequestSample, window_start_ns: int = 0) -> dict[str, object]:
    return dict(zip(ROW_COLUMNS, sample_row(sample, 5, window_start_ns, "version"), strict=True))


def test_each_fact_of_a_read_is_in_its_own_column() -> None:
    sample = served("read")
    sample.answer = {"id": 7, "version": 12}
    row = named(sample)
    expected: dict[str, object] = {
        "process": 5,
        "client": 3,
        "operation": "read",
        "key": 7,
        "warm_up": False,
        "due_ns": 1000,
    }
    expected |= {
        "thread_free_ns": 1001,
        "start_ns": 1002,
        "end_ns": 1003,
        "error": None,
        "found": True,
        "version_read": 12,
    }
    expected |= FACTS | {"served_start_ns": None, "served_end_ns": None}
    assert {name: row[name] for name in expected} == expected


def test_each_part_of_a_decision_is_in_its_own_column() -> None:
    sample = served("hit")
    sample.answer = DECISION
    row = named(sample)
    expected: dict[str, object] = {
        "allowed": True,
        "remaining": 41,
        "retry_after_ns": 500_000_000,
        "reset_after_ns": 1_500_000_000,
    }
    expected |= {"served_start_ns": 30, "served_end_ns": 31, "version_read": None}
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(("error", "found"), [(None, False), (TimeoutError("late"), None)])
def test_a_request_without_an_answer_was_not_found_and_a_failed_one_is_neither(
    error: Exception | None, found: bool | None
) -> None:
    sample = served("read")
    sample.error = error
    row = named(sample)
    assert (row["found"], row["error"]) == (found, type(error).__name__ if error else None)


def test_a_request_due_before_the_window_belongs_to_the_warm_up() -> None:
    assert [named(served("read"), window_start_ns)["warm_up"] for window_start_ns in (1000, 1001)] == [False, True]


def test_work_that_raises_is_recorded_with_its_error_and_instants() -> None:
    sample = RequestSample(-1, "background", None, 1)

    def work() -> None:
        raise ValueError("no")

    began_ns = sample.run(work)
    assert sample.start_ns == began_ns
    assert sample.end_ns is not None
    assert sample.end_ns >= began_ns
    assert isinstance(sample.error, ValueError)
