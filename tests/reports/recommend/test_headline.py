"""The headline: contenders with reads that were stale after acknowledgement come under a condition, others first."""

from dataclasses import replace

from stampede.reports.recommend.headline import Answer, answer, headline, main_metric, winner_or_ties
from stampede.reports.statistics.estimate import Estimate
from tests.reports.planted_runs.plain_figures import estimate, plain_figures, with_figures
from tests.reports.planted_runs.planted import scenario

PLACE = scenario("mixed-writes")


def test_contenders_with_stale_reads_come_last_under_a_condition() -> None:
    """A stale contender without a fresh one has the condition in brackets."""
    a = Answer(scenario=PLACE, winner="a", tied=("b",))
    assert winner_or_ties(a) == "a or b"
    assert winner_or_ties(replace(a, stale=("b",))) == "a or, if old values do no harm, b"
    assert winner_or_ties(replace(a, stale=("a",))) == "b or, if old values do no harm, a"
    assert winner_or_ties(replace(a, tied=(), stale=("a",))) == "a (if old values do no harm)"
    assert winner_or_ties(replace(a, tied=("b", "c", "d"))) == "a or one of 3 others"


def test_in_a_scenario_about_freshness_one_certainly_stale_read_excludes_a_contender() -> None:
    """Overlapping intervals do not make a stale contender equal to one without stale reads."""
    judged = replace(PLACE, check_after_drain=True)
    figures = plain_figures(
        ["cache-aside", "write-through"],
        judged,
        {
            "loads-per-1000-reads": {"cache-aside": estimate(50, 48, 52), "write-through": estimate(20, 19, 21)},
            "stale-after-told": {"cache-aside": estimate(0.0, 0.0, 0.12), "write-through": estimate(0.84, 0.0, 2.19)},
        },
    )
    found = answer(figures, judged)
    assert (found.winner, found.tied, found.stale) == ("cache-aside", (), ())
    assert headline([found], figures) == "Take cache-aside for mixed-writes."
    loose = answer(figures, replace(judged, check_after_drain=False))
    assert loose.winner == "write-through"
    assert "write-through (if old values do no harm)" in headline([loose], figures)


def test_loads_per_expiry_do_not_decide_if_they_leave_out_an_expiry() -> None:
    """If one contender has an incomplete expiry, loads per 1,000 reads decide for all; no contender is dropped."""
    names = ["cache-aside", "coalescing"]
    whole = {name: estimate(3, 2, 4) for name in names}
    figures = plain_figures(names, scenario("stampede"), {"loads-per-expiry": whole})
    assert main_metric(figures, "stampede", figures.contenders).name == "loads-per-expiry"
    part = replace(whole["coalescing"], why="2 expiries had no end")
    figures = with_figures(figures, "loads-per-expiry", {"coalescing": part})
    assert main_metric(figures, "stampede", figures.contenders).name == "loads-per-1000-reads"


def test_a_contender_with_wrong_or_missing_answers_never_wins() -> None:
    """One left a request unanswered, one denied a record that exists; the third wins although it has most loads."""
    place = scenario("stampede")
    names = ["coalescing", "write-through", "cache-aside"]
    loads = {name: estimate(v, v, v) for name, v in zip(names, (1, 2, 30), strict=True)}
    figures = plain_figures(names, place, {"loads-per-expiry": loads, "answered": {"coalescing": Estimate(value=99)}})
    figures = replace(figures, denying=frozenset({("stampede", "write-through")}))
    assert answer(figures, place).winner == "cache-aside"
    alone = replace(figures, contenders=figures.contenders[1:2])
    assert "returned no record for some that exist" in answer(alone, place).why
