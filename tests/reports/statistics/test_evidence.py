"""Error rates of the printed intervals and verdicts, by simulation.

The suite runs a few hundred repeats; `make statistics` runs 10,000, and also resamples the rounds of a real run if one
is named. The limits allow for the number of repeats: a rate may exceed its bound by three standard errors.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from stampede.reports.analysis.analysis import analyse
from stampede.reports.analysis.frames import cells
from stampede.reports.metrics.metric import find_metric
from stampede.reports.metrics.response_times import over, reads
from stampede.reports.statistics.comparison import Comparison, compare, compare_independent
from stampede.reports.statistics.estimate import Floats, median
from stampede.reports.statistics.power import rounds_needed, rounds_to_decide
from stampede.reports.statistics.rank_tests import holm, independent_shift, shift
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, sentence
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import EPOCH, MS, SECOND, Row, plant, row, scenario

REPEATS = int(os.environ.get("STAMPEDE_REPEATS", "600"))
REAL = os.environ.get("STAMPEDE_RUN", "")

Draw = Callable[[np.random.Generator, int], Floats]
"""Draws the log ratios of n rounds, centred at 0."""


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(0, 0.06, n)


def heavy(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_t(3, n) * 0.06


def difference_of_skewed(rng: np.random.Generator, n: int) -> Floats:
    """The paired difference of two copies whose rounds have a long right tail; it is symmetric."""
    return rng.gamma(1.5, 0.05, n) - rng.gamma(1.5, 0.05, n)


SHAPES = (normal, heavy, difference_of_skewed)


def rate(hits: int) -> float:
    return hits / REPEATS


def at_most(share: float) -> float:
    return share + 3 * math.sqrt(share * (1 - share) / REPEATS)


def at_least(share: float) -> float:
    return share - 3 * math.sqrt(share * (1 - share) / REPEATS)


def verdict_on(logs: Floats, tables: int = 1) -> tuple[Comparison, str]:
    """The verdict on a pair of contenders with those log ratios, with Holm's correction over `tables` equal rows."""
    comparison = compare([float(x) for x in np.exp(logs)], [1.0] * len(logs))
    return comparison, sentence(comparison, LEAST_DIFFERENCE, holm([comparison.p] * tables)[0], "lower")


@pytest.mark.parametrize("draw", SHAPES)
@pytest.mark.parametrize("rounds", [6, 8, 10])
def test_two_copies_of_one_contender_differ_in_at_most_one_run_of_twenty(draw: Draw, rounds: int) -> None:
    """An A/A pair gets better or worse in at most 5 % of the repeats, whatever the shape of the noise."""
    rng = np.random.default_rng(rounds)
    alarms = sum(verdict_on(draw(rng, rounds))[1] in ("better", "worse") for _ in range(REPEATS))
    assert rate(alarms) <= at_most(0.05)


