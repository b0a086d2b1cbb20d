"""Warm the cache before a cell begins: to its steady state, by the contender's own warm-up, or for a baseline."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from stampede.loadtests.appserver.request_drawing import Populations, serving_processes
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan
from stampede.patterns.answer_checks import check_decision, check_error, check_record
from stampede.patterns.caching.cache_pattern import CachePattern, SupportsWarmUp
from stampede.patterns.rate_limiting.rate_limiter import RateLimiter
from stampede.scenarios.traffic.resident_entries import ResidentEntries, resident_entries

Fill = Literal["candidates", "residents", "nothing"]
"""What a process reads before a cell, with loads that cost nothing.

candidates: every record that has an entry when some cell of the run begins, with a long TTL.
residents: those that have an entry when this cell begins, through the cell's own pattern.
nothing: their entries are kept, or the cell begins without any.
"""


class WarmUp:
    """Warms one process's share of the cache."""

    def __init__(self, config: RunConfig, process: int, meter: Meter, populations: Populations) -> None:
        self._config = config
        self._process = process
        self._meter = meter
        self._populations = populations

    def read_entries(
        self, pattern: CachePattern, contender_spec: ContenderSpec, scenario: ScenarioPlan, fill: Fill, seed: int
    ) -> None:
        """Read this process's share of the records of a fill, so that the contender makes their entries."""
        version = checked_version(contender_spec, scenario)

        def read(record_id: int) -> None:
            try:
                answer = pattern.get(record_id)
            except Exception as error:  # noqa: BLE001 - a read that fails here fails in the cell too, which records it
                check_error(contender_spec.name, "get", error)
                self._meter.counts["warm_up_failed"] += 1
            else:
                check_record(contender_spec.name, "get", answer, version)

        mine = self._share_of(contender_spec, scenario, fill, seed)
        commands_before = commands_of(self._meter.counts)
        for record_id in mine[:1]:
            read(record_id)
        if commands_of(self._meter.counts) > commands_before:  # otherwise it has no cache to fill
            with ThreadPoolExecutor(min(self._config.users_per_process, len(mine))) as threads:
                list(threads.map(read, mine))

    def _share_of(self, contender_spec: ContenderSpec, scenario: ScenarioPlan, fill: Fill, seed: int) -> list[int]:
        """This process's share of the records of a fill. Every process draws the same records; they divide them."""
        entries = entries_of(self._config, contender_spec, scenario, self._populations)
        wanted = entries.ids[entries.candidates() if fill == "candidates" else entries.present(seed)]
        serving = serving_processes(self._config, scenario)
        return wanted[self._process :: serving].tolist() if self._process < serving else []

    def fill_cold(self, pattern: SupportsWarmUp, scenario: ScenarioPlan) -> dict[str, float]:
        """Let the contender warm the records that are read at least once per TTL. Returns the cost, as counters of this
        process."""
        workload = scenario.workload
        ids, shares = self._populations.population(scenario)
        popular = ids[shares * workload.rate_per_s * workload.read_share * workload.ttl_s >= 1]
        mine = popular[self._process :: self._config.processes].tolist()
        before, began_ns = self._meter.counts.copy(), now_ns()
        self._meter.simulated_rtt_ns = scenario.simulated_rtt_ns
        pattern.warm(mine)
        spent = self._meter.counts - before
        return {
            "warming_s": (now_ns() - began_ns) / 1e9,
            "warming.records": float(len(mine)),
            "warming.loads": float(spent["load"]),
            "warming.commands": float(commands_of(spent)),
        }

    def fill_baseline(self, pattern: CachePattern, scenario: ScenarioPlan) -> None:
        """Store the one entry from which a baseline answers."""
        ids, _ = self._populations.population(scenario)
        if isinstance(pattern, SupportsWarmUp):
            pattern.warm(ids[:1].tolist())

    def hit_once(self, limiter: RateLimiter, contender_spec: ContenderSpec) -> None:
        """Call a rate limiter once with a separate subject, so that its script is loaded into the server."""
        check_decision(contender_spec.name, limiter.hit(f"warm-up-{self._process}"))


def entries_of(
    config: RunConfig, contender_spec: ContenderSpec, scenario: ScenarioPlan, populations: Populations
) -> ResidentEntries:
    """The entries from which the contender's cells in this scenario begin."""
    settings = contender_spec.configured(scenario.workload.ttl_s, config.key_prefix)
    population = populations.population(scenario)
    return resident_entries(contender_spec.pattern(), settings, scenario.workload, population, config.seed)


def commands_of(counts: Counter[str]) -> int:
    """The number of Redis commands in a process's counters."""
    return sum(count for name, count in counts.items() if name.startswith("command."))


def checked_version(contender_spec: ContenderSpec, scenario: ScenarioPlan) -> str | None:
    """The column that holds the version of each record read; None: records have no version, or it is a baseline."""
    return None if contender_spec.kind == "baseline" else scenario.statements["version_column"]
