"""Self-test of whole answers: worlds with a known right answer, each decided by the rule in many simulated runs.

Nothing is measured. A run is RUN_ROUNDS rounds of values that scatter as real rounds do; the rule sees nothing else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.recommend.requirements import NO_STALE_AFTER_ACKNOWLEDGEMENT, STALE_AT_MOST_TTL
from stampede.reports.recommend.rule.caching_rows import caching_row
from stampede.reports.recommend.rule.questions import Question
from stampede.reports.statistics.estimate import Estimate, median
from stampede.run_folder.races_json import InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

SIMULATED_RUNS = 200
"""In how many simulated runs the command decides each world."""
RUN_ROUNDS = 8
"""The rounds of plan quick."""
SCATTER = 0.06
"""Standard deviation of the log ratio of two contenders in one round."""
DRIFT = 0.10
"""Standard deviation of what all contenders of a round share; it cancels in pairs."""
P99_SCATTER = 0.5
"""Standard deviation of the log ratio of two contenders' p99 in one round."""
LEAST_RIGHT = 0.95
"""The share of simulated runs that must be decided as planted."""
PLACE = "planted"
SIMPLE, COPY, BETTER = "simple", "simple-again", "better"
OTHERS = ("two-parts", "three-parts", "four-parts")
QUESTION = Question(
    name="planted",
    text="Planted",
    scenario=PLACE,
    metric="loads-per-1000-reads",
    requirements=(STALE_AT_MOST_TTL, NO_STALE_AFTER_ACKNOWLEDGEMENT),
    minimum_difference=10.0,
)
GUARANTEES = [requirement.guarantee for requirement in QUESTION.requirements]


@dataclass(frozen=True, kw_only=True)
class PlantedWorld:
    """True values of contenders, and the answer that is right for them."""

    name: str
    right: str
    """The contender that a good engineer picks."""
    level: Mapping[str, float] = field(default_factory=dict)
    """The true value of the question's metric, as a multiple of the simple contender's; 1 if absent."""
    unguaranteed: frozenset[str] = frozenset()
    """Contenders that do not guarantee what the question requires."""
    broken: frozenset[str] = frozenset()
    """Contenders whose guarantee an order of steps breaks."""
    lucky: str = ""
    """The contender whose p99 is by chance the lowest in every round."""


WORLDS = (
    PlantedWorld(name="one contender makes 20 % fewer queries", right=BETTER, level={BETTER: 0.8}),
    PlantedWorld(name="all contenders are equal", right=SIMPLE),
    PlantedWorld(name="one contender is better only by luck in p99", right=SIMPLE, lucky=BETTER),
    PlantedWorld(
        name="one contender is better and does not give the guarantee",
        right=SIMPLE,
        level={BETTER: 0.6},
        unguaranteed=frozenset({BETTER}),
    ),
    PlantedWorld(
        name="one contender is better and a race breaks its guarantee",
        right=SIMPLE,
        level={BETTER: 0.6},
        broken=frozenset({BETTER}),
    ),
)


@dataclass(frozen=True, kw_only=True)
class WorldResult:
    """How a world was decided in many simulated runs."""

    world: PlantedWorld
    runs: int
    right: int
    """Runs with the planted answer."""
    wrong_with_high: int
    """Runs with another answer and the certainty "high"."""
    certainties: Mapping[str, int]
    """By certainty: number of runs."""

    @property
    def passed(self) -> bool:
        """Whether enough runs were decided as planted, and none wrongly with the certainty "high"."""
        return self.right >= LEAST_RIGHT * self.runs and not self.wrong_with_high


def planted_contenders(world: PlantedWorld) -> list[ContenderInfo]:
    """The contenders of a world. Those that come later have more moving parts."""

    def info(name: str, parts: int, copy_of: str | None = None) -> ContenderInfo:
        return ContenderInfo(
            name=name,
            kind="contender" if copy_of is None else "aa-copy",
            summary="planted",
            guarantees=[] if name in world.unguaranteed else GUARANTEES,
            config={},
            client={},
            copy_of=copy_of,
            moving_parts=[f"part {n}" for n in range(1, parts + 1)],
        )

    names = (SIMPLE, *OTHERS, BETTER)
    return [*(info(name, parts) for parts, name in enumerate(names, 1)), info(COPY, 1, SIMPLE)]


