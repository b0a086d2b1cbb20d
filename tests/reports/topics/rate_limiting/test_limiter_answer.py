"""Which limiter is named, from planted judgements: luck is not a bound, and each share says what it is."""

from types import SimpleNamespace
from typing import Any

from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.rate_limiting.limiter_answer import BOUND, answer
from stampede.reports.topics.rate_limiting.starvation import Starvation
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
    """What the explorer found of each limiter's bound: how it is broken, or empty."""
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


def test_a_bound_that_an_order_of_calls_breaks_is_not_offered_as_one() -> None:
    told = answer(TWO, races(sliding_log="", sliding_window="5 calls admitted where 2 may be"))
    assert "For at most L in any window: sliding-log;" in told
    assert "no order of concurrent calls that was tried breaks it" in told
    assert "sliding-window was not seen above L here, but an order of concurrent calls breaks its bound" in told
    assert "5 calls admitted where 2 may be" in told


def test_without_races_nothing_is_said_of_orders() -> None:
    told = answer(TWO)
    assert "order of concurrent calls" not in told
    assert "sliding-window was not seen above L either" in told


def test_the_lowest_instant_of_one_caller_and_the_share_of_all_are_told_apart() -> None:
    told = answer(TWO[:1])
    assert "all together got 0.989 in the whole run" in told
    assert "the least that one had got by any instant after its first window was 0.500" in told


def test_a_limiter_that_starves_a_steady_caller_is_not_advised_and_the_counts_say_why() -> None:
    """Though it is the only one that was not seen above L, and though its least share is no worse than the others'."""
    starved = limiter("charging-log", lowest=0.9, got=0.9, steadily=steadily(2, 24, 0.2))
    for others in ([], [limiter("sliding-log", lowest=0.9, got=0.99, steadily=steadily(23, 24, 1.0))]):
        told = answer([starved, *others])
        assert "window: charging-log" not in told
        assert told.count("starves a steady caller") == 1
        assert "charging-log starves a steady caller at 1.1 × the limit: 2 of 24 calls admitted" in told


def test_who_gets_three_quarters_or_now_and_then_all_is_not_called_starved() -> None:
    for seen in (steadily(18, 24, 0.9), steadily(12, 24, 1.0)):
        assert "starves" not in answer([limiter("log", lowest=0.5, got=0.9, steadily=seen)])
