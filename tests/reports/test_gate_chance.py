"""The gate and luck: unchanged runs do not fail, changed ones do; against a base only what changed is a failure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from artefact.doubts import Doubt
from artefact.read import read_run
from artefact.schema import ContenderInfo, ScenarioInfo
from reports.comparing import contracts, regressions
from reports.comparing.compare import Pair, rounds_of
from reports.comparing.contracts import luck
from reports.comparing.gate import CANNOT_TELL, FAIL, PASS, exit_code, of_pair
from reports.comparing.thresholds import read_thresholds
from reports.judge import Judgement, judge
from reports.limiting.calls import calls
from reports.limiting.judge import LimiterJudged, SubjectJudged, judge_subject
from reports.metrics.metric import Metric
from tests.reports.planted import plant

CONTENDERS = ("no-cache", "cache-aside", "coalescing", "refresh-ahead", "bare-get")
ROUNDS = 8
PAIRS = 100
LIMIT, WINDOW_S = 8, 0.4
FLOOD = {"limit": LIMIT, "window_s": WINDOW_S, "burst": None, "crowds": [{"adversary": "ties", "subjects": 12}]}
STRICT = {"kind": "strict", "limit": LIMIT, "window_s": WINDOW_S}
Values = Mapping[tuple[str, str, str], list[float]]


def limiter(name: str, file: str | None = None) -> ContenderInfo:
    return ContenderInfo(
        name=name,
        kind="contender",
        summary="planted",
        promises=[],
        config={},
        client={},
        family="limiting",
        contracts={"flood": STRICT},
        file=file,
    )


def subjects(broken: int, of: int = 12) -> list[SubjectJudged]:
    """So many callers of one round with a call too many in their first window; the others get their limit."""
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
    """A limiter whose bound so many callers broke in each round."""
    cells: Any = [SimpleNamespace(info=SimpleNamespace(round=r)) for r in range(1, len(broken) + 1)]
    rows = [(r, s) for r, count in enumerate(broken, 1) for s in SEEN[count]]
    return LimiterJudged(info, FLOODED, cells, rows, None, np.array([]), np.array([]))


def limiting(*found: LimiterJudged) -> Any:
    """What `reports.limiting.judge.judged` has already judged."""
    return SimpleNamespace(_limiters=list(found))


@dataclass(frozen=True)
class Sampled(Judgement):
    """Rounds that were drawn from a run, judged as a run of its own; its doubts are those of the whole."""

    values: Values = field(default_factory=dict)

    @property
    def doubts(self) -> list[Any]:  # type: ignore[override]
        return []


Recorded = tuple[Judgement, Values]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A planted run, and each figure that the gate judges, round by round."""
    folder = plant(tmp_path_factory.mktemp("runs") / "run", contenders=CONTENDERS, rounds=ROUNDS)
    whole = judge(read_run(folder))
    keys = itertools.product([s.name for s in whole.scenarios], CONTENDERS, read_thresholds(None).metrics)
    return whole, {(s, c, m.name): rounds_of(whole, s, c, m) for s, c, m in keys}


@pytest.fixture(autouse=True)
def known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure of a round that was drawn is the recorded one: it is not made again from the samples."""

    def values(judgement: Sampled, scenario: str, contender: str, metric: Metric) -> list[float]:
        return list(judgement.values.get((scenario, contender, metric.name), []))

    for module in (contracts, regressions):
        monkeypatch.setattr(module, "rounds_of", values)


def drawn(recorded: Recorded, rounds: int, rng: np.random.Generator, limiters: Any = None) -> Sampled:
    """So many rounds with replacement: all figures of one round stay together."""
    whole, values = recorded
    chosen = rng.integers(0, ROUNDS, rounds)
    sampled = {key: [side[i] for i in chosen] for key, side in values.items()}
    return Sampled(whole.run, whole.cells, limiting=limiters, values=sampled)


def racy(rounds: int, chance: float, broken: int, rng: np.random.Generator) -> list[int]:
    """How many callers broke the bound in each round: in some rounds so many, in the others none."""
    return [broken if rng.random() < chance else 0 for _ in range(rounds)]


def codes(recorded: Recorded, rounds: int, flood_rounds: int, worse: Mapping[str, float] | None = None) -> list[int]:
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
            if name == "no-cache" and metric in (worse or {}):
                side[:] = [v * worse[metric] for v in side]
        found.append(exit_code(of_pair(Pair(*sides, []), read_thresholds(None))))
    return found


@pytest.mark.parametrize(("rounds", "flood_rounds"), [(1, 1), (2, 2), (8, 3), (8, 8), (20, 6)])
def test_a_hundred_pairs_of_unchanged_runs_fail_at_most_once(
    recorded: Recorded, rounds: int, flood_rounds: int
) -> None:
    """Rounds drawn twice from one run, with limiters whose race shows in some rounds."""
    found = codes(recorded, rounds, flood_rounds)
    print(rounds, flood_rounds, {c: found.count(c) for c in (0, 1, 3)})
    assert found.count(FAIL) <= 1


