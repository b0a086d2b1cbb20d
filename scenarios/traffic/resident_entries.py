"""The entries from which a cell begins: which records have one, and how long each has left.

Every draw is one uniform number per record, and a contender's own law turns it into presence or age. So all contenders
of a round begin with the same records and lifetimes, as far as their laws agree.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import Floats, SteadyState, steady_state, zipf_shares
from stampede.patterns.caching.cache_pattern import CachePattern, Config
from stampede.scenarios.traffic.population import Population
from stampede.scenarios.workload import Workload

Mask = npt.NDArray[np.bool_]

DRAWN_PER_CELL = 2_000
"""The number of the most popular records whose presence is drawn for each cell. That of the others is drawn once for
each run, because their shares of the reads are small and the hit rate hardly depends on the draw."""
MOST_RECORDS = 50_000
"""The most records that have an entry when a cell begins: the most popular ones."""
PRESENCE, AGE = 0, 1
"""Numbers of the random streams."""


@dataclass(frozen=True, kw_only=True)
class ResidentEntries:
    """The steady state of one contender in one scenario, over the records that are requested."""

    population: Population
    law: SteadyState
    run_seed: int

    def present(self, cell_seed: int) -> Mask:
        """Which of the records have an entry when a cell begins."""
        uniform = np.random.default_rng([self.run_seed, PRESENCE]).random(len(self.population))
        popular = self.population.ranks < DRAWN_PER_CELL
        uniform[popular] = np.random.default_rng([cell_seed, PRESENCE]).random(int(popular.sum()))
        drawn = uniform < self.law.presence()
        return np.asarray(drawn & (self.population.ranks < MOST_RECORDS))

    def candidates(self) -> Mask:
        """The records that may have an entry when a cell of this run begins."""
        return np.asarray(self.present(self.run_seed) | (self.population.ranks < DRAWN_PER_CELL))

    def left_shares(self, cell_seed: int) -> Floats:
        """The share of its TTL that each record's entry has left when a cell begins."""
        quantiles = np.random.default_rng([cell_seed, AGE]).random(len(self.population))
        return np.asarray(1 - self.law.ages_s(quantiles) / self.law.ttl_s)


def hits_left_out(workload: Workload) -> float:
    """The share of reads, 0 to 1, that hit an entry of a record beyond MOST_RECORDS, if a write deletes it: so much
    lower is the hit rate at the beginning of a cell. 0 for the user's own SQL, whose number of records is not known."""
    records = workload.active_records or workload.records
    if workload.own_sql or records <= MOST_RECORDS:
        return 0.0
    shares = zipf_shares(records, workload.key_skew)
    reads, writes = (shares * workload.rate_per_s * part for part in (workload.read_share, 1 - workload.read_share))
    law = steady_state(reads, writes, ttl_s=workload.ttl_s, on_write="deletes")
    return float((shares * law.presence())[MOST_RECORDS:].sum())


def resident_entries(
    pattern: type[CachePattern], config: Config, rate_per_s: float, population: Population, run_seed: int
) -> ResidentEntries:
    """The steady state of a contender with this configuration, at that rate of requests for the whole population."""
    of_each_per_s = population.shares * rate_per_s
    law = steady_state(
        of_each_per_s * population.read_shares,
        of_each_per_s * (1 - population.read_shares),
        ttl_s=population.ttls_s,
        on_write=pattern.on_write,
        refresh_below_share=getattr(config, "refresh_below_share", 0.0),
    )
    return ResidentEntries(population=population, law=law, run_seed=run_seed)
