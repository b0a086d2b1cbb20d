"""Reads are judged as docs/reference/measures.md says: by brute force on small random histories, and one planted of each kind."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.reports.topics.freshness.classify import Judged, classify_reads
from stampede.reports.topics.freshness.convergence import Nines, nines
from stampede.reports.topics.freshness.sessions import sessions
from stampede.reports.topics.freshness.staleness_curve import curve
from stampede.reports.topics.freshness.version_history import NEVER, History, Reads, Writes
from tests.reports.topics.freshness import brute
from tests.reports.topics.freshness.brute import Read, Write


def built(writes: list[Write], reads: list[Read]) -> History:
    def ints(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([NEVER if v == brute.NEVER else int(v) for v in values], dtype=np.int64)

    return History(
        writes=Writes(
            key=ints([w.key for w in writes]),
            version=ints([w.version for w in writes]),
            begin=ints([w.begin for w in writes]),
            end=ints([w.end for w in writes]),
            told=ints([w.told for w in writes]),
            session=ints([w.client for w in writes]),
            measured=np.array([w.measured for w in writes], dtype=bool),
        ),
        reads=Reads(
            key=ints([r.key for r in reads]),
            version=ints([r.version for r in reads]),
            start=ints([r.start for r in reads]),
            end=ints([r.end for r in reads]),
            session=ints([r.client for r in reads]),
            measured=np.array([r.measured and not r.at_rest for r in reads], dtype=bool),
            at_rest=np.array([r.at_rest for r in reads], dtype=bool),
        ),
    )


def judged(writes: list[Write], reads: list[Read]) -> Judged:
    return classify_reads(built(writes, reads))


INSTANT = st.integers(0, 40)
KEY = st.integers(7, 9)


@st.composite
def some_write(draw: st.DrawFn) -> Write:
    begin = draw(INSTANT)
    end: float = begin + draw(st.integers(1, 6))
    told: float = end + draw(st.integers(0, 6))
    fate = draw(st.sampled_from(["told", "told", "told", "not told", "no end"]))
    return Write(
        key=draw(KEY),
        version=draw(st.integers(2, 7)),
        begin=begin,
        end=brute.NEVER if fate == "no end" else end,
        told=told if fate == "told" else brute.NEVER,
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
def test_every_read_is_judged_as_one_by_one(drawn: tuple[list[Write], list[Read]]) -> None:
    """Whatever the history, possible or not, the fast judge says of each read what the definitions say."""
    writes, reads = drawn
    found = judged(writes, reads)
    for i, read in enumerate(reads):
        expected = brute.verdict(writes, reads, read)
        assert {name: getattr(found, name)[i] for name in expected} == expected, read


@given(drawn=HISTORIES, edges=st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_the_curve_counts_every_pair_of_a_write_and_a_later_read_once(
    drawn: tuple[list[Write], list[Read]], edges: list[int]
) -> None:
    writes, reads = drawn
    bounds = np.array([0, *sorted(edges)], dtype=np.int64)
    found = curve(judged(writes, reads), bounds)
    expected = [brute.pairs(writes, reads, low, high) for low, high in itertools.pairwise(bounds.tolist())]
    assert list(zip(found.pairs.tolist(), found.fresh.tolist(), strict=True)) == expected


@given(drawn=HISTORIES, within=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_the_nines_count_writes_that_were_checked_and_writes_that_were_missed(
    drawn: tuple[list[Write], list[Read]], within: int
) -> None:
    writes, reads = drawn
    found = nines(judged(writes, reads), within)
    assert (found.writes, found.wrong) == brute.nines(writes, reads, within)


@given(drawn=HISTORIES)
@settings(max_examples=60, deadline=None)
def test_session_violations_are_those_of_each_client_alone(drawn: tuple[list[Write], list[Read]]) -> None:
    """A client does one thing at a time, so its instants are made distinct first."""
    writes, reads = drawn
    writes = [
        Write(**{**vars(w), "told": w.told if w.told == brute.NEVER else 205 + 10 * i}) for i, w in enumerate(writes)
    ]
    reads = [Read(**{**vars(r), "start": 200 + 10 * r.start + i}) for i, r in enumerate(reads)]
    found = sessions(built(writes, reads))
    assert (found.own_writes_missed, found.gone_back) == brute.sessions(writes, reads)


V2 = Write(key=1, version=2, begin=100, end=110, told=120)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (Read(1, 1, start=50, end=60), "fresh"),
        (Read(1, 1, start=50, end=105), "possible"),
        (Read(1, 1, start=105, end=130), "possible"),
        (Read(1, 1, start=115, end=130), "before told"),
        (Read(1, 1, start=125, end=130), "after told"),
        (Read(1, 2, start=125, end=130), "fresh"),
        (Read(1, 2, start=50, end=105), "fresh"),
        (Read(1, 2, start=50, end=99), "future"),
        (Read(2, 1, start=125, end=130), "fresh"),
    ],
)
def test_one_planted_read_of_each_kind(read: Read, expected: str) -> None:
    """Around one write [100, 110], told at 120: each read is of the kind that its times make it."""
    found = judged([V2], [read])
    kind = (
        "future"
        if found.future[0]
        else "after told"
        if found.after_told[0]
        else "before told"
        if found.stale[0]
        else "possible"
        if found.possible[0]
        else "fresh"
    )
    assert kind == expected


def test_a_version_is_known_once_somebody_has_read_it() -> None:
    """A read that returned v + 1 makes a later read of v stale, though no COMMIT has ended."""
    unended = Write(key=1, version=2, begin=100, end=brute.NEVER, told=brute.NEVER)
    seen = Read(1, 2, start=140, end=150)
    assert judged([unended], [seen, Read(1, 1, start=151, end=160)]).stale.tolist() == [False, True]
    assert judged([unended], [seen, Read(1, 1, start=149, end=160)]).stale.tolist() == [False, False]


def test_a_write_without_an_end_accuses_nobody() -> None:
    """A COMMIT whose answer never came makes older reads possible, and none certain."""
    unended = Write(key=1, version=2, begin=100, end=brute.NEVER, told=brute.NEVER)
    found = judged([unended], [Read(1, 1, start=500, end=510)])
    assert (found.stale[0], found.possible[0]) == (False, True)


def test_age_and_versions_behind_are_lower_bounds_from_what_was_known() -> None:
    writes = [Write(1, v, begin=100 * v, end=100 * v + 10, told=100 * v + 20) for v in (2, 3, 4)]
    found = judged(writes, [Read(1, 1, start=350, end=360)])
    assert (found.age[0], found.behind[0]) == (350 - 210, 2)


def test_nobody_wrong_of_n_is_at_least_one_minus_three_over_n_and_never_all() -> None:
    assert Nines(within_ns=1, writes=300, wrong=0).share == pytest.approx(0.99)
    assert Nines(within_ns=1, writes=300, wrong=3).share == pytest.approx(0.99)
    assert Nines(within_ns=1, writes=2, wrong=0).share == 0
