"""The entries from which a cell begins: which records have one, and how long each has left.

Every draw is one uniform number per record, and a contender's own law turns it into presence or age. So all contenders
of a round begin with the same records and lifetimes, as far as their laws agree.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import Floats, SteadyState, steady_state
from stampede.patterns.caching.cache_pattern import CachePattern, Config
from stampede.scenarios.traffic.key_distributions import Ids, Shares
from stampede.scenarios.workload import Workload

Mask = npt.NDArray[np.bool_]

FEW_RECORDS = 2_000
"""Up to this many records, presence is drawn for each cell. Above, it is drawn once for each run: a record matters so
little then that the hit rate does not depend on the draw."""
MOST_ENTRIES = 50_000
"""The most entries with which a cell begins: those of the most popular records."""
PRESENCE, AGE = 0, 1
"""Numbers of the random streams."""


@dataclass(frozen=True, kw_only=True)
class ResidentEntries:
    """The steady state of one contender in one scenario, over the records that are requested."""

    ids: Ids
    """Most popular first."""
    law: SteadyState
    run_seed: int

    def present(self, cell_seed: int) -> Mask:
        """Which of the records have an entry when a cell begins."""
        seed = cell_seed if len(self.ids) <= FEW_RECORDS else self.run_seed
        drawn = np.random.default_rng([seed, PRESENCE]).random(len(self.ids)) < self.law.presence()
        return np.asarray(drawn & (np.cumsum(drawn) <= MOST_ENTRIES))

    def candidates(self) -> Mask:
        """The records that may have an entry when a cell of this run begins."""
        if len(self.ids) <= FEW_RECORDS:
            return np.ones(len(self.ids), dtype=np.bool_)
        return self.present(self.run_seed)

    def left_shares(self, cell_seed: int) -> Floats:
        """The share of its TTL that each record's entry has left when a cell begins."""
        quantiles = np.random.default_rng([cell_seed, AGE]).random(len(self.ids))
        return np.asarray(1 - self.law.ages_s(quantiles) / self.law.ttl_s)


def resident_entries(
    pattern: type[CachePattern], config: Config, workload: Workload, population: tuple[Ids, Shares], run_seed: int
) -> ResidentEntries:
    """The steady state of a contender with this configuration. `population`: ids, most popular first, and shares."""
    ids, shares = population
    law = steady_state(
        shares * workload.rate_per_s * workload.read_share,
        shares * workload.rate_per_s * (1 - workload.read_share),
        ttl_s=workload.ttl_s,
        on_write=pattern.on_write,
        refresh_below_share=getattr(config, "refresh_below_share", 0.0),
    )
    return ResidentEntries(ids=ids, law=law, run_seed=run_seed)
