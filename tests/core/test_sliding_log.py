"""The exact sliding log compared with its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.models.greedy_log import entitled_by, greedy_log

CALLS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2))).map(sorted)


@given(st.lists(st.integers(0, 50)).map(sorted), st.integers(1, 4), st.integers(1, 20))
def test_call_is_admitted_if_the_window_before_it_has_room(instants: list[int], limit: int, window: int) -> None:
    """A call is admitted if and only if (t − window, t] contains fewer than `limit` admitted calls."""
    found = greedy_log(np.array(instants, dtype=np.int64), limit, window)
    for i, instant in enumerate(instants):
        earlier = [t for t, admitted in zip(instants[:i], found[:i], strict=True) if admitted and t > instant - window]
        assert found[i] == (len(earlier) < limit)


@given(CALLS, st.integers(1, 4))
def test_each_subject_has_a_separate_log(calls: list[tuple[int, int]], limit: int) -> None:
    """The entitled calls of all subjects are those of each subject alone, in ascending order."""
    due = np.array([t for t, _ in calls], dtype=np.int64)
    subjects = np.array([s for _, s in calls], dtype=np.int64)
    alone = [due[subjects == s][greedy_log(due[subjects == s], limit, 10)] for s in range(3)]
    assert entitled_by(due, subjects, limit, 10e-9).tolist() == sorted(np.concatenate(alone).tolist())


def test_any_unit_of_time_works() -> None:
    """Seconds and nanoseconds give the same results."""
    seconds = np.array([0.0, 0.5, 0.9, 1.0, 1.5])
    assert greedy_log(seconds, 2, 1.0).tolist() == [True, True, False, True, True]
    assert greedy_log((seconds * 1e9).astype(np.int64), 2, 10**9).tolist() == [True, True, False, True, True]
