"""Summary sentences about limiters, from planted results."""

from types import SimpleNamespace
from typing import Any

from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.rate_limiting.decision_counts.starvation import Starvation
from stampede.reports.topics.rate_limiting.limiter_answer import BOUND, answer
from stampede.run_folder.races_json import RacesInfo, SituationInfo, VerdictInfo


def limiter(name: str, *, lowest: float, got: float, steadily: Starvation | None = None) -> Any:
    return SimpleNamespace(
        info=SimpleNamespace(name=name, kind="contender"),
        kept="kept",
        kept_strict="kept",
        contract={"kind": "strict", "limit": 8, "window_s": 0.4},
        limit=8,
        most_certain=8,
        starved=(lowest, "flood 10 ×"),
        got=lambda: got,
        starvation=steadily,
        starves=steadily is not None and steadily.starves,
    )


def steadily(admitted: int, entitled: int, high: float) -> Starvation:
    share = Estimate(value=admitted / entitled, low=0.0, high=high, rounds=3)
    return Starvation(profile="burst, then 1.1 ×", admitted=admitted, entitled=entitled, share=share)


def races(**how: str) -> RacesInfo:
    """Results of the explorer: how each limiter's bound breaks, or empty."""
    return RacesInfo(
        started_utc="",
        command="",
        bound=1,
        situations=[SituationInfo(name="calls-at-once", said="", adversary="nothing")],
        verdicts=[
            VerdictInfo(
                contender=name.replace("_", "-"),
                situation="calls-at-once",
                invariant=BOUND,
                verdict="broken" if broken else "kept",
                guaranteed=not broken,
                schedules=1,
                complete=True,
                how=broken,
            )
            for name, broken in how.items()
        ],
    )


TWO = [limiter("sliding-log", lowest=0.5, got=0.989), limiter("sliding-window", lowest=0.25, got=0.9)]


def test_limiter_whose_bound_breaks_in_some_order_of_calls_is_not_recommended() -> None:
    text = answer(TWO, races(sliding_log="", sliding_window="5 calls admitted where 2 may be"))
    assert "For at most L in any window: sliding-log;" in text
    assert "no tried order of concurrent calls breaks the bound" in text
    assert "sliding-window was not seen above L here, but an order of concurrent calls breaks its bound" in text
    assert "5 calls admitted where 2 may be" in text


def test_without_races_the_answer_does_not_mention_orders() -> None:
    text = answer(TWO)
    assert "order of concurrent calls" not in text
    assert "sliding-window was not seen above L either" in text


def test_answer_has_the_lowest_share_of_one_caller_and_the_share_of_all() -> None:
    text = answer(TWO[:1])
    assert "In the whole run, all callers together got 0.989 of the calls" in text
    assert "the lowest share of one caller at any instant after its first window was 0.500" in text


def test_limiter_that_starves_a_steady_caller_is_not_recommended() -> None:
    """Even if it is the only one that was not seen above L and its lowest share is not lower than the others'."""
    starved = limiter("charging-log", lowest=0.9, got=0.9, steadily=steadily(2, 24, 0.2))
    for others in ([], [limiter("sliding-log", lowest=0.9, got=0.99, steadily=steadily(23, 24, 1.0))]):
        text = answer([starved, *others])
        assert "window: charging-log" not in text
        assert text.count("starves a steady caller") == 1
        assert "charging-log starves a steady caller at 1.1 × the limit: it admits 2 of the 24 calls" in text


def test_caller_with_three_quarters_or_an_interval_up_to_one_is_not_starved() -> None:
    for seen in (steadily(18, 24, 0.9), steadily(12, 24, 1.0)):
        assert "starves" not in answer([limiter("log", lowest=0.5, got=0.9, steadily=seen)])
