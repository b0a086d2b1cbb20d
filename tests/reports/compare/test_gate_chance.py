"""The gate and chance: unchanged runs pass, changed ones fail, and with a base only a change is a failure."""

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
from stampede.reports.compare.guarantee_changes import GateFinding, chance
from stampede.reports.compare.run_gate import FAIL, PASS, exit_code, of_pair
from stampede.reports.compare.thresholds import metric_named, read_thresholds
from stampede.reports.metrics.metric import Metric
from stampede.reports.topics.rate_limiting.decision_counts.calls import calls
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, SubjectResult, analyse_subject
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


def subjects(broken: int, of: int = 12) -> list[SubjectResult]:
    """The callers of a round: `broken` of them get one call too many in their first window, the others their limit."""
    found = []
    for number in range(of):
        at = np.arange(LIMIT + 1) / 100
        allowed = [True] * LIMIT + [number < broken]
        found.append(analyse_subject(number, "ties", calls(at, at, allowed), FLOOD, STRICT))
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


def flooded(info: ContenderInfo, broken: Sequence[int]) -> LimiterResult:
    """A limiter whose bound the given number of callers broke in each round."""
    cells: Any = [SimpleNamespace(info=SimpleNamespace(round=r)) for r in range(1, len(broken) + 1)]
    rows = [(r, s) for r, count in enumerate(broken, 1) for s in SEEN[count]]
    return LimiterResult(info, FLOODED, cells, rows, None, np.array([]), np.array([]))


def limiting(*found: LimiterResult) -> Any:
    """Limiters that `stampede.reports.topics.rate_limiting.limiter_analysis.judged` returns without an analysis."""
    return SimpleNamespace(once=lambda _make: list(found))


@dataclass(frozen=True)
class Sampled(Analysis):
    """Rounds drawn from a run, treated as a run without warnings."""

    values: Values = field(default_factory=dict)

    @cached_property
    def warnings(self) -> list[RunWarning]:
        return []


Recorded = tuple[Analysis, Values]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A planted run, and each figure that the gate checks, by round."""
    folder = plant(tmp_path_factory.mktemp("runs") / "run", contenders=CONTENDERS, rounds=ROUNDS)
    whole = analyse(read_run(folder))
    keys = itertools.product([s.name for s in whole.scenarios], CONTENDERS, read_thresholds(None).metrics)
    return whole, {(s, c, m.name): rounds_of(whole, s, c, m) for s, c, m in keys}


@pytest.fixture(autouse=True)
def known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the figures of drawn rounds from the recorded ones instead of computing them from samples."""

    def values(analysis: Sampled, scenario: str, contender: str, metric: Metric) -> list[float]:
        return list(analysis.values.get((scenario, contender, metric.name), []))

    for module in (guarantee_changes, regressions):
        monkeypatch.setattr(module, "rounds_of", values)


def drawn(recorded: Recorded, rounds: int, rng: np.random.Generator, limiters: Any = None) -> Sampled:
    """The given number of rounds, drawn with replacement. All figures of one round stay together."""
    whole, values = recorded
    chosen = rng.integers(0, ROUNDS, rounds)
    sampled = {key: [side[i] for i in chosen] for key, side in values.items()}
    return Sampled(whole.run, whole.cells, limiting=limiters, values=sampled)


def racy(rounds: int, probability: float, broken: int, rng: np.random.Generator) -> list[int]:
    """The number of callers that broke the bound in each round: `broken` with a probability, else 0."""
    return [broken if rng.random() < probability else 0 for _ in range(rounds)]


def codes(recorded: Recorded, rounds: int, flood_rounds: int, worse: Mapping[str, float] = {}) -> list[int]:
    """Exit codes of a hundred pairs of runs. `worse`: factors on metrics of no-cache in the second run."""
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
    """Both runs are drawn from one run, with limiters whose race shows in some rounds."""
    assert codes(recorded, rounds, flood_rounds).count(FAIL) <= 1


@pytest.mark.parametrize(("factor", "least"), [(1.2, 60), (2.0, 95)])
def test_more_loads_fail_in_most_pairs(recorded: Recorded, factor: float, least: int) -> None:
    """A fifth more queries per 1,000 reads, and twice as many; a tenth is allowed."""
    assert codes(recorded, 8, 3, {"loads-per-1000-reads": factor}).count(FAIL) >= least


