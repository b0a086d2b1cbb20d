"""Rows of the answer about rate limiters, from planted calls."""

import pytest

from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.topic_rows.limiter_rows import burst_limit_row, strict_limit_row
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult
from stampede.reports.topics.rate_limiting.limiter_answer import BOUND
from stampede.run_folder.races_json import RacesInfo, SituationInfo, VerdictInfo
from tests.reports.planted_runs.planted_limiters import BUCKET, DOUBLE, STRICT, limiter

LOG_BYTES = (100.0, 310.0)


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


def strict(*limiters: LimiterResult, explored: RacesInfo | None = None) -> AnswerRow:
    row = strict_limit_row(limiters, explored)
    assert row is not None
    return row


def test_limiter_that_keeps_the_limit_is_used_and_the_looser_one_is_the_alternative() -> None:
    """The row has the decisions, the time per call, the bytes per caller and the cheaper limiter's excess."""
    row = strict(limiter("log", STRICT, key_bytes=LOG_BYTES), limiter("window", DOUBLE, admits=16))
    assert row.use == "log"
    assert row.effect is not None
    assert row.effect.text.startswith("no violation in 2,")
    assert "calls at a limit of 8 per 0.4 s (95 % bound: 0.1" in row.effect.text
    assert row.alternative.startswith("window: 112 bytes per caller at any limit")
    assert "up to 2.00 × L in one window" in row.alternative
    assert dict(row.excluded)["window"].startswith("its contract allows more")


def test_prices_have_time_trips_and_bytes_and_a_log_grows_with_the_limit() -> None:
    """A log of 8 calls with 310 bytes and one of a single call with 100 bytes make 30 bytes per further call."""
    time, memory, commands = strict(limiter("log", STRICT, key_bytes=LOG_BYTES)).prices
    assert "+0.0505 ms per call over an empty script" in time.text
    assert "round trip" in commands.text
    assert memory.text == "310 bytes per caller at a limit of 8, about 3,100 at 100 (extrapolated)"


def test_counter_has_the_same_bytes_at_any_limit() -> None:
    assert strict(limiter("counter", STRICT)).prices[1].text == "112 bytes per caller at any limit"


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        (limiter("leaky", STRICT, admits=9), "admitted 1.12 × L in one window"),
        (limiter("starving", STRICT, steady_share=0.05), "starves a steady caller"),
    ],
)
def test_limiter_that_exceeds_the_limit_or_starves_a_caller_is_not_used(planted: LimiterResult, reason: str) -> None:
    """It is excluded with the reason, and without another one there is no answer."""
    row = strict(planted)
    assert row.use == ""
    assert row.why
    assert reason in dict(row.excluded)[planted.info.name]


def test_limiter_whose_bound_breaks_in_some_order_of_calls_is_not_used() -> None:
    """Even if the calls of this run kept it. Orders that were not tested are a reservation."""
    pair = [limiter("log", STRICT), limiter("other", STRICT)]
    row = strict(*pair, explored=races(log="5 calls admitted where 2 may be", other=""))
    assert row.use == "other"
    assert "5 calls admitted where 2 may be" in dict(row.excluded)["log"]
    assert row.reservations == ()
    assert strict(*pair).reservations != ()


def test_of_two_strict_limiters_the_simpler_is_used_unless_the_other_is_faster_by_more_than_the_minimum() -> None:
    """5 % less time does not justify another moving part; 20 % does."""
    simple = limiter("simple", STRICT, time_ms=1.2)
    near, fast = (limiter("fast", STRICT, time_ms=ms, moving_parts=("a", "b")) for ms in (1.14, 0.96))
    assert strict(near, simple).use == "simple"
    assert strict(near, simple).tied == ("fast",)
    assert strict(fast, simple).use == "fast"
    assert strict(fast, simple).certainty == "high"


def test_single_strict_limiter_is_as_sure_as_its_decisions_are_many() -> None:
    """3,000 decisions without a violation exclude more than 0.1 % wrong ones."""
    many, few = strict(limiter("log", STRICT, rounds=16)), strict(limiter("log", STRICT, rounds=2))
    assert (many.certainty, few.certainty) == ("high", "low")
    assert many.share is None
    assert "decisions" in many.basis


def test_burst_limit_is_a_bucket_with_the_fewest_parts_and_bytes() -> None:
    """A strict window bounds no burst; the effect is the fullest window in multiples of L."""
    planted = [
        limiter("tokens", BUCKET, admits=8),
        limiter("stamp", BUCKET, admits=8, key_bytes=(72.0, 88.0)),
        limiter("window", DOUBLE, admits=16),
    ]
    row = burst_limit_row(planted)
    assert row is not None
    assert row.use == "stamp"
    assert row.tied == ("tokens",)
    assert row.effect is not None
    assert "1.00 × L in any window" in row.effect.text
    assert "window" in dict(row.excluded)


def test_without_limiters_there_is_no_row() -> None:
    assert strict_limit_row([]) is None
    assert burst_limit_row([]) is None
