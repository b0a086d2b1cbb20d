"""A scenario's table: six figures per contender, each on one line; without evidence, a dash and a reason."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.analysis.results import Verdict
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.share_fresh_chart import fresh_in_words
from stampede.reports.output.html_report import configuration, flat
from stampede.reports.output.panels.key_table import MOST, key_metrics, key_sentence, key_table
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo
from tests.reports.planted_runs.plain_figures import estimate, plain_figures
from tests.reports.planted_runs.planted import contender, scenario

PLACE = scenario("read-mostly")
NAMES = ("no-cache", "cache-aside", "write-through")
QUERIES = "loads-per-1000-reads"
MANY = (QUERIES, "hit-p50", "miss-p50", "commands-per-request", "read-p50", "write-p50", "service-p10", "hit-rate")


def figures(changes: Mapping[str, Mapping[str, Estimate]] | None = None, place: str = "read-mostly") -> PlainFigures:
    """Every metric of MANY for every contender, except for the changes."""
    by_metric = {name: dict.fromkeys(NAMES, estimate(439, 416, 462)) for name in MANY}
    for name, by_contender in (changes or {}).items():
        by_metric[name] = by_metric.get(name, {}) | by_contender
    return plain_figures(NAMES, scenario(place), by_metric)


def entry_of(found: PlainFigures, name: str, column: int = 0) -> tuple[str, str, str]:
    """The value, interval and tooltip of a figure."""
    rows = {row.contender.name: row for row in key_table(found, PLACE, found.contenders).rows}
    entry = rows[name].entries[column]
    return entry.value, entry.span, entry.title


def test_a_table_has_six_figures_at_most_and_queries_come_first() -> None:
    """With expiries of a hot key, the queries per expiry take the place of the queries per 1,000 reads."""
    names = [metric.name for metric in key_metrics(figures(), PLACE)]
    assert names == list(MANY[:MOST])
    hot = figures({"loads-per-expiry": {"cache-aside": estimate(9, 8, 10)}})
    assert key_metrics(hot, PLACE)[0].name == "loads-per-expiry"
    assert QUERIES not in [metric.name for metric in key_metrics(hot, PLACE)]


def test_a_figure_is_one_line_with_its_interval_and_a_constant_has_none() -> None:
    """439 (416–462), and 1,000 for a figure that was the same in every round."""
    assert entry_of(figures(), "cache-aside")[:2] == ("439", "(416–462)")
    constant = figures({QUERIES: {"no-cache": estimate(1000, 1000, 1000)}})
    assert entry_of(constant, "no-cache")[:2] == ("1,000", "")


def test_a_figure_without_evidence_is_a_dash_with_the_reason_in_tooltip_and_footnote() -> None:
    """A contender that sends no Redis command has no hits, and needs no footnote for that."""
    why = "not estimated: 7 such reads, 20 a round needed"
    nothing = estimate(5, 4, 6, why=why)
    found = figures({"hit-p50": dict.fromkeys(NAMES, nothing), "commands-per-request": {"no-cache": estimate(0, 0, 0)}})
    value, span, title = entry_of(found, "cache-aside", 1)
    assert (value, span) == (formatting.MISSING, "")
    assert title.startswith(why)
    notes = key_table(found, PLACE, found.contenders).footnotes
    assert notes == [f"{name}, hit latency: 7 such reads, 20 a round needed" for name in NAMES[1:]]


def verdict(name: str, factor: float, sentence: str) -> Verdict:
    """A comparison with cache-aside over eight rounds."""
    metric = find_metric(QUERIES)
    rounds = [400.0 + 3 * r for r in range(8)]
    return Verdict(
        scenario=PLACE.name,
        contender=name,
        against="cache-aside",
        metric=metric,
        comparison=compare([factor * v for v in rounds], rounds),
        m=0.05,
        adjusted_p=0.01,
        sentence=sentence,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("sentence", "symbol", "word"),
    [("better", "▼", "better than"), ("worse", "▲", "worse than"), ("cannot tell", "○", "not significant against")],
)
def test_a_verdict_is_a_symbol_whose_tooltip_has_the_paired_ratio(sentence: str, symbol: str, word: str) -> None:
    """The text of a verdict is in no cell."""
    found = verdict("write-through", 0.9, sentence)
    with_it = replace(figures(), verdicts={(PLACE.name, "write-through", QUERIES): found})
    (row,) = [
        row for row in key_table(with_it, PLACE, with_it.contenders).rows if row.contender.name == found.contender
    ]
    assert row.entries[0].symbol == symbol
    assert row.entries[0].verdict.startswith(f"{word} cache-aside, paired by round: × 0.900")
    assert row.entries[1].symbol == ""


def test_the_sentence_names_the_reference_and_what_is_significantly_different() -> None:
    """Without a significant difference it says so."""
    assert key_sentence(figures(), PLACE).endswith("cache-aside 439 (416–462); no significant difference from it.")
    found = {(PLACE.name, "write-through", QUERIES): verdict("write-through", 0.9, "better")}
    assert "significantly better: write-through 439 (416–462)." in key_sentence(
        replace(figures(), verdicts=found), PLACE
    )


def fresh(copy_ms: float, low_ms: float, high_ms: float) -> str:
    """The caption of the freshness chart: cache-aside 40 ms, its A/A copy, and coalescing."""
    contenders = [contender("cache-aside"), contender("coalescing"), contender("cache-aside-again")]
    times = {
        "cache-aside": estimate(40, 35, 45),
        "coalescing": estimate((low_ms + high_ms) / 2, low_ms, high_ms),
        "cache-aside-again": estimate(copy_ms, copy_ms - 5, copy_ms + 5),
    }
    found = plain_figures(list(times), PLACE, {"fresh-99": times})
    return fresh_in_words(found, PLACE, contenders)


def test_freshness_is_ranked_only_if_the_copies_agree_and_the_intervals_are_separate() -> None:
    """A contender that is ten times as slow is no finding if the copy of the reference is as slow as that."""
    assert fresh(42, 390, 430).endswith("cache-aside 40.0 ms; coalescing 410 ms.")
    assert fresh(422, 390, 430).startswith("No ranking")
    assert fresh(42, 42, 90).endswith("the intervals overlap, so there is no ranking.")


def test_the_configuration_is_the_one_that_ran() -> None:
    """The TTL is that of each scenario, and not the default of the class."""
    info = ContenderInfo(**{**vars(contender("cache-aside")), "config": {"ttl_s": 3600.0, "polls": 50}})
    assert configuration(info, [PLACE, scenario("stampede")]) == (
        "polls = 50, TTL 1 s in read-mostly, TTL 0.5 s in stampede"
    )


def test_values_of_the_environment_are_no_raw_floats_and_no_lists() -> None:
    """0.0488404999… has six digits, and the groups of a flood are words."""
    groups = [{"profile": "ties", "subjects": 1}, {"profile": "drip", "subjects": 2}]
    assert flat({"lag_ms": 0.048840499999999995, "groups": groups}) == [
        ("lag_ms", "0.0488405"),
        ("groups", "profile ties, subjects 1; profile drip, subjects 2"),
    ]
