"""Freshness of a simulated cache that only expires: the figures agree with the closed forms."""

import math

import numpy as np
import pytest

from stampede.reports.topics.freshness.classify import classify_reads
from stampede.reports.topics.freshness.convergence import check_writes
from stampede.reports.topics.freshness.staleness_curve import classes, curve
from stampede.reports.topics.freshness.version_history import History, Reads, Writes

SECOND = 1_000_000_000


def ttl_only(ttl_s: float, writes_per_s: float, span_s: float, seed: int) -> History:
    """One hot key that is refilled as soon as it expires, Poisson writes that do not reach the cache, dense reads."""
    rng = np.random.default_rng(seed)
    ttl, span = round(ttl_s * SECOND), round(span_s * SECOND)
    committed = np.sort(rng.integers(1, span, rng.poisson(writes_per_s * span_s)))
    start = np.sort(rng.integers(0, span, 60_000))
    filled = start // ttl * ttl
    n = len(committed)
    return History(
        writes=Writes(
            key=np.ones(n, dtype=np.int64),
            version=np.arange(2, n + 2),
            begin=committed - 1,
            end=committed,
            acknowledged=committed,
            session=np.zeros(n, dtype=np.int64),
            measured=np.ones(n, dtype=bool),
        ),
        reads=Reads(
            key=np.ones(len(start), dtype=np.int64),
            version=1 + np.searchsorted(committed, filled, side="left"),
            start=start,
            end=start + 1,
            session=np.ones(len(start), dtype=np.int64),
            measured=np.ones(len(start), dtype=bool),
            after_drain=np.zeros(len(start), dtype=bool),
        ),
    )


@pytest.mark.parametrize("per_ttl", [0.2, 1.0, 5.0])
def test_stale_share_equals_the_closed_form(per_ttl: float) -> None:
    """1 − (1 − e^(−wT)) / (wT), for w writes a second and a TTL of T."""
    ttl_s = 0.5
    found = classify_reads(ttl_only(ttl_s, per_ttl / ttl_s, span_s=2000, seed=3))
    assert found.stale.mean() == pytest.approx(1 - (1 - math.exp(-per_ttl)) / per_ttl, abs=0.02)
    assert (found.stale == found.after_acknowledgement).all()
    assert not found.future.any()
    assert found.age.max() <= ttl_s * SECOND


def test_staleness_curve_rises_linearly_and_reaches_one_after_one_ttl() -> None:
    """Of the reads that begin t after an acknowledgement, the share t / T falls into a later life of the entry."""
    ttl_s = 0.5
    found = classify_reads(ttl_only(ttl_s, 4.0, span_s=500, seed=5))
    edges = classes(10 * SECOND)
    drawn = curve(found, edges)
    middle_s = (edges[:-1] + edges[1:]) / 2 / SECOND
    kept = drawn.pairs > 500
    assert kept.sum() > 8
    assert drawn.share[kept] == pytest.approx(np.minimum(1, middle_s[kept] / ttl_s), abs=0.06)
    one_class = edges[-1] / edges[-2]
    assert ttl_s / one_class <= drawn.fresh_after_ms(0.99) / 1e3 <= ttl_s * one_class
    assert check_writes(found, round(ttl_s * SECOND)).wrong == 0
    assert check_writes(found, round(ttl_s * SECOND / 10)).wrong > 0
