"""The table of a scenario names the contenders that are not compared, with the reason."""

from dataclasses import replace

from stampede.reports.output.panels.key_table import key_table
from tests.reports.planted_runs.plain_figures import estimate, plain_figures
from tests.reports.planted_runs.planted import scenario

LOADS = {"loads-per-expiry": {name: estimate(9, 8, 10) for name in ("cache-aside", "refresh-ahead")}}


def test_a_contender_that_did_not_run_because_another_does_the_same_is_named() -> None:
    """Without writes, write-through does the same as cache-aside: the remark says so."""
    place = replace(scenario("stampede"), same_as={"write-through": "cache-aside"})
    figures = plain_figures(["cache-aside"], place, LOADS)
    assert key_table(figures, place, figures.contenders).remarks == [
        "write-through: did not run here, because without writes it does the same as cache-aside"
    ]


def test_a_contender_without_scale_is_named_with_its_times() -> None:
    """A refresh window shorter than five loads is stated with both times; the other contender has no remark."""
    place = scenario("stampede")
    figures = plain_figures(["cache-aside", "refresh-ahead"], place, LOADS)
    figures.contenders[1].config = {"refresh_below_share": 300 / 3600}
    (remark,) = key_table(figures, place, figures.contenders).remarks
    assert remark.startswith("refresh-ahead: not compared; scale not preserved: the refresh window (41.7 ms)")
