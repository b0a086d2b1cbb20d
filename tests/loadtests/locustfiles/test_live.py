"""The live counts, compared with planted rows."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.models.greedy_log import entitled_by
from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS, Row
from stampede.loadtests.locustfiles.live.live_counts import LiveCounts, added, bucket, bucket_us, percentile_us


def row(**facts: Any) -> Row:
    usual = {"operation": "read", "due_ns": 0, "start_ns": 0, "end_ns": 2_000_000, "loads": 0, "key": 1}
    return tuple((usual | {"first_cache_reply": "value"} | facts).get(name) for name in ROW_COLUMNS)


@given(st.integers(1_000, 10**11))
def test_a_bucket_represents_a_response_time_to_one_percent(response_ns: int) -> None:
    assert abs(bucket_us(bucket(response_ns)) / (response_ns / 1000) - 1) < 0.01


@given(st.lists(st.integers(1_000, 10**9), min_size=1), st.sampled_from([0.5, 0.99]))
def test_a_percentile_equals_one_of_the_values_to_one_percent(times_ns: list[int], share: float) -> None:
    counts: dict[int, int] = {}
    for time_ns in times_ns:
        counts[bucket(time_ns)] = counts.get(bucket(time_ns), 0) + 1
    exact = sorted(times_ns)[max(0, int(np.ceil(share * len(times_ns))) - 1)] / 1000
    found = percentile_us(counts, share)
    assert found is not None
    assert abs(found / exact - 1) < 0.012


def test_totals_are_absolute_and_continue_over_a_change_of_cells() -> None:
    """Each row is counted once, also late rows of the previous cell, however often `catch_up` runs."""
    live = LiveCounts()
    first, second = [row(), row(loads=1, first_cache_reply="none")], [row(operation="hit", allowed=False)]
    live.follow("a x", first)
    live.catch_up()
    first.append(row(error="TimeoutError"))
    live.follow("b y", second)
    live.catch_up()
    live.catch_up()
    assert {k: v for k, v in live.totals["a x"].items() if k != "us"} == {
        "loads": 1, "requests": 3, "reads": 2, "hits": 1, "stale": 0, "failed": 1,
    }  # fmt: skip
    assert live.totals["b y"]["refused"] == 1
    both = added([live.totals, live.totals])
    assert both["a x"]["requests"] == 6
    assert sum(both["a x"]["us"].values()) == 6


def test_a_read_is_stale_only_if_a_newer_version_was_committed_here_before_it_began() -> None:
    live = LiveCounts()
    write = row(operation="write", version_written=2, commit_end_ns=100)
    live.follow("a x", [write, row(version_read=1, start_ns=101), row(version_read=2, start_ns=101)])
    live.catch_up()
    assert live.totals["a x"]["stale"] == 1
    live.follow("a x", [row(version_read=1, start_ns=102)])  # another cell: versions restart
    live.catch_up()
    assert live.totals["a x"]["stale"] == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2))), st.integers(1, 4))
def test_entitled_never_exceeds_the_limit_in_any_window(calls: list[tuple[int, int]], limit: int) -> None:
    """Each subject is admitted independently of the others, and never above its limit in any window."""
    calls.sort()
    for subject in {s for _, s in calls}:
        mine = np.array([t for t, s in calls if s == subject], dtype=np.int64)
        got = entitled_by(mine, np.zeros_like(mine), limit, 10e-9)
        assert all(((got > end - 10) & (got <= end)).sum() <= limit for end in got)
        assert len(got) >= min(limit, len(mine))
    due = np.array([t for t, _ in calls], dtype=np.int64)
    subjects = np.array([s for _, s in calls], dtype=np.int64)
    alone = sum(len(entitled_by(due[subjects == s], subjects[subjects == s], limit, 10e-9)) for s in range(3))
    assert len(entitled_by(due, subjects, limit, 10e-9)) == alone
