"""Two copies of one contender that lie apart: what that figure then may not say, anywhere on the first screen."""

from pathlib import Path

import pytest

from artefact.read import read_run
from reports import answer, decision
from reports.advice.section import Advice, advice
from reports.judge import Judgement, judge
from reports.metrics.metric import find_metric
from reports.statistics.estimate import Estimate
from reports.twins import Twins, floor_of, silent_of, twins_of
from tests.reports.advice.test_section import promised
from tests.reports.planted import plant, scenario

NAMES = ["no-cache", "cache-aside", "write-through", "coalescing", "cache-aside-again"]


def figure(value: float, low: float, high: float, *, level: float | None = 0.95) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=level, rounds=10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("twins") / "run"
    return promised(plant(where, rounds=6, contenders=NAMES, scenarios=[scenario("stampede")]))


def having(folder: Path, metric: str, **figures: Estimate) -> Judgement:
    """The run's judgement, with those contenders' figures of one metric in the place of their own."""
    judgement = judge(read_run(folder))
    others = {("stampede", name.replace("_", "-"), metric): value for name, value in figures.items()}
    judgement.__dict__["figures"] = judgement.figures | others
    return judgement


APART = {"cache_aside": figure(70.5, 60.3, 128), "cache_aside_again": figure(195, 156, 359)}


def test_copies_that_lie_apart_silence_their_figure_and_copies_that_do_not_leave_it_its_say(folder: Path) -> None:
    judgement = having(folder, "read-p99", **APART)
    assert twins_of(judgement, "stampede", "read-p99").silent
    assert not twins_of(judgement, "stampede", "read-p50").silent
    assert "cache-aside-again 195 ms (156 – 359)" in silent_of(judgement, "stampede", ("read-p50", "read-p99"))
    near = having(folder, "read-p99", cache_aside=figure(70, 60, 80), cache_aside_again=figure(79, 75, 90))
    assert not twins_of(near, "stampede", "read-p99").silent
    assert floor_of(near, "stampede", "read-p99") > 0.12


@pytest.mark.parametrize(
    ("one", "other", "silent"),
    [
        (figure(100, 99, 101), figure(104, 103, 105), False),  # 5 % and less is no difference
        (figure(100, 99, 101), figure(110, 109, 111), True),
        (figure(100, 90, 106), figure(110, 105, 111), False),
        (figure(100, 99, 101, level=None), figure(200, 199, 201, level=None), False),  # no interval: as seen
    ],
)
def test_copies_lie_apart_where_their_intervals_do_and_by_more_than_the_least_difference(
    one: Estimate, other: Estimate, silent: bool
) -> None:
    assert Twins(metric=find_metric("read-p99"), name="a", again="b", one=one, other=other).silent is silent


def test_without_a_copy_nothing_is_silenced() -> None:
    none = Twins(metric=find_metric("read-p99"))
    assert (none.silent, none.gap) == (False, 1.0)


def cards(judgement: Judgement) -> dict[str, Advice]:
    return {a.anchor: a for a in advice(judgement, None)}


def test_a_silenced_figure_takes_nobody_and_the_card_says_why(folder: Path) -> None:
    alone = {"no_cache": figure(900, 890, 910), "coalescing": figure(1, 0.9, 1.1), "write_through": figure(50, 49, 51)}
    near = {"cache_aside": figure(70, 60, 128), "cache_aside_again": figure(71, 60, 128)}
    heard = cards(having(folder, "read-p99", **alone, **near))["advice-users-must-not-wait"]
    assert heard.take == "Take coalescing"
    quiet = cards(having(folder, "read-p99", **alone, **APART))["advice-users-must-not-wait"]
    assert not quiet.sure
    assert "cache-aside" in quiet.take
    assert "two copies of one contender lie apart by it: read response time p99" in quiet.silent
    assert "no longer parts two copies" in quiet.changes


def test_a_silenced_figure_is_no_price_and_no_reason(folder: Path) -> None:
    high = figure(900, 880, 920)
    contenders = {c.name: c for c in judge(read_run(folder)).run.info.contenders}
    how = ("stampede", contenders["coalescing"], [contenders["cache-aside"]])
    heard = having(folder, "read-p99", coalescing=high, cache_aside=figure(70, 60, 80), cache_aside_again=high)
    heard.__dict__["figures"] |= {("stampede", "cache-aside-again", "read-p99"): figure(71, 60, 80)}
    assert "900 ms" in answer.priced(heard, *how)[0]
    quiet = having(folder, "read-p99", coalescing=high, **APART)
    assert "900 ms" not in answer.priced(quiet, *how)[0]
    assert answer.waits(quiet, "stampede", contenders["coalescing"])[0] == float("inf")


def test_a_price_beside_a_contender_with_a_copy_is_one_beside_the_worse_of_both(folder: Path) -> None:
    """Longest reads have no interval: 384 ms against 128 is no price where the copy's own is 359."""
    contenders = {c.name: c for c in judge(read_run(folder)).run.info.contenders}
    p99 = figure(5, 4, 6)
    p99 = Estimate(**{**p99.__dict__, "why": "seen, not estimated"})
    for again, told in ((359.0, False), (129.0, True)):
        judgement = having(
            folder, "read-max", coalescing=Estimate(value=384, rounds=10), cache_aside=Estimate(value=128)
        )
        judgement.__dict__["figures"] |= {
            ("stampede", "cache-aside-again", "read-max"): Estimate(value=again, rounds=10),
            ("stampede", "coalescing", "read-p99"): p99,
        }
        price, _ = answer.priced(judgement, "stampede", contenders["coalescing"], [contenders["cache-aside"]])
        assert ("384 ms" in price) is told


def test_a_silenced_column_is_hatched_and_not_coloured_and_the_reason_stands_below(folder: Path) -> None:
    table = decision.decision_table(having(folder, "read-p99", **APART))
    at = table.columns.index(("stampede", "read response time p99"))
    assert all(entries[at].heat is None and entries[at].unclear for _, entries in table.rows)
    assert "stampede, read response time p99: cache-aside 70.5 ms" in table.silent
    heard = decision.decision_table(judge(read_run(folder)))
    assert any(entries[at].heat is not None for _, entries in heard.rows)
    assert heard.silent == ""


def test_nearer_to_the_best_than_the_copies_to_each_other_is_coloured_as_the_best() -> None:
    assert decision.heat(3.0, 1.0, 0.0) > 0
    assert decision.heat(3.0, 1.0, 0.0, gap=3.1) == 0
    assert decision.heat(3.2, 1.0, 0.0, gap=3.1) == decision.heat(3.2, 1.0, 0.0)


def test_the_order_does_not_turn_by_a_figure_that_tells_nobody_apart() -> None:
    a, b = figure(1, 0.9, 1.1), figure(2, 1.9, 2.1)
    metric = find_metric("read-p50")
    assert answer.order(a, b, Twins(metric=metric)) == -1
    assert answer.order(a, b, Twins(metric=metric, name="x", again="y", one=a, other=b)) == 0
