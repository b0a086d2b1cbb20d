"""Warm the cache before a cell begins: to its steady state, by the contender's own warm-up, or for a baseline."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

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
        self,
        patterns: Sequence[CachePattern],
        contender_spec: ContenderSpec,
        scenario: ScenarioPlan,
        fill: Fill,
        seed: int,
    ) -> None:
        """Read this process's share of the records of a fill, so that the contender makes their entries.

        `patterns`: the contender of each query.
        """
        versions = checked_versions(contender_spec, scenario)
        population = self._populations.population(scenario)

        def read(position: int) -> None:
            query = population.query_at(position)
            try:
                answer = patterns[query].get(population.record_id(position))
            except Exception as error:  # noqa: BLE001 - a read that fails here fails in the cell too, which records it
                check_error(contender_spec.name, "get", error)
                self._meter.counts["warm_up_failed"] += 1
            else:
                check_record(contender_spec.name, "get", answer, versions[query])

        mine = self._share_of(contender_spec, scenario, fill, seed)
        commands_before = commands_of(self._meter.counts)
        for position in mine[:1]:
            read(position)
        if commands_of(self._meter.counts) > commands_before:  # otherwise it has no cache to fill
            with ThreadPoolExecutor(min(self._config.users_per_process, len(mine))) as threads:
                list(threads.map(read, mine))

    def _share_of(self, contender_spec: ContenderSpec, scenario: ScenarioPlan, fill: Fill, seed: int) -> list[int]:
        """This process's share of the positions of a fill. Every process draws the same ones; they divide them."""
        entries = entries_of(self._config, contender_spec, scenario, self._populations)
        wanted = np.flatnonzero(entries.candidates() if fill == "candidates" else entries.present(seed))
        serving = serving_processes(self._config, scenario)
        return wanted[self._process :: serving].tolist() if self._process < serving else []

    def fill_cold(self, patterns: Sequence[CachePattern], scenario: ScenarioPlan) -> dict[str, float]:
        """Let the contender warm the records that are read at least once per TTL. Returns the cost, as counters of this
        process."""
        population = self._populations.population(scenario)
        reads_per_ttl = population.shares * scenario.workload.rate_per_s * population.read_shares * population.ttls_s
        mine = np.flatnonzero(reads_per_ttl >= 1)[self._process :: self._config.processes].tolist()
        ids = population.split(mine)
        before, began_ns = self._meter.counts.copy(), now_ns()
        self._meter.simulated_rtt_ns = scenario.simulated_rtt_ns
        for pattern, of_query in zip(patterns, ids, strict=True):
            if isinstance(pattern, SupportsWarmUp):
                pattern.warm(of_query)
        spent = self._meter.counts - before
        return {
            "warming_s": (now_ns() - began_ns) / 1e9,
            "warming.records": float(len(mine)),
            "warming.loads": float(spent["load"]),
            "warming.commands": float(commands_of(spent)),
        }

    def fill_baseline(self, patterns: Sequence[CachePattern], scenario: ScenarioPlan) -> None:
        """Store the one entry from which a baseline answers the requests of each query."""
        population = self._populations.population(scenario)
        for pattern, query in zip(patterns, population.queries, strict=True):
            if isinstance(pattern, SupportsWarmUp):
                pattern.warm([population.record_id(query.first)])

    def hit_once(self, limiter: RateLimiter, contender_spec: ContenderSpec) -> None:
        """Call a rate limiter once with a separate subject, so that its script is loaded into the server."""
        check_decision(contender_spec.name, limiter.hit(f"warm-up-{self._process}"))


def entries_of(
    config: RunConfig, contender_spec: ContenderSpec, scenario: ScenarioPlan, populations: Populations
) -> ResidentEntries:
    """The entries from which the contender's cells in this scenario begin."""
    settings = contender_spec.configured(scenario.workload.ttl_s, config.key_prefix)
    population = populations.population(scenario)
    return resident_entries(contender_spec.pattern(), settings, scenario.workload.rate_per_s, population, config.seed)


def commands_of(counts: Counter[str]) -> int:
    """The number of Redis commands in a process's counters."""
    return sum(count for name, count in counts.items() if name.startswith("command."))


def checked_versions(contender_spec: ContenderSpec, scenario: ScenarioPlan) -> list[str | None]:
    """The column of each query that holds the version of each record read; None: its records have no version, or the
    contender is a baseline."""
    return [None if contender_spec.kind == "baseline" else query.version_column for query in scenario.queries]
