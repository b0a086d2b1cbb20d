"""The gate and luck: unchanged runs do not fail, changed ones do; against a base only what changed is a failure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.compare import guarantee_changes, regressions
from stampede.reports.compare.compare_runs import RunPair, rounds_of
from stampede.reports.compare.guarantee_changes import GateFinding, luck
from stampede.reports.compare.run_gate import FAIL, PASS, exit_code, of_pair
from stampede.reports.compare.thresholds import metric_named, read_thresholds
from stampede.reports.metrics.metric import Metric
from stampede.reports.topics.rate_limiting.calls import calls
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterJudged, SubjectJudged, judge_subject
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import RunWarning
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo
from tests.reports.planted_runs.planted import plant

CONTENDERS = ("no-cache", "cache-aside", "coalescing")
ROUNDS = 8
PAIRS = 100
LIMIT, WINDOW_S = 8, 0.4
FLOOD = {"limit": LIMIT, "window_s": WINDOW_S, "burst": None, "caller_groups": [{"profile": "ties", "subjects": 12}]}
STRICT = {"kind": "strict", "limit": LIMIT, "window_s": WINDOW_S}
Values = Mapping[tuple[str, str, str], list[float]]


def limiter(name: str, file: str | None = None) -> ContenderInfo:
    return ContenderInfo(
        name=name,
        kind="contender",
        summary="planted",
        guarantees=[],
        config={},
        client={},
        family="limiting",
        contracts={"flood": STRICT},
        file=file,
    )


def subjects(broken: int, of: int = 12) -> list[SubjectJudged]:
    """That many callers of a round get one call too many in their first window; the others get their limit."""
    found = []
    for number in range(of):
        at = np.arange(LIMIT + 1) / 100
        allowed = [True] * LIMIT + [number < broken]
        found.append(judge_subject(number, "ties", calls(at, at, allowed), FLOOD, STRICT))
    return found


SEEN = {broken: subjects(broken) for broken in range(13)}
FLOODED = ScenarioInfo(
    name="flood",
    question="",
    application="",
    expectation="",
    workload={},
    window_s=0.8,
    drain_s=1.0,
    processes=2,
    kind="limiting",
    flood=FLOOD,
)


def flooded(info: ContenderInfo, broken: Sequence[int]) -> LimiterJudged:
    """A limiter whose bound was broken by that many callers in each round."""
    cells: Any = [SimpleNamespace(info=SimpleNamespace(round=r)) for r in range(1, len(broken) + 1)]
    rows = [(r, s) for r, count in enumerate(broken, 1) for s in SEEN[count]]
    return LimiterJudged(info, FLOODED, cells, rows, None, np.array([]), np.array([]))


def limiting(*found: LimiterJudged) -> Any:
    """What `stampede.reports.topics.rate_limiting.limiter_analysis.judged` has already judged."""
    return SimpleNamespace(once=lambda _make: list(found))


@dataclass(frozen=True)
class Sampled(Analysis):
    """Rounds that were drawn from a run, judged as a run of its own; its doubts are those of the whole."""

    values: Values = field(default_factory=dict)

    @cached_property
    def warnings(self) -> list[RunWarning]:
        return []


Recorded = tuple[Analysis, Values]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A planted run, and each figure that the gate judges, round by round."""
    folder = plant(tmp_path_factory.mktemp("runs") / "run", contenders=CONTENDERS, rounds=ROUNDS)
    whole = analyse(read_run(folder))
    keys = itertools.product([s.name for s in whole.scenarios], CONTENDERS, read_thresholds(None).metrics)
    return whole, {(s, c, m.name): rounds_of(whole, s, c, m) for s, c, m in keys}


@pytest.fixture(autouse=True)
def known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure of a round that was drawn is the recorded one: it is not made again from the samples."""

    def values(analysis: Sampled, scenario: str, contender: str, metric: Metric) -> list[float]:
        return list(analysis.values.get((scenario, contender, metric.name), []))

    for module in (guarantee_changes, regressions):
        monkeypatch.setattr(module, "rounds_of", values)


def drawn(recorded: Recorded, rounds: int, rng: np.random.Generator, limiters: Any = None) -> Sampled:
    """That many rounds, drawn with replacement. All figures of one round stay together."""
    whole, values = recorded
    chosen = rng.integers(0, ROUNDS, rounds)
    sampled = {key: [side[i] for i in chosen] for key, side in values.items()}
    return Sampled(whole.run, whole.cells, limiting=limiters, values=sampled)


def racy(rounds: int, chance: float, broken: int, rng: np.random.Generator) -> list[int]:
    """How many callers broke the bound in each round: the same number in some rounds, none in the others."""
    return [broken if rng.random() < chance else 0 for _ in range(rounds)]


def codes(recorded: Recorded, rounds: int, flood_rounds: int, worse: Mapping[str, float] = {}) -> list[int]:
    """Exit codes of a hundred pairs of runs; `worse`: by how much a metric of no-cache is multiplied in the second."""
    rng = np.random.default_rng([rounds, flood_rounds])
    found = []
    for _ in range(PAIRS):
        sides = []
        for _ in range(2):
            raced = [
                flooded(limiter("seldom"), racy(flood_rounds, 0.1, 1, rng)),
                flooded(limiter("often"), racy(flood_rounds, 0.5, 2, rng)),
                flooded(limiter("always"), [12] * flood_rounds),
                flooded(limiter("never"), [0] * flood_rounds),
            ]
            sides.append(drawn(recorded, rounds, rng, limiting(*raced)))
        for (_, name, metric), side in sides[1].values.items():
            if name == "no-cache" and metric in worse:
                side[:] = [v * worse[metric] for v in side]
        found.append(exit_code(of_pair(RunPair(sides[0], sides[1], []), read_thresholds(None))))
    return found


@pytest.mark.parametrize(("rounds", "flood_rounds"), [(1, 1), (2, 2), (8, 3), (8, 8)])
def test_a_hundred_pairs_of_unchanged_runs_fail_at_most_once(
    recorded: Recorded, rounds: int, flood_rounds: int
) -> None:
    """Rounds drawn twice from one run, beside limiters whose race shows in some rounds."""
    assert codes(recorded, rounds, flood_rounds).count(FAIL) <= 1


@pytest.mark.parametrize(("factor", "least"), [(1.2, 60), (2.0, 95)])
def test_more_loads_fail_in_most_pairs(recorded: Recorded, factor: float, least: int) -> None:
    """A fifth more loads for every 1,000 reads, and twice as many, where a tenth is allowed."""
    assert codes(recorded, 8, 3, {"loads-per-1000-reads": factor}).count(FAIL) >= least


def held(recorded: Recorded, base: LimiterJudged, run: LimiterJudged, *, absolute: bool = False) -> GateFinding:
    """How a limiter's contract is ruled in a run against a base."""
    rng = np.random.default_rng(1)
    sides = [drawn(recorded, 1, rng, limiting(x)) for x in (base, run)]
    thresholds = replace(read_thresholds(None), absolute=absolute)
    (found,) = [f for f in of_pair(RunPair(sides[0], sides[1], []), thresholds) if "its own contract" in f.rule]
    return found


