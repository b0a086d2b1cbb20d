"""Levels by which the two A/A copies differ are ignored; their rounds are also compared in pairs."""

from dataclasses import replace

import pytest

from stampede.reports.analysis.aa_pair import AAPair, aa_comparison, aa_pair_of
from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.metrics.metric import find_metric
from stampede.reports.recommend.factors import order
from stampede.reports.statistics.estimate import Estimate
from tests.reports.planted_runs.plain_figures import estimate, plain_figures
from tests.reports.planted_runs.planted import scenario

PLACE = scenario("stampede")
NAMES = ["no-cache", "cache-aside", "write-through", "coalescing", "cache-aside-again"]
P50 = {name: estimate(2.0, 1.9, 2.1) for name in NAMES}
P99 = {
    "no-cache": estimate(900, 890, 910),
    "coalescing": estimate(1, 0.9, 1.1),
    "write-through": estimate(50, 49, 51),
}
DIFFERENT_COPIES = {"cache-aside": estimate(70.5, 60.3, 128), "cache-aside-again": estimate(195, 156, 359)}
EQUAL_COPIES = {"cache-aside": estimate(70, 60, 128), "cache-aside-again": estimate(71, 60, 128)}


def having(copies: dict[str, Estimate], **others: Estimate) -> PlainFigures:
    """The contenders with their read p50 and read p99, and the p99 of the two copies."""
    named = {name.replace("_", "-"): figure for name, figure in others.items()}
    return plain_figures(NAMES, PLACE, {"read-p50": P50, "read-p99": P99 | copies | named})


def test_a_metric_is_ignored_only_where_its_copies_differ() -> None:
    """The pair has both names and both figures."""
    different = having(DIFFERENT_COPIES)
    p99 = aa_pair_of(different, "stampede", "read-p99")
    assert p99.ignored
    assert (p99.name, p99.again, p99.other.value) == ("cache-aside", "cache-aside-again", 195)
    assert not aa_pair_of(different, "stampede", "read-p50").ignored
    assert not aa_pair_of(having(EQUAL_COPIES), "stampede", "read-p99").ignored


def test_the_copies_are_compared_round_by_round() -> None:
    """Without a copy in the scenario there is no comparison."""
    values = {
        ("stampede", "cache-aside", "read-p50"): [1.0, 2, 3, 4, 5, 6],
        ("stampede", "cache-aside-again", "read-p50"): [1.1, 2.2, 3.3, 4.4, 5.5, 6.6],
    }
    found = aa_comparison(replace(having(EQUAL_COPIES), values=values), "stampede", "read-p50")
    assert found is not None
    assert found.ratio is not None
    assert found.ratio.estimate == pytest.approx(1.1)
    alone = plain_figures(["cache-aside"], PLACE, {"read-p50": P50})
    assert aa_comparison(alone, "stampede", "read-p50") is None


@pytest.mark.parametrize(
    ("one", "other", "silent"),
    [
        (estimate(100, 99, 101), estimate(104, 103, 105), False),  # 5 % and less is no difference
        (estimate(100, 99, 101), estimate(110, 109, 111), True),
        (estimate(100, 90, 106), estimate(110, 105, 111), False),
        (estimate(100, 99, 101, level=None), estimate(200, 199, 201, level=None), False),  # no interval: as seen
    ],
)
def test_copies_differ_if_their_intervals_do_not_overlap_and_by_more_than_the_least_difference(
    one: Estimate, other: Estimate, silent: bool
) -> None:
    """Both conditions must hold."""
    assert AAPair(metric=find_metric("read-p99"), name="a", again="b", one=one, other=other).ignored is silent


def test_without_a_copy_no_metric_is_ignored() -> None:
    """There is then no information about the noise."""
    none = AAPair(metric=find_metric("read-p99"))
    assert (none.ignored, none.gap) == (False, 1.0)


def test_an_ignored_metric_orders_no_pair_of_contenders() -> None:
    """The pair itself serves as the copies, so the copies differ by as much."""
    a, b = estimate(1, 0.9, 1.1), estimate(2, 1.9, 2.1)
    metric = find_metric("read-p50")
    assert order(a, b, AAPair(metric=metric)) == -1
    assert order(a, b, AAPair(metric=metric, name="x", again="y", one=a, other=b)) == 0
