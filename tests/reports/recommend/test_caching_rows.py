"""The row of a question: what to use, the paired effect, the price that is always said, and who is not ranked."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.headline import MOST_WORDS, headline
from stampede.reports.recommend.rule.alternatives import shorter_waits
from stampede.reports.recommend.rule.caching_rows import caching_row
from stampede.reports.recommend.rule.effects import LONGEST
from stampede.reports.recommend.rule.questions import QUESTIONS
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo
from tests.reports.planted_runs.plain_figures import GUARANTEES
from tests.reports.planted_runs.planted import contender, scenario

ASKED = {question.name: question for question in QUESTIONS}
PARTS = {"no-cache": [], "cache-aside": ["x", "y"], "write-through": ["x", "y", "z"], "coalescing": list("wxyz")}
SCATTER = np.exp(np.array([0.01, -0.02, 0.015, 0.0, -0.01, 0.02, -0.015, 0.005]))
Levels = Mapping[str, Mapping[str, float]]
"""By metric and contender: the middle of the values of the rounds."""


def rounds(level: float, place: int) -> list[float]:
    """Eight rounds that scatter around a level by 2 %."""
    return [float(v) for v in level * np.roll(SCATTER, 3 * place)]


def measured(place: ScenarioInfo, levels: Levels, *, number: int = 8) -> PlainFigures:
    """A run of the four contenders with those levels. All requests were answered."""
    contenders = [stated(name) for name in PARTS]
    return PlainFigures(
        contenders=contenders,
        scenarios=[place],
        figures={(place.name, name, count): Estimate(value=100) for name in PARTS for count in ("due", "answered")},
        values={
            (place.name, name, metric): rounds(level, list(PARTS).index(name))[:number]
            for metric, by_name in levels.items()
            for name, level in by_name.items()
        },
        reference="cache-aside",
        rounds=number,
    )


def stated(name: str) -> ContenderInfo:
    info = contender(name)
    info.guarantees = [*GUARANTEES, "READ_YOUR_WRITES"] if name == "no-cache" else GUARANTEES
    info.moving_parts = PARTS[name]
    info.mechanism = "it polls every 100 ms" if name == "coalescing" else ""
    return info


MOSTLY = replace(scenario("read-mostly", read_share=0.95, ttl_s=300.0), name="read-mostly")
READ_MOSTLY: Levels = {
    "read-p50": {"no-cache": 6.7, "cache-aside": 1.0, "write-through": 1.0, "coalescing": 1.0},
    "loads-per-1000-reads": {"no-cache": 1000, "cache-aside": 110, "write-through": 102, "coalescing": 108},
    "miss-p50": {"no-cache": 6.5, "cache-aside": 8.0, "write-through": 8.0, "coalescing": 8.1},
    "hit-p50": {"cache-aside": 1.0, "write-through": 1.0, "coalescing": 1.0},
    "commands-per-request": {"no-cache": 0.001, "cache-aside": 1.2, "write-through": 1.2, "coalescing": 1.3},
    "write-p50": {"no-cache": 3.0, "cache-aside": 3.5, "write-through": 3.5, "coalescing": 3.5},
}
HOT = scenario("stampede", ttl_s=1.4, load_wait_ms=18.0)
HOT.measured["load_ms"] = 20.0
HOT_KEY: Levels = {
    "loads-per-expiry": {"cache-aside": 9.6, "write-through": 9.5, "coalescing": 1.0},
    "miss-p50": {"cache-aside": 45.0, "write-through": 45.0, "coalescing": 100.0},
    "waiting-p50": {"coalescing": 103.0},
    "hit-p50": {"cache-aside": 1.0, "write-through": 1.0, "coalescing": 1.01},
    "commands-per-request": {"cache-aside": 1.1, "write-through": 1.1, "coalescing": 1.12},
    "bytes-per-record": {"cache-aside": 600, "write-through": 600, "coalescing": 600},
}


def with_values(
    figures: PlainFigures, place: ScenarioInfo, metric: str, by_name: Mapping[str, list[float]]
) -> PlainFigures:
    """The same run with other values of the rounds for one metric."""
    own = {(place.name, name, metric): values for name, values in by_name.items()}
    return replace(figures, values={**figures.values, **own})


def row(name: str, figures: PlainFigures) -> AnswerRow:
    return caching_row(figures, ASKED[name], None)


def test_a_read_mostly_page_gets_the_simplest_cache_with_both_effects_and_its_price() -> None:
    """The price against no cache names what a miss and a write take longer, and the guarantee that is lost."""
    found = row("read-mostly", measured(MOSTLY, READ_MOSTLY))
    assert (found.pick, found.certainty, found.use) == ("cache-aside", "high", "cache-aside")
    assert found.effect is not None
    assert found.effect.against == "no-cache"
    assert found.effect.change == pytest.approx(-0.85, abs=0.01)
    assert "% shorter median read" in found.effect.text
    assert "1.00 instead of 6.7" in found.effect.text
    assert found.effect.text.endswith("; 89 % fewer queries, compared with no-cache")
    assert len(found.effect.text) <= LONGEST
    texts = [price.text for price in found.prices]
    assert any(text.startswith("+1.50 ms per miss (") for text in texts)
    assert any(text.startswith("+0.500 ms per write (") for text in texts)
    assert texts[-1] == "reads may be stale for up to a TTL (guarantees lost: read your writes)"
    assert found.prices[-1].short == "reads may be stale for up to a TTL"
    assert set(found.tied) == {"write-through", "coalescing"}


def test_a_saving_below_the_minimum_is_no_reason_for_another_pattern_and_is_the_alternative() -> None:
    """The row says nothing, and names the contender that is significantly better by less."""
    found = row("fewer-queries", measured(MOSTLY, READ_MOSTLY))
    assert (found.use, found.pick) == ("nothing", "cache-aside")
    assert found.effect is not None
    assert found.effect.text.startswith("no pattern saves more than 10 % of the queries (best: write-through, 7")
    assert found.alternative.startswith("write-through: 7.3 % fewer queries per 1,000 reads (")
    assert found.alternative.endswith("compared with cache-aside; no significant extra cost")
    assert found.prices[0].kind == "none"


def test_a_saving_that_is_large_but_not_significant_is_named_as_such() -> None:
    """Two rounds of eight go the other way: the estimate is beyond the minimum, and the test leaves it open."""
    levels = {name: by_name for name, by_name in READ_MOSTLY.items() if name != "loads-per-1000-reads"}
    own = {"cache-aside": [110.0] * 8, "write-through": [60.0, 65, 70, 75, 80, 85, 140, 150], "coalescing": [110.0] * 8}
    found = row("fewer-queries", with_values(measured(MOSTLY, levels), MOSTLY, "loads-per-1000-reads", own))
    assert found.pick == "cache-aside"
    assert found.effect is not None
    assert found.effect.change < -0.1
    assert found.effect.text.endswith(", not significant)")


def test_the_best_other_contender_is_the_best_by_pairs_of_rounds() -> None:
    """Coalescing has the lowest median of all; in pairs of rounds only write-through makes fewer queries."""
    base = [100.0] * 4 + [200.0] * 4
    own = {
        "cache-aside": base,
        "write-through": [0.95 * v for v in base],
        "coalescing": [101.0, 101, 101, 139, 143, 202, 202, 202],
    }
    figures = with_values(measured(MOSTLY, {}), MOSTLY, "loads-per-1000-reads", own)
    found = row("fewer-queries", figures)
    assert found.effect is not None
    assert "(best: write-through, 5" in found.effect.text
    assert found.alternative.startswith("write-through: ")


def test_a_shorter_wait_of_a_tied_contender_is_corrected_for_the_number_of_comparisons() -> None:
    """One round of eight goes the other way: enough for a single comparison, and not for one of four."""
    shorter = {"write-through": [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.51], "cache-aside": [1.0] * 8}
    alone = with_values(measured(HOT, {}), HOT, "hit-p50", shorter)
    assert shorter_waits(alone, HOT.name, ["write-through", "coalescing"], "cache-aside") == {
        "write-through": "hit-p50"
    }
    others = {"coalescing": [1.0, 1.01] * 4, "cache-aside": [1.0] * 8, "write-through": [1.01, 1.0] * 4}
    four = with_values(with_values(alone, HOT, "waiting-p50", others), HOT, "hit-p50", others | shorter)
    assert shorter_waits(four, HOT.name, ["write-through", "coalescing"], "cache-aside") == {}


def test_a_hot_key_gets_coalescing_and_the_wait_of_its_readers_is_the_first_price() -> None:
    """The mechanism is in the row, and costs that are within the noise are named together."""
    found = row("hot-key-may-wait", measured(HOT, HOT_KEY))
    assert (found.pick, found.certainty, found.minimum) == ("coalescing", "high", 0.1)
    assert found.effect is not None
    assert found.effect.text.endswith("1.00 instead of 9.62, compared with cache-aside")
    assert found.prices[0].text.startswith("waiting readers 103 ms instead of 45.1 ms (")
    assert found.prices[0].text.endswith(" longer)")
    assert found.prices[1].short == "no significant extra hit latency or Redis commands over cache-aside"
    assert found.prices[1].text.startswith("no significant extra hit latency (")
    assert found.mechanism == "it polls every 100 ms"


def test_levels_are_those_of_the_tables_and_the_change_is_paired_by_round() -> None:
    """The tables pool the rounds: their level differs from the median of the rounds."""
    pooled = {"cache-aside": Estimate(value=10.1), "coalescing": Estimate(value=1.18)}
    figures = measured(HOT, HOT_KEY)
    own = {(HOT.name, name, "loads-per-expiry"): figure for name, figure in pooled.items()}
    found = row("hot-key-may-wait", replace(figures, figures={**figures.figures, **own}))
    assert found.effect is not None
    assert found.effect.text.endswith("1.18 instead of 10.1, compared with cache-aside")
    assert found.effect.change == pytest.approx(-0.896, abs=0.002)


def test_a_pick_without_a_miss_has_its_interval_in_misses_and_a_bar() -> None:
    """There is no ratio to zero; the change is −100 %, and its interval comes from the difference."""
    values = {("stampede", "coalescing", "misses-per-ttl"): [0.0] * 8}
    figures = measured(HOT, {**HOT_KEY, "misses-per-ttl": {"cache-aside": 20.0, "write-through": 20.0}})
    found = row("hot-key-must-not-wait", replace(figures, values={**figures.values, **values}))
    assert found.pick == "coalescing"
    assert found.effect is not None
    assert found.effect.text.startswith("0 instead of 20.1 misses per expiry (19.")
    assert found.effect.text.endswith(" fewer), compared with cache-aside")
    assert found.effect.change == -1
    assert -1 <= found.effect.low <= found.effect.high < -0.9


def test_a_cost_that_is_the_same_in_every_round_has_no_interval() -> None:
    """A second command on each request is one number."""
    values = {
        ("stampede", name, "commands-per-request"): [v] * 8 for name, v in (("cache-aside", 1), ("coalescing", 2))
    }
    figures = measured(HOT, HOT_KEY)
    found = row("hot-key-may-wait", replace(figures, values={**figures.values, **values}))
    assert "+1.00 Redis commands per request" in [price.text for price in found.prices]


def noisy(figures: PlainFigures, *, factor: float) -> PlainFigures:
    """The same run with a second copy of cache-aside whose median read differs by that factor in every round."""
    again = replace(stated("cache-aside"), name="cache-aside again", kind="aa-copy", copy_of="cache-aside")
    of_rounds = [factor * v for v in figures.values[MOSTLY.name, "cache-aside", "read-p50"]]
    return replace(
        figures,
        contenders=[*figures.contenders, again],
        figures={**figures.figures, (MOSTLY.name, again.name, "due"): Estimate(value=100)},
        values={**figures.values, (MOSTLY.name, again.name, "read-p50"): of_rounds},
    )


@pytest.mark.parametrize(("no_cache_ms", "factor"), [(1.56, 1.9), (6.7, 2.5)])
def test_if_noise_hides_the_first_metric_the_second_decides_and_a_condition_says_so(
    no_cache_ms: float, factor: float
) -> None:
    """Noise is no reason for no-cache: neither if it alone makes it the pick, nor with a minimum above 50 %."""
    times = {**READ_MOSTLY["read-p50"], "no-cache": no_cache_ms}
    found = row("read-mostly", noisy(measured(MOSTLY, {**READ_MOSTLY, "read-p50": times}), factor=factor))
    assert (found.pick, found.metric) == ("cache-aside", "loads-per-1000-reads")
    assert found.reservations[0].startswith("read response time p50 cannot decide: two copies of one contender may")
    assert found.reservations[0].endswith("queries per 1,000 reads decides")


def test_no_cache_is_used_if_its_median_read_is_as_fast_in_a_quiet_run() -> None:
    """Then the first metric decides, and no condition names noise."""
    times = {**READ_MOSTLY["read-p50"], "no-cache": 1.02}
    found = row("read-mostly", noisy(measured(MOSTLY, {**READ_MOSTLY, "read-p50": times}), factor=1.0))
    assert (found.pick, found.metric) == ("no-cache", "read-p50")
    assert not any("cannot decide" in text for text in found.reservations)


@pytest.mark.parametrize(("answered", "is_eligible"), [(4_797, True), (4_790, False)])
def test_a_stray_request_without_an_answer_does_not_exclude_a_contender(answered: int, *, is_eligible: bool) -> None:
    """2 of 4,799 are below one in a thousand and a condition of the answer; 9 are the reason for the exclusion."""
    figures = measured(HOT, HOT_KEY)
    counts = {(HOT.name, "coalescing", "due"): 4_799, (HOT.name, "coalescing", "answered"): answered}
    own = {key: Estimate(value=value) for key, value in counts.items()}
    found = row("hot-key-may-wait", replace(figures, figures={**figures.figures, **own}))
    assert (found.pick == "coalescing") is is_eligible
    if is_eligible:
        assert "2 of 4,799 requests not answered" in found.reservations
    else:
        assert dict(found.excluded)["coalescing"] == "9 of 4,799 requests not answered"


def test_a_cost_without_enough_rounds_is_not_estimated_and_never_nothing() -> None:
    """Neither the wait nor the miss latency of the pick has values."""
    levels = {name: by_name for name, by_name in HOT_KEY.items() if name not in ("miss-p50", "waiting-p50")}
    kinds = {price.text: price.kind for price in row("hot-key-may-wait", measured(HOT, levels)).prices}
    assert kinds["miss latency: not estimated"] == "not estimated"


def test_contenders_that_do_the_same_without_writes_are_not_ranked() -> None:
    """In a scenario with writes the same contender is a candidate."""
    for place, expected in (
        (HOT, (("write-through", "cache-aside"),)),
        (replace(HOT, workload={**HOT.workload, "read_share": 0.9}), ()),
    ):
        figures = measured(place, HOT_KEY)
        for info in figures.contenders:
            info.reads_like = "cache-aside" if info.name == "write-through" else ""
        assert row("hot-key-may-wait", figures).copies == expected
    recorded = row("hot-key-may-wait", measured(replace(HOT, same_as={"ttl-only": "cache-aside"}), HOT_KEY))
    assert recorded.copies == (("ttl-only", "cache-aside"),)


def test_a_contender_whose_times_lose_their_scale_is_not_eligible() -> None:
    """The refresh window is shorter than a load."""
    figures = measured(HOT, HOT_KEY)
    figures.contenders[3].config["refresh_below_share"] = 0.01
    found = row("hot-key-may-wait", figures)
    assert found.pick == "cache-aside"
    assert dict(found.excluded)["coalescing"].startswith("scale not preserved")


def test_a_contender_that_lacks_a_guarantee_or_an_answer_is_excluded_with_the_reason() -> None:
    """The better contenders by the metric are not eligible, so the simplest is left."""
    figures = measured(HOT, HOT_KEY)
    figures.contenders[3].guarantees = []
    figures = replace(figures, denying=frozenset({(HOT.name, "write-through")}))
    found = row("hot-key-may-wait", figures)
    assert found.pick == "cache-aside"
    excluded = dict(found.excluded)
    assert excluded["coalescing"] == "does not guarantee it"
    assert excluded["write-through"] == "returned no record for some that exist"


def test_a_question_whose_scenario_did_not_run_names_the_command_that_measures_it() -> None:
    found = row("fresh-records", measured(HOT, HOT_KEY))
    assert (found.use, found.why, found.command) == ("", "not measured in this run", "make bench PLAN=standard")
    assert found.minutes is not None


def rows(figures: PlainFigures) -> list[AnswerRow]:
    return [caching_row(figures, question, None) for question in QUESTIONS]


def both(*, number: int = 8) -> PlainFigures:
    """A run of both scenarios."""
    one, two = measured(MOSTLY, READ_MOSTLY, number=number), measured(HOT, HOT_KEY, number=number)
    return replace(
        one,
        scenarios=[MOSTLY, HOT],
        figures={**one.figures, **two.figures},
        values={**one.values, **two.values},
    )


def test_the_headline_has_at_most_twelve_words_and_comes_from_the_rows() -> None:
    """It says what to start with and what to add for hot keys."""
    text = headline(rows(both()), both())
    assert text == "Start with cache-aside. Add coalescing for hot keys."
    hot = measured(HOT, HOT_KEY)
    assert headline(rows(hot), hot) == "Use coalescing for hot keys."
    assert headline([], hot) == "This run gives no answer."
    assert headline(rows(both()), replace(both(), void=True)) == "This run is void: do not use its figures."
    long = [AnswerRow(name=f"q{n}", question="A question of several words", use="contender") for n in range(9)]
    assert len(headline(long, hot).split()) <= MOST_WORDS


def test_below_six_rounds_the_headline_gives_no_verdict_and_no_row_has_a_share() -> None:
    """The rows have the observed picks, and they are not sure."""
    few = both(number=2)
    assert headline(rows(few), few) == "No verdict: 2 of the 6 rounds needed."
    answered = [found for found in rows(few) if found.use]
    assert answered
    assert {(found.certainty, found.share) for found in answered} == {("low", None)}


def test_too_few_rounds_without_a_large_difference_give_no_answer() -> None:
    """Three rounds in which nothing halves the median read recommend nothing, not the simplest contender; a large
    difference is an answer that is marked low."""
    alike = dict.fromkeys(PARTS, 1.0)
    found = row("read-mostly", measured(MOSTLY, {**READ_MOSTLY, "read-p50": alike}, number=3))
    assert (found.use, found.certainty) == ("", None)
    assert found.why == "3 of 6 rounds, and no difference above 50 %"
    assert found.command == "make bench"
    clear = row("read-mostly", measured(MOSTLY, READ_MOSTLY, number=3))
    assert (clear.use, clear.certainty) == ("cache-aside", "low")