def planted_races(world: PlantedWorld) -> RacesInfo:
    """Explored orders of steps: every guarantee is kept, except those of the world's broken contenders."""
    invariants = [requirement.invariant for requirement in QUESTION.requirements]
    names = (SIMPLE, *OTHERS, BETTER)
    return RacesInfo(
        started_utc="",
        command="",
        bound=1,
        contenders=[{"name": name} for name in names],
        situations=[SituationInfo(name="alone", said="", adversary="nothing")],
        invariants=[InvariantInfo(name=name, says="") for name in invariants],
        verdicts=[
            VerdictInfo(
                contender=name,
                situation="alone",
                invariant=invariant,
                verdict="broken" if name in world.broken and invariant == invariants[-1] else "kept",
                guaranteed=name not in world.unguaranteed,
                schedules=9,
                complete=True,
            )
            for name in names
            for invariant in invariants
        ],
    )


def simulated_run(world: PlantedWorld, rng: np.random.Generator, rounds: int = RUN_ROUNDS) -> PlainFigures:
    """The figures of one run of a world."""
    contenders = planted_contenders(world)
    shared = rng.normal(0, DRIFT, rounds)
    values: dict[tuple[str, str, str], Sequence[float]] = {}
    figures: dict[tuple[str, str, str], Estimate] = {}
    for c in contenders:
        own = rng.normal(0, SCATTER / np.sqrt(2), rounds)
        tail = rng.normal(0, P99_SCATTER / np.sqrt(2), rounds)
        if c.name == world.lucky:
            tail = -2 * np.abs(tail)
        values[PLACE, c.name, QUESTION.metric] = list(100 * world.level.get(c.name, 1.0) * np.exp(shared + own))
        values[PLACE, c.name, "read-p99"] = list(20 * np.exp(shared + tail))
        for metric in (QUESTION.metric, "read-p99"):
            figures[PLACE, c.name, metric] = median(values[PLACE, c.name, metric])
        figures |= {(PLACE, c.name, count): Estimate(value=1000.0, rounds=rounds) for count in ("due", "answered")}
    return PlainFigures(
        contenders=contenders,
        scenarios=[planted_scenario()],
        figures=figures,
        values=values,
        reference=SIMPLE,
        rounds=rounds,
    )


def planted_scenario() -> ScenarioInfo:
    """The scenario of every world."""
    return ScenarioInfo(
        name=PLACE,
        question="Which contender is right?",
        application="none",
        expectation="the planted answer",
        workload={"read_share": 0.9, "ttl_s": 300.0, "load_cpu_ms": 1.0, "load_wait_ms": 4.0, "rtt_ms": 0.5},
        window_s=5.0,
        drain_s=2.0,
        processes=2,
    )


def decided(world: PlantedWorld, runs: int, seed: int = 1) -> WorldResult:
    """Decide a world in that many simulated runs."""
    rng = np.random.default_rng(seed)
    races = planted_races(world)
    rows = [caching_row(simulated_run(world, rng), QUESTION, races) for _ in range(runs)]
    return WorldResult(
        world=world,
        runs=runs,
        right=sum(row.pick == world.right for row in rows),
        wrong_with_high=sum(row.pick != world.right and row.certainty == "high" for row in rows),
        certainties=Counter(str(row.certainty) for row in rows),
    )


def world_line(result: WorldResult) -> str:
    """One line of text for a world."""
    sure = ", ".join(f"{word} {result.certainties.get(word, 0)}" for word in ("high", "tied", "low"))
    return (
        f"{'pass' if result.passed else 'FAIL'} · planted: {result.world.name}: {result.right} of {result.runs} runs "
        f"answer {result.world.right}; {result.wrong_with_high} wrong with certainty high ({sure})"
    )
