"""Metrics by which the two A/A copies differ are ignored: in the advice, as a cost, in the table and in orders."""

import pytest
from stampede.reports.recommend.advice_cards import AdviceCard, advice_cards

from stampede.reports.analysis.aa_pair import AAPair, aa_pair_of, describe_ignored_metrics, level_noise_floor
from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.metrics.metric import find_metric
from stampede.reports.recommend import selection
from stampede.reports.recommend.factors import order
from stampede.reports.statistics.estimate import Estimate
from tests.reports.planted_runs.plain_figures import estimate, plain_figures, with_figures
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
    """The reason contains both copies with their figures; a smaller difference only raises the noise floor."""
    different = having(DIFFERENT_COPIES)
    assert aa_pair_of(different, "stampede", "read-p99").ignored
    assert not aa_pair_of(different, "stampede", "read-p50").ignored
    assert "cache-aside-again 195 ms (156 – 359)" in describe_ignored_metrics(
        different, "stampede", ("read-p50", "read-p99")
    )
    near = having({"cache-aside": estimate(70, 60, 80), "cache-aside-again": estimate(79, 75, 90)})
    assert not aa_pair_of(near, "stampede", "read-p99").ignored
    assert level_noise_floor(near, "stampede", "read-p99") > 0.12


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


def cards(figures: PlainFigures) -> dict[str, AdviceCard]:
    return {card.anchor: card for card in advice_cards(figures, None, {})}


def test_an_ignored_metric_selects_no_contender_and_the_card_names_the_metric() -> None:
    """With equal copies the same figures select one contender with certainty."""
    used = cards(having(EQUAL_COPIES))["advice-users-must-not-wait"]
    assert used.take == "Take coalescing"
    ignored = cards(having(DIFFERENT_COPIES))["advice-users-must-not-wait"]
    assert not ignored.sure
    assert "cache-aside" in ignored.take
    assert "read response time p99: cache-aside 70.5 ms" in ignored.ignored_metrics
    assert "two copies of one contender do not differ in read response time p99" in ignored.changes


def main_cost(figures: PlainFigures) -> str:
    """The main cost of coalescing, compared with cache-aside."""
    contenders = {c.name: c for c in figures.contenders}
    return selection.main_cost(figures, "stampede", contenders["coalescing"], [contenders["cache-aside"]])[0]


def test_an_ignored_metric_is_no_cost_and_breaks_no_tie() -> None:
    """With equal copies the same figure is the main cost."""
    high = estimate(900, 880, 920)
    near = {"cache-aside": estimate(70, 60, 80), "cache-aside-again": estimate(71, 60, 80)}
    assert "900 ms" in main_cost(having(near, coalescing=high))
    ignored = having(DIFFERENT_COPIES, coalescing=high)
    assert "900 ms" not in main_cost(ignored)
    coalescing = next(c for c in ignored.contenders if c.name == "coalescing")
    assert selection.waits_ms(ignored, "stampede", coalescing)[0] == float("inf")


@pytest.mark.parametrize(("again_ms", "named"), [(359.0, False), (129.0, True)])
def test_a_cost_compared_with_a_contender_that_has_a_copy_is_compared_with_the_worse_of_both(
    again_ms: float, named: bool
) -> None:
    """Longest reads have no interval: 384 ms against 128 is no cost if the copy's longest is 359."""
    figures = having(EQUAL_COPIES, coalescing=estimate(5, 4, 6, why="not estimated"))
    longest = {"coalescing": 384.0, "cache-aside": 128.0, "cache-aside-again": again_ms}
    figures = with_figures(
        figures, "read-max", {name: Estimate(value=value, rounds=10) for name, value in longest.items()}
    )
    assert ("384 ms" in main_cost(figures)) is named


def test_an_ignored_metric_orders_no_pair_of_contenders() -> None:
    """The pair itself serves as the copies, so the copies differ by as much."""
    a, b = estimate(1, 0.9, 1.1), estimate(2, 1.9, 2.1)
    metric = find_metric("read-p50")
    assert order(a, b, AAPair(metric=metric)) == -1
    assert order(a, b, AAPair(metric=metric, name="x", again="y", one=a, other=b)) == 0