def test_table_of_copies_raises_at_most_one_alarm_in_twenty() -> None:
    """In a table of four A/A rows of ten rounds, any better or worse is an alarm; Holm's correction keeps it at 5 %."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(REPEATS):
        rows = [compare([float(x) for x in np.exp(normal(rng, 10))], [1.0] * 10) for _ in range(4)]
        adjusted = holm([r.p for r in rows])
        verdicts = [sentence(r, LEAST_DIFFERENCE, p, "lower") for r, p in zip(rows, adjusted, strict=True)]
        alarms += any(s in ("better", "worse") for s in verdicts)
    assert rate(alarms) <= at_most(0.05)


@pytest.mark.parametrize("rounds", [6, 8, 10])
def test_two_runs_of_the_same_code_differ_in_at_most_one_of_twenty(rounds: int) -> None:
    """The same holds between two runs, whose rounds are not paired."""
    rng = np.random.default_rng(rounds)
    alarms = 0
    for _ in range(REPEATS):
        c = compare_independent(np.exp(heavy(rng, rounds)).tolist(), np.exp(heavy(rng, rounds + 2)).tolist())
        alarms += sentence(c, LEAST_DIFFERENCE, c.p, "lower") in ("better", "worse")
    assert rate(alarms) <= at_most(0.05)


def test_ten_rounds_find_a_planted_slowdown_of_a_tenth() -> None:
    """If rounds scatter by 6 %, the interval of a 10 % slowdown excludes 1 in at least 95 % of the repeats."""
    rng = np.random.default_rng(10)
    found = 0
    for _ in range(REPEATS):
        test = verdict_on(normal(rng, 10) + math.log(1.1))[0].ratio
        assert test is not None
        found += test.low > 1
    assert rate(found) >= at_least(0.95)


@pytest.mark.parametrize("spread", [0.06, 0.1, 0.15, 0.25])
def test_the_number_of_rounds_asked_for_is_enough(spread: float) -> None:
    """With rounds_needed rounds the interval excludes 1 in about 95 %; with half as many it does not."""
    wanted = rounds_needed(spread, math.log(1.1))
    rng = np.random.default_rng(7)

    def power(rounds: int, repeats: int) -> float:
        draws = rng.normal(math.log(1.1), spread, (repeats, rounds))
        return sum(shift([float(x) for x in draw]).low > 0 for draw in draws) / repeats

    repeats = min(REPEATS, 300 if wanted < 50 else 150)
    assert power(int(wanted), repeats) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / repeats)
    if wanted > 12:
        assert power(int(wanted) // 2, repeats) < 0.9


def test_cannot_tell_asks_for_more_rounds() -> None:
    """A slowdown of a tenth with 15 % spread: eight rounds cannot tell, and more than eight are asked for."""
    rng = np.random.default_rng(5)
    draws = (verdict_on(rng.normal(0.0953, 0.15, 8)) for _ in range(100))
    unclear = [c for c, verdict in draws if verdict == "cannot tell"]
    assert len(unclear) > 20
    wanted = [rounds_to_decide(c, LEAST_DIFFERENCE) for c in unclear]
    assert np.median(wanted) > 8
    assert rounds_needed(0.15, 0.0953) == pytest.approx(37, abs=6)
    assert math.isinf(rounds_needed(0.15, 0.0))


@pytest.mark.parametrize("draw", SHAPES)
@pytest.mark.parametrize("rounds", [6, 8, 10])
def test_intervals_cover_the_truth_at_their_printed_level(draw: Draw, rounds: int) -> None:
    """Paired, unpaired and median intervals cover the truth at least as often as their printed level minus 1 %."""
    rng = np.random.default_rng(100 + rounds)
    truth, hits, levels = 0.2, [0, 0, 0], [0.0, 0.0, 0.0]
    skewed = np.exp(0.8 * np.random.default_rng(1).normal(size=200_001))
    middle = float(np.median(skewed))
    for _ in range(REPEATS):
        paired = shift([float(x) for x in draw(rng, rounds) + truth])
        unpaired = independent_shift(
            [float(x) for x in draw(rng, rounds) + truth], [float(x) for x in draw(rng, rounds)]
        )
        level = median([float(x) for x in rng.choice(skewed, rounds)])
        assert level.level is not None
        spans = (
            (paired.low, paired.high, truth),
            (unpaired.low, unpaired.high, truth),
            (level.low, level.high, middle),
        )
        for i, (low, high, true) in enumerate(spans):
            hits[i] += low <= true <= high
        levels = [paired.level, unpaired.level, level.level]
    for hit, printed in zip(hits, levels, strict=True):
        assert rate(hit) >= at_least(printed) - 0.01


def test_intervals_that_are_too_narrow_are_found() -> None:
    """The check above can fail: intervals shrunk by a third do not reach their printed level."""
    rng = np.random.default_rng(8)
    hits, level = 0, 0.0
    for _ in range(REPEATS):
        s = shift([float(x) for x in normal(rng, 10)])
        third = (s.high - s.low) / 6
        hits += s.low + third <= 0 <= s.high - third
        level = s.level
    assert rate(hits) < at_least(level) - 0.01


def real_rounds() -> Iterator[tuple[str, Floats]]:
    """The A/A pairs of the named run, as one log ratio per round."""
    analysis = analyse(read_run(Path(REAL)))
    for (scenario_name, metric), aa_copy in analysis.aa_pairs.items():
        pairs = [
            {c.info.round: find_metric(metric).of_cell(c) for c in analysis.of(scenario_name, name)}
            for name in (aa_copy.contender, aa_copy.against)
        ]
        both = sorted(pairs[0].keys() & pairs[1].keys())
        x, y = (np.array([p[r] for r in both]) for p in pairs)
        if len(both) >= 6 and np.all(x > 0) and np.all(y > 0):
            yield f"{scenario_name} {metric}", np.log(x / y)


@pytest.mark.skipif(not REAL, reason="no run named: make statistics RUN=runs/…")
def test_resampled_real_rounds_raise_one_alarm_in_twenty_at_most() -> None:
    """Real A/A rounds, resampled with replacement and random order of the two names, give at most 5 % alarms. With a
    planted difference of a tenth, intervals exclude 1 in 95 % if the spread is at most 6 %."""
    rng = np.random.default_rng(1)
    for name, logs in real_rounds():
        alarms, found = 0, 0
        spread = float(np.std(logs, ddof=1))
        for _ in range(REPEATS):
            drawn = rng.choice(logs, 10) * rng.choice([-1, 1], 10)
            alarms += verdict_on(drawn)[1] in ("better", "worse")
            test = verdict_on(drawn + math.log(1.1))[0].ratio
            assert test is not None
            found += test.low > 1
        wanted = rounds_needed(spread, math.log(1.1))
        print(f"{name}: spread {spread:.3f}, alarms {rate(alarms):.3f}, found {rate(found):.3f}, wanted {wanted:.0f}")
        assert rate(alarms) <= at_most(0.05)
        if spread <= 0.06:
            assert rate(found) >= at_least(0.95)


@pytest.mark.skipif(not REAL, reason="no run named: make statistics RUN=runs/…")
def test_real_copies_do_not_differ() -> None:
    """In the named run, A/A rows are better or worse in no more scenarios than a rate of one in twenty allows: in none
    of one scenario (`stampede aa`), in one of the seven of a standard run."""
    alarms: dict[str, bool] = {}
    for (place, _), verdict in analyse(read_run(Path(REAL))).aa_pairs.items():
        alarms[place] = alarms.get(place, False) or verdict.sentence in ("better", "worse")
    assert alarms
    assert sum(alarms.values()) <= binom.ppf(0.95, len(alarms), 0.05)


# -- a stall --

RATE_PER_S, WINDOW_S, SERVICE_MS, STALL_S = 400.0, 20.0, 1.0, 0.8
STALLS_AT_S = (2.0, 7.0, 12.0, 16.0)


def stalled(cell: CellInfo, _rows: list[Row]) -> list[Row]:
    """One server, first come first served, known service time, four stalls. Due times are evenly spaced."""
    assert cell.window_start_ns is not None
    rows, free = [], 0.0
    service = SERVICE_MS / 1e3
    for i in range(round(RATE_PER_S * WINDOW_S)):
        due = (i + 0.5) / RATE_PER_S
        start = max(due, free)
        for at in STALLS_AT_S:
            if at <= start < at + STALL_S:
                start = at + STALL_S
        free = start + service
        times = [cell.window_start_ns + round(t * SECOND) for t in (due, start, free)]
        rows.append(row(*times, thread_free_ns=times[1]))
    return rows


def after_a_stall_ms(q: float) -> float:
    """The closed form. A request due y before a stall's end waits y, and then for the queue before it, (stall − y)·λ·s.
    Requests due later wait for the rest of the queue, which is empty after stall·λ·s/(1 − λ·s). The wait thus decreases
    linearly from the stall's length to 0: it exceeds t for a share stalls·(stall − t)/(1 − λ·s) of the window."""
    busy = RATE_PER_S * SERVICE_MS / 1e3
    longest = STALL_S - (1 - q) * WINDOW_S * (1 - busy) / len(STALLS_AT_S)
    return max(0.0, longest) * 1e3 + SERVICE_MS


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Sequence[object]:
    info = scenario("stampede", rate_per_s=RATE_PER_S)
    info.window_s = WINDOW_S
    folder = plant(
        tmp_path_factory.mktemp("stall") / "run",
        rounds=3,
        contenders=("cache-aside",),
        scenarios=[info],
        change=stalled,
    )
    return cells(read_run(folder))


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.999])
def test_percentiles_after_stalls_agree_with_the_closed_form(stall: Sequence[object], q: float) -> None:
    """With a known service time and four stalls per cell, p50, p90, p99 and p99.9 are within 2 % of the closed form."""
    figure = over(q, reads)(stall)  # type: ignore[arg-type]
    assert not figure.missing
    assert not figure.why
    assert figure.value == pytest.approx(after_a_stall_ms(q), rel=0.02)


def test_closed_form_depends_on_the_stall() -> None:
    """p50 is the service time; p90 and above are stalls, so the test above detects code that ignores the queue."""
    assert after_a_stall_ms(0.5) == SERVICE_MS
    assert after_a_stall_ms(0.9) > 100 * SERVICE_MS
    assert EPOCH > 2**53
    assert MS * 1000 == SECOND
