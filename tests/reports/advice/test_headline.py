"""The headline says whose reads were stale after told, and takes nobody for freshness who had such reads."""

from dataclasses import replace
from pathlib import Path

from artefact.read import read_run
from reports.answer import Answer, answer, either, headline, main_metric
from reports.judge import judge
from reports.statistics.estimate import Estimate
from tests.reports.planted import plant, scenario

PLACE = scenario("mixed-writes")


def test_who_had_stale_reads_stands_behind_with_the_condition() -> None:
    assert either(Answer(scenario=PLACE, winner="a", tied=("b",))) == "a or b"
    assert either(Answer(scenario=PLACE, winner="a", tied=("b",), stale=("b",))) == "a or, if old values do no harm, b"
    assert either(Answer(scenario=PLACE, winner="a", tied=("b",), stale=("a",))) == "b or, if old values do no harm, a"
    assert either(Answer(scenario=PLACE, winner="a", stale=("a",))) == "a (if old values do no harm)"
    assert either(Answer(scenario=PLACE, winner="a", tied=("b", "c", "d"))) == "a or one of 3 others"


def test_where_freshness_is_judged_one_certainly_stale_read_is_enough_to_be_left_out(tmp_path: Path) -> None:
    """Intervals that overlap do not make a contender that was stale equal to one that was not."""
    judged = replace(scenario("mixed-writes", read_share=0.7, active_records=None), judge_at_rest=True)
    names = ("cache-aside", "write-through")
    judgement = judge(read_run(plant(tmp_path / "run", rounds=6, contenders=names, scenarios=[judged])))
    shares = {
        "cache-aside": Estimate(value=0.0, low=0.0, high=0.12, level=0.95, rounds=6),
        "write-through": Estimate(value=0.84, low=0.0, high=2.19, level=0.95, rounds=6),
    }
    judgement.__dict__["figures"] = judgement.figures | {
        ("mixed-writes", name, "stale-after-told"): share for name, share in shares.items()
    }
    found = answer(judgement, judged)
    assert (found.winner, found.tied, found.stale) == ("cache-aside", (), ())
    assert headline([found], judgement) == "Take cache-aside for mixed-writes."
    loose = answer(judgement, replace(judged, judge_at_rest=False))
    assert loose.winner == "write-through"
    assert "write-through (if old values do no harm)" in headline([loose], judgement)


def test_a_mean_that_leaves_out_expiries_decides_no_answer(tmp_path: Path) -> None:
    """Where one contender's expiries were not all seen to their end, all are held to loads per 1,000 reads, which leave
    nothing out; nobody is dropped."""
    place = scenario("stampede")
    judgement = judge(
        read_run(plant(tmp_path / "run", rounds=6, contenders=("cache-aside", "coalescing"), scenarios=[place]))
    )
    able = [c for c in judgement.run.info.contenders if c.kind == "contender"]
    assert main_metric(judgement, "stampede", able).name == "loads-per-expiry"
    part = replace(judgement.figure("stampede", "coalescing", "loads-per-expiry"), why="2 expiries had no end")
    judgement.__dict__["figures"] = judgement.figures | {("stampede", "coalescing", "loads-per-expiry"): part}
    assert main_metric(judgement, "stampede", able).name == "loads-per-1000-reads"