def ruled(recorded: Recorded, base: LimiterResult, run: LimiterResult, *, absolute: bool = False) -> GateFinding:
    """The finding on a limiter's contract in a run with a base."""
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
        ([0, 1, 0], [12, 12, 12], "pass"),  # the base has the race: more breaks are no new break
        ([1], [0], "pass"),
        ([0], [1], "cannot tell"),  # the article's log: 9 of 8 calls in one smoke run only
        ([0, 0, 0], [0, 1, 0], "cannot tell"),
        ([0, 0, 0], [1, 1, 1], "cannot tell"),  # three callers of 36
        ([0, 0, 0], [12, 12, 12], "fail"),
        ([0] * 6, [1] * 6, "fail"),
        ([0] * 6, [1, 0, 1, 0, 1, 0], "cannot tell"),
    ],
)
def test_a_newly_broken_bound_fails_if_chance_does_not_explain_it(
    recorded: Recorded, base: list[int], run: list[int], ruling: str
) -> None:
    """`base` and `run`: the number of callers that broke the bound of one of the suite's limiters, by round."""
    assert ruled(recorded, flooded(OURS, base), flooded(OURS, run)).ruling == ruling


def test_a_users_own_limiter_and_a_gate_file_with_contracts_fail_on_any_break(recorded: Recorded) -> None:
    """One call too many in one round fails, with any base."""
    for base in ([0], [1]):
        assert ruled(recorded, flooded(OWN, base), flooded(OWN, [1])).ruling == "fail"
        assert ruled(recorded, flooded(OURS, base), flooded(OURS, [1]), absolute=True).ruling == "fail"
    assert ruled(recorded, flooded(OWN, [1]), flooded(OWN, [0])).ruling == "pass"


def test_a_limiter_that_the_base_did_not_run_is_not_judged(recorded: Recorded) -> None:
    assert ruled(recorded, flooded(limiter("another"), [0]), flooded(OURS, [1])).ruling == "cannot tell"


@pytest.mark.parametrize(("broken", "of", "base"), [(1, 1, 1), (3, 3, 3), (2, 5, 7), (6, 36, 36)])
def test_chance_is_the_share_of_the_ways_to_distribute_the_broken_rounds(broken: int, of: int, base: int) -> None:
    """The share of all ways to choose the broken rounds among both runs in which all of them are the run's."""
    if of + base <= 12:
        ways = list(itertools.combinations(range(of + base), broken))
        assert chance(broken, of, base) == sum(max(way) < of for way in ways) / len(ways)
    assert chance(broken, of, base) == pytest.approx(float(hypergeom.pmf(broken, of + base, of, broken)))


@pytest.mark.parametrize(("rounds", "flood_rounds"), [(1, 1), (8, 3)])
def test_a_run_with_equal_facts_passes(recorded: Recorded, rounds: int, flood_rounds: int) -> None:
    """A run with the facts of its base passes, although limiters broke their bounds in both."""
    rng = np.random.default_rng(3)
    raced = limiting(flooded(OURS, [12] * flood_rounds))
    side = drawn(recorded, rounds, rng, raced)
    assert exit_code(of_pair(RunPair(side, side, []), read_thresholds(None))) == PASS


@pytest.mark.parametrize(("metric", "sign"), [("hit-rate", -1), ("loads-per-1000-reads", 1)])
def test_only_a_figure_that_is_worse_by_more_than_the_limit_fails(recorded: Recorded, metric: str, sign: int) -> None:
    """One figure has no resolution and is zero in a round; the other is better when high."""
    whole, _ = recorded
    chosen = (metric_named(metric, "test"),)
    for worse, ruling in ((1.05, "pass"), (1.5, "fail")):
        base = [0.0, *np.linspace(99, 101, 15)]
        run = [0.0, *(v * worse**sign for v in base[1:])]
        key = ("read-mostly", "no-cache", metric)
        sides = [Sampled(whole.run, whole.cells, values={key: side}) for side in (base, run)]
        (found,) = of_pair(
            RunPair(sides[0], sides[1], []), replace(read_thresholds(None), metrics=chosen, contracts=False)
        )
        assert found.ruling == ruling, found
