"""Plans: named choices of scenarios, contenders and rounds.

A round runs every contender once in every scenario, in random order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stampede.core.errors import ConfigError, require

REFERENCE = "cache-aside"
"""The contender that all others are compared with, unless the user names another."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a bench runs."""

    name: str
    rounds: int
    scenarios: tuple[str, ...]
    contenders: tuple[str, ...] = ()
    """The caching patterns of the suite that run. Empty: all."""
    aa_copy: bool = True
    """Whether the reference also runs as an A/A copy, which gives the noise floor."""
    fewer_rounds: Mapping[str, int] = field(default_factory=dict)
    """Scenario to its number of rounds, if lower. Counts need fewer rounds than times."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Scenario to the contenders that run in it. Not listed: all of its kind."""
    flood_windows: int = 4
    """How many windows of its limit a flood lasts."""
    windows: int = 1
    """How many of a scenario's windows a cell lasts."""
    experiments: tuple[str, ...] = ()
    """The experiments that run after the cells."""
    small_experiments: bool = False
    """Whether the experiments run in their short form."""
    races: bool = False
    """Whether the schedules of the contenders are explored at the end."""

    def __post_init__(self) -> None:
        require(1 <= self.rounds <= 1000, "rounds", self.rounds, "1 to 1,000")
        require(self.windows >= 1, "windows", self.windows, "1 or more")
        parts = len(self.scenarios) + len(self.experiments)
        require(parts > 0, "scenarios", self.scenarios, "at least one, or an experiment")
        require(2 <= self.flood_windows <= 10_000, "flood_windows", self.flood_windows, "2 to 10,000")

    def rounds_of(self, scenario: str) -> int:
        """The number of rounds of a scenario."""
        return min(self.rounds, self.fewer_rounds.get(scenario, self.rounds))


MAIN_SCENARIOS = ("read-mostly", "stampede", "rate-limit-flood")
EXPERIMENTS = ("eviction", "pipelining", "serializer-cost", "monitor-cost", "over-http")
FAULT_SCENARIOS = ("redis-killed", "redis-hung", "cold-start", "refresh-queue")
"""Reported in separate sections without verdicts. Their effects are much larger than noise, so few rounds suffice."""
DATABASE_SCENARIOS = ("database-locked", "database-slow")
"""Fault scenarios of the database. Plan standard has no time for them."""
LONG_SCENARIOS = ("redis-hung-minute",)
"""Scenarios with cells of a minute and a half. One round is enough."""
VARIANTS = ("read-mostly-at-0ms", "stampede-at-0ms", "stampede-one-process", "slow-load")
"""The deciding scenarios, each repeated under one other condition."""
TTL_SCENARIOS = ("read-mostly-ttl-10s", "read-mostly-ttl-60s")
"""Points of the curve of the hit rate against the TTL, with read-mostly as the third. They are no row of the answer."""
TTL_ROUNDS = 3
ARTICLE_PATTERNS = ("no-cache", "cache-aside", "write-through", "refresh-ahead", "coalescing")
"""The article's four patterns, and no cache."""
FIXED_PATTERNS = ("cache-aside-lease", "write-through-versioned", "coalescing-owned", "refresh-ahead-single")
"""The corrected versions of the article's patterns."""
FIXED_READS = ("cache-aside-lease", "coalescing-owned", "refresh-ahead-single")
"""Those whose reads differ. A stampede has no writes."""
INVALIDATION_PATTERNS = ("ttl-only", "versioned-keys")
"""Other ways to invalidate. They matter only with writes."""
HOT_KEY_CONTENDERS = ("cache-aside", "refresh-ahead", "coalescing")
"""The article's patterns on one hot key. no-cache is left out: it has no expiries, and its rank is known. Without
writes, write-through does the same as cache-aside."""
VARIANT_CONTENDERS: Mapping[str, tuple[str, ...]] = dict.fromkeys(VARIANTS, ARTICLE_PATTERNS) | {
    "stampede-at-0ms": HOT_KEY_CONTENDERS,
    "stampede-one-process": HOT_KEY_CONTENDERS,
}
"""The contenders of each variant."""
WRITE_CONTENDERS = ("no-cache", "cache-aside", "write-through", "ttl-only", "versioned-keys", "write-through-versioned")
"""The contenders that show the possible effects of a write."""

PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        # does everything work? One round gives no verdicts
        Plan(
            name="smoke",
            rounds=1,
            scenarios=MAIN_SCENARIOS,
            contenders=ARTICLE_PATTERNS,
            aa_copy=False,
            flood_windows=2,
            experiments=("pipelining", "monitor-cost"),
            small_experiments=True,
        ),
        # which contender? Eight rounds are the fewest that give an interval for every comparison
        Plan(
            name="quick",
            rounds=8,
            scenarios=(*MAIN_SCENARIOS, *TTL_SCENARIOS),
            contenders=ARTICLE_PATTERNS,
            only={"stampede": (*HOT_KEY_CONTENDERS, "write-through")},
            fewer_rounds={"rate-limit-flood": 3, **dict.fromkeys(TTL_SCENARIOS, TTL_ROUNDS)},
            experiments=("eviction", "pipelining", "serializer-cost"),
            small_experiments=True,
        ),
        # the whole article: nine rounds allow a correction over the eight comparisons of a deciding scenario
        Plan(
            name="standard",
            rounds=9,
            scenarios=(*MAIN_SCENARIOS, *TTL_SCENARIOS, *VARIANTS, "mixed-writes", *FAULT_SCENARIOS),
            contenders=(*ARTICLE_PATTERNS, *FIXED_PATTERNS, *INVALIDATION_PATTERNS),
            only={
                "read-mostly": (*ARTICLE_PATTERNS, *FIXED_PATTERNS),
                "stampede": (*HOT_KEY_CONTENDERS, "write-through", *FIXED_READS),
                **VARIANT_CONTENDERS,
                "mixed-writes": WRITE_CONTENDERS,
            },
            fewer_rounds={
                "rate-limit-flood": 6,
                "read-mostly-at-0ms": 8,
                "stampede-at-0ms": 7,
                "stampede-one-process": 7,
                "slow-load": 6,
                "mixed-writes": 8,
                **dict.fromkeys(TTL_SCENARIOS, TTL_ROUNDS),
                **dict.fromkeys(FAULT_SCENARIOS, 3),
            },
            experiments=EXPERIMENTS,
            races=True,
        ),
        Plan(
            name="full",
            rounds=20,
            scenarios=(
                *MAIN_SCENARIOS,
                *TTL_SCENARIOS,
                *VARIANTS,
                "mixed-writes",
                *FAULT_SCENARIOS,
                *DATABASE_SCENARIOS,
                *LONG_SCENARIOS,
            ),
            fewer_rounds=dict.fromkeys((*TTL_SCENARIOS, *FAULT_SCENARIOS, *DATABASE_SCENARIOS), 3)
            | dict.fromkeys(LONG_SCENARIOS, 1),
            flood_windows=20,
            experiments=(*EXPERIMENTS, "limiter-memory"),
            races=True,
        ),
    )
}

BUDGETS_S: Mapping[str, float] = {"smoke": 75, "quick": 8 * 60, "standard": 30 * 60}
"""How long a plan may take on two cores, including its preparation and its report."""

WEB = "web"
"""The plan of Locust's page: the scenario and contender that the user selects there, in long cells."""


def find_plan(name: str) -> Plan:
    """The plan of that name. Raises ConfigError with the known names."""
    if name not in PLANS:
        raise ConfigError("plan", name, f"one of {', '.join(PLANS)}")
    return PLANS[name]