OURS, OWN = limiter("ours"), limiter("own", file="own.py")


@pytest.mark.parametrize(
    ("base", "run", "ruling"),
    [
        ([0], [0], "pass"),
        ([1], [1], "pass"),  # broken before
        ([0, 1, 0], [12, 12, 12], "pass"),  # a race that showed in the base: more of it is no new break
        ([1], [0], "pass"),
        ([0], [1], "cannot tell"),  # the article's log: 9 of 8 in one smoke run, not in the other
        ([0, 0, 0], [0, 1, 0], "cannot tell"),
        ([0, 0, 0], [1, 1, 1], "cannot tell"),  # three callers of 36
        ([0, 0, 0], [12, 12, 12], "fail"),
        ([0] * 6, [1] * 6, "fail"),
        ([0] * 6, [1, 0, 1, 0, 1, 0], "cannot tell"),
    ],
)
def test_a_bound_that_is_broken_now_fails_where_it_is_new_beyond_luck(
    recorded: Recorded, base: list[int], run: list[int], ruling: str
) -> None:
    """How many callers broke the bound of one of the suite's limiters, round by round."""
    assert held(recorded, flooded(OURS, base), flooded(OURS, run)).ruling == ruling


def test_a_users_own_limiter_and_a_gate_file_ask_for_the_bound_itself(recorded: Recorded) -> None:
    """One call too many in one round fails, whatever the base did."""
    for base in ([0], [1]):
        assert held(recorded, flooded(OWN, base), flooded(OWN, [1])).ruling == "fail"
        assert held(recorded, flooded(OURS, base), flooded(OURS, [1]), absolute=True).ruling == "fail"
    assert held(recorded, flooded(OWN, [1]), flooded(OWN, [0])).ruling == "pass"


def test_a_limiter_that_the_base_did_not_run_is_not_judged(recorded: Recorded) -> None:
    assert held(recorded, flooded(limiter("another"), [0]), flooded(OURS, [1])).ruling == "cannot tell"


@pytest.mark.parametrize(("broken", "of", "base"), [(1, 1, 1), (3, 3, 3), (2, 5, 7), (6, 36, 36)])
def test_luck_is_the_share_of_the_ways_to_deal_out_the_broken_rounds(broken: int, of: int, base: int) -> None:
    """Counted: of all ways to choose the broken ones among both runs' rounds, those that lie in the run alone."""
    if of + base <= 12:
        ways = list(itertools.combinations(range(of + base), broken))
        assert luck(broken, of, base) == sum(max(way) < of for way in ways) / len(ways)
    assert luck(broken, of, base) == pytest.approx(float(hypergeom.pmf(broken, of + base, of, broken)))


@pytest.mark.parametrize(("rounds", "flood_rounds"), [(1, 1), (8, 3)])
def test_equal_facts_under_another_name_pass(recorded: Recorded, rounds: int, flood_rounds: int) -> None:
    """A run that shows what its base shows passes, though limiters broke their bounds in both."""
    rng = np.random.default_rng(3)
    raced = limiting(flooded(OURS, [12] * flood_rounds))
    side = drawn(recorded, rounds, rng, raced)
    assert exit_code(of_pair(RunPair(side, side, []), read_thresholds(None))) == PASS


@pytest.mark.parametrize(("metric", "sign"), [("hit-rate", -1), ("loads-per-1000-reads", 1)])
def test_only_what_is_worse_by_more_than_the_limit_fails(recorded: Recorded, metric: str, sign: int) -> None:
    """A figure without a resolution that is zero in a round, too, and one that is better when high."""
    whole, _ = recorded
    chosen = (metric_named(metric, "test"),)
    for worse, ruling in ((1.05, "pass"), (1.5, "fail")):
        base = [0.0, *np.linspace(99, 101, 15)]
        run = [0.0, *(v * worse**sign for v in base[1:])]
        key = ("read-heavy", "no-cache", metric)
        sides = [Sampled(whole.run, whole.cells, values={key: side}) for side in (base, run)]
        (found,) = of_pair(
            RunPair(sides[0], sides[1], []), replace(read_thresholds(None), metrics=chosen, contracts=False)
        )
        assert found.ruling == ruling, found
