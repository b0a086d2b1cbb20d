"""The text of a difference that is not significant, other than the number of rounds."""

from stampede.reports.analysis.results import Verdict
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output.formatting import spoken
from stampede.reports.statistics.comparison import Comparison
from stampede.reports.statistics.rank_tests import Shift


def verdict(low: float, *, adjusted_p: float) -> Verdict:
    ratio = Shift(estimate=1.4, low=low, high=1.8, level=0.95, p=0.02, rounds=8)
    comparison = Comparison(ratio=ratio, difference=None, rounds=8, low_seen=1.0, high_seen=2.0, spread=0.3)
    return Verdict(
        scenario="s",
        contender="a",
        against="b",
        metric=find_metric("read-p50"),
        comparison=comparison,
        m=0.05,
        adjusted_p=adjusted_p,
        sentence="cannot tell",
    )


def test_cannot_tell_names_holms_correction_if_it_is_the_only_reason() -> None:
    assert "left open by Holm's correction alone" in spoken(verdict(1.1, adjusted_p=0.1))
    assert "Holm" not in spoken(verdict(0.9, adjusted_p=0.1))
    assert "Holm" not in spoken(verdict(1.1, adjusted_p=0.04))
