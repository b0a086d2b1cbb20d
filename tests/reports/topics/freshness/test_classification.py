"""Reads are classified as docs/reference/measures.md defines: checked by brute force, and on one read of each kind."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.reports.topics.freshness.classify import ClassifiedReads, classify_reads
from stampede.reports.topics.freshness.convergence import WriteChecks, check_writes
from stampede.reports.topics.freshness.sessions import sessions
from stampede.reports.topics.freshness.staleness_curve import curve
from stampede.reports.topics.freshness.version_history import NEVER, History, Reads, Writes
from stampede.reports.topics.freshness.versions import Lookup
from tests.reports.topics.freshness import brute_force
from tests.reports.topics.freshness.brute_force import Read, Write


def built(writes: list[Write], reads: list[Read]) -> History:
    def ints(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([NEVER if v == brute_force.NEVER else int(v) for v in values], dtype=np.int64)

    return History(
        writes=Writes(
            key=ints([w.key for w in writes]),
            version=ints([w.version for w in writes]),
            begin=ints([w.begin for w in writes]),
            end=ints([w.end for w in writes]),
            acknowledged=ints([w.acknowledged for w in writes]),
            session=ints([w.client for w in writes]),
            measured=np.array([w.measured for w in writes], dtype=bool),
        ),
        reads=Reads(
            key=ints([r.key for r in reads]),
            version=ints([r.version for r in reads]),
            start=ints([r.start for r in reads]),
            end=ints([r.end for r in reads]),
            session=ints([r.client for r in reads]),
            measured=np.array([r.measured and not r.after_drain for r in reads], dtype=bool),
            after_drain=np.array([r.after_drain for r in reads], dtype=bool),
        ),
    )


def classified(writes: list[Write], reads: list[Read]) -> ClassifiedReads:
    return classify_reads(built(writes, reads))


INSTANT = st.integers(0, 40)
KEY = st.integers(7, 9)


@st.composite
def some_write(draw: st.DrawFn) -> Write:
    begin = draw(INSTANT)
    end: float = begin + draw(st.integers(1, 6))
    acknowledged: float = end + draw(st.integers(0, 6))
    outcome = draw(st.sampled_from(["acknowledged", "acknowledged", "acknowledged", "failed", "no end"]))
    return Write(
        key=draw(KEY),
        version=draw(st.integers(2, 7)),
        begin=begin,
        end=brute_force.NEVER if outcome == "no end" else end,
        acknowledged=acknowledged if outcome == "acknowledged" else brute_force.NEVER,
        client=draw(st.integers(0, 2)),
        measured=draw(st.booleans()),
    )


@st.composite
def some_read(draw: st.DrawFn) -> Read:
    start = draw(INSTANT)
    return Read(
        key=draw(KEY),
        version=draw(st.integers(1, 8)),
        start=start,
        end=start + draw(st.integers(1, 9)),
        client=draw(st.integers(0, 2)),
        measured=draw(st.booleans()),
    )


HISTORIES = st.tuples(st.lists(some_write(), max_size=7), st.lists(some_read(), max_size=7))


@given(drawn=HISTORIES)
@settings(max_examples=120, deadline=None)
def test_vectorised_classification_equals_brute_force(drawn: tuple[list[Write], list[Read]]) -> None:
    """For any history, possible or not, the vectorised code and the definitions give the same result for each read."""
    writes, reads = drawn
    found = classified(writes, reads)
    for i, read in enumerate(reads):
        expected = brute_force.verdict(writes, reads, read)
        assert {name: getattr(found, name)[i] for name in expected} == expected, read


@given(drawn=HISTORIES, edges=st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_curve_counts_every_pair_of_a_write_and_a_later_read_once(
    drawn: tuple[list[Write], list[Read]], edges: list[int]
) -> None:
    """The counts of each class equal those of brute force."""
    writes, reads = drawn
    bounds = np.array([0, *sorted(edges)], dtype=np.int64)
    found = curve(classified(writes, reads), bounds)
    expected = [brute_force.pairs(writes, reads, low, high) for low, high in itertools.pairwise(bounds.tolist())]
    assert list(zip(found.pairs.tolist(), found.fresh.tolist(), strict=True)) == expected


@given(drawn=HISTORIES, within=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_convergence_counts_checked_and_wrong_writes(drawn: tuple[list[Write], list[Read]], within: int) -> None:
    """The counts equal those of brute force."""
    writes, reads = drawn
    found = check_writes(classified(writes, reads), within)
    assert (found.writes, found.wrong) == brute_force.checked_and_wrong(writes, reads, within)


@given(drawn=HISTORIES)
@settings(max_examples=60, deadline=None)
def test_session_violations_are_counted_per_client(drawn: tuple[list[Write], list[Read]]) -> None:
    """A client makes one request at a time, so the test makes all instants distinct first."""
    writes, reads = drawn
    writes = [
        replace(w, acknowledged=w.acknowledged if w.acknowledged == brute_force.NEVER else 205 + 10 * i)
        for i, w in enumerate(writes)
    ]
    reads = [replace(r, start=200 + 10 * r.start + i) for i, r in enumerate(reads)]
    found = sessions(built(writes, reads))
    assert (found.own_writes_missed, found.gone_back) == brute_force.sessions(writes, reads)


V2 = Write(key=1, version=2, begin=100, end=110, acknowledged=120)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (Read(1, 1, start=50, end=60), "fresh"),
        (Read(1, 1, start=50, end=105), "possible"),
        (Read(1, 1, start=105, end=130), "possible"),
        (Read(1, 1, start=115, end=130), "before acknowledgement"),
        (Read(1, 1, start=125, end=130), "after acknowledgement"),
        (Read(1, 2, start=125, end=130), "fresh"),
        (Read(1, 2, start=50, end=105), "fresh"),
        (Read(1, 2, start=50, end=99), "future"),
        (Read(2, 1, start=125, end=130), "fresh"),
    ],
)
def test_one_planted_read_of_each_kind(read: Read, expected: str) -> None:
    """Reads around one write [100, 110] that was acknowledged at 120."""
    found = classified([V2], [read])
    kind = (
        "future"
        if found.future[0]
        else "after acknowledgement"
        if found.after_acknowledgement[0]
        else "before acknowledgement"
        if found.stale[0]
        else "possible"
        if found.possible[0]
        else "fresh"
    )
    assert kind == expected


def test_version_is_known_after_a_read_returned_it() -> None:
    """A read that returned v + 1 makes a later read of v stale, although no COMMIT has ended."""
    unended = Write(key=1, version=2, begin=100, end=brute_force.NEVER, acknowledged=brute_force.NEVER)
    seen = Read(1, 2, start=140, end=150)
    assert classified([unended], [seen, Read(1, 1, start=151, end=160)]).stale.tolist() == [False, True]
    assert classified([unended], [seen, Read(1, 1, start=149, end=160)]).stale.tolist() == [False, False]


def test_write_without_an_end_makes_no_read_certainly_stale() -> None:
    """A COMMIT without an answer makes older reads possibly stale, never certainly stale."""
    unended = Write(key=1, version=2, begin=100, end=brute_force.NEVER, acknowledged=brute_force.NEVER)
    found = classified([unended], [Read(1, 1, start=500, end=510)])
    assert (found.stale[0], found.possible[0]) == (False, True)


def test_age_and_versions_behind_are_lower_bounds() -> None:
    """Both count from the versions that were known when the read began."""
    writes = [Write(1, v, begin=100 * v, end=100 * v + 10, acknowledged=100 * v + 20) for v in (2, 3, 4)]
    found = classified(writes, [Read(1, 1, start=350, end=360)])
    assert (found.age[0], found.behind[0]) == (350 - 210, 2)


def test_zero_wrong_of_n_gives_the_rule_of_three_bound() -> None:
    """Without a wrong write the share is 1 − 3/n, never 1."""
    assert WriteChecks(within_ns=1, writes=300, wrong=0).share == pytest.approx(0.99)
    assert WriteChecks(within_ns=1, writes=300, wrong=3).share == pytest.approx(0.99)
    assert WriteChecks(within_ns=1, writes=2, wrong=0).share == 0


def test_rows_are_found_in_a_day_long_window_with_a_million_keys() -> None:
    """A key's number times nanoseconds does not fit into 64 bits; rows are found nevertheless."""
    day_ns = 86_400 * 10**9
    key = np.array([0, 0, 1_000_000, 1_000_000, 1_000_000])
    instants = np.array([1, day_ns, 5, day_ns - 1, NEVER])
    asked = np.array([0, 0, 0, 1_000_000, 1_000_000, 1_000_000])
    moments = np.array([0, 2, day_ns + 1, 6, day_ns - 1, day_ns])
    assert Lookup(key, instants).rows_before(asked, moments).tolist() == [0, 1, 2, 3, 3, 4]
